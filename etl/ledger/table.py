"""A table of the ledger, declared from the value that its rows are: columns, SQL and seals follow from that.

A seal is the CRC-32 of the row's cells. SQLite checks the structure of its file, not what the cells hold: without
seals a flipped bit in a bitmap would silently skip an event. CRC-32 finds every single flipped bit.
"""

import dataclasses
import sqlite3
import types
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Any, Generic, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from etl.ledger.failure import Damage

__all__ = ["PATH", "Cell", "Codec", "Row", "Table", "seal_of"]

Cell = str | bytes | int | float | None
Row = tuple[Any, ...]
T = TypeVar("T")


def seal_of(name: str, cells: Sequence[Cell]) -> int:
    """Return the seal of a row of the table `name`."""
    seal = zlib.crc32(name.encode())
    for cell in cells:
        piece = cell if isinstance(cell, bytes) else repr(cell).encode()
        seal = zlib.crc32(piece, zlib.crc32(b"%d:" % len(piece), seal))
    return seal


class Codec(NamedTuple):
    """How a value of one type becomes a cell, and a cell the value; None where they are the same."""

    to_cell: Callable[[Any], Cell] | None = None
    to_value: Callable[[Any], Any] | None = None


def _storable(text: str) -> str:
    """Return `text` as a cell can hold it; what no text can hold (a lone surrogate of an answer) becomes `?`."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _path_cell(path: str) -> Cell:
    raw = path.encode(errors="surrogateescape")
    return raw if raw.decode(errors="replace") != path else path


def _path_of(cell: str | bytes) -> str:
    return cell.decode(errors="surrogateescape") if isinstance(cell, bytes) else cell


# A path that is not UTF-8 is kept as its bytes.
PATH = Codec(_path_cell, _path_of)
_CODECS: Mapping[type, Codec] = {
    int: Codec(),
    bytes: Codec(),
    str: Codec(_storable),
    float: Codec(float),
    bool: Codec(int, bool),
}


def _if_any(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _codec_of(kind: Any) -> Codec:
    """Return how a value annotated with the type `kind` is kept."""
    if get_origin(kind) in (Union, types.UnionType):
        inner = _codec_of(next(one for one in get_args(kind) if one is not type(None)))
        return Codec(_if_any(inner.to_cell), _if_any(inner.to_value))
    if get_origin(kind) is Literal:
        return _CODECS[type(get_args(kind)[0])]
    if issubclass(kind, Enum):
        return Codec(attrgetter("value"), kind)
    return _CODECS[kind]


class _Shape(NamedTuple):
    """A value taken apart: the path of each field, its codec, and what puts a value together from so many cells."""

    fields: tuple[str, ...]
    codecs: tuple[Codec, ...]
    make: Callable[..., Any]


def _field_names(kind: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # else it is a named tuple
    return names


def _is_value(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")


def _shape_of(kind: type, apart: Sequence[str], special: Mapping[str, Codec]) -> _Shape:
    hints = get_type_hints(kind)
    fields: list[str] = []
    codecs: list[Codec] = []
    inner: list[tuple[int, int, Callable[..., Any]]] = []
    for name in _field_names(kind):
        if name in apart:
            continue
        held = next((one for one in (hints[name], *get_args(hints[name])) if _is_value(one)), None)
        if held is None:
            fields.append(name)
            codecs.append(special.get(name) or _codec_of(hints[name]))
        else:
            nested = _shape_of(held, (), special)
            inner.append((len(fields), len(fields) + len(nested.fields), nested.make))
            fields += [f"{name}.{field}" for field in nested.fields]
            codecs += nested.codecs
    return _Shape(tuple(fields), tuple(codecs), partial(_make_nested, kind, inner) if inner else kind)


def _make_nested(kind: type, inner: Sequence[tuple[int, int, Callable[..., Any]]], *values: Any) -> Any:
    parts = list(values)
    for start, end, make in reversed(inner):
        parts[start:end] = [make(*parts[start:end])]
    return kind(*parts)


class Table(Generic[T]):
    """One table, whose rows are values of `kind` below a key of their own.

    A column is a field of the value, those of a value in it among them, in their order. `under` are the columns before
    them that say whose the value is; of all columns the first `n_key` are the key. `called` names the columns that
    aren't called as their field, `apart` are fields that aren't kept here, `special` is how fields are kept that their
    type doesn't tell. `is_checked_late`: its seals are checked when its rows are read, not when the ledger is opened.
    """

    def __init__(  # noqa: PLR0913 - a table is declared in one line, mostly by the first two
        self,
        name: str,
        kind: type[T],
        n_key: int = 1,
        *,
        under: tuple[str, ...] = (),
        called: Mapping[str, str] | None = None,
        apart: Sequence[str] = (),
        special: Mapping[str, Codec] | None = None,
        is_checked_late: bool = False,
    ) -> None:
        shape = _shape_of(kind, apart, special or {})
        names = {field: (called or {}).get(field, field.rpartition(".")[2]) for field in shape.fields}
        self.name, self.is_checked_late = name, is_checked_late
        self.columns = (*under, *names.values())
        self._n_under = len(under)
        self._take, self._make = attrgetter(*shape.fields), shape.make
        self._to_cells = [(at, codec.to_cell) for at, codec in enumerate(shape.codecs) if codec.to_cell]
        self._to_values = [(at, codec.to_value) for at, codec in enumerate(shape.codecs) if codec.to_value]
        every = (*self.columns, "seal")
        key = " AND ".join(f"{column} = ?" for column in every[:n_key])
        changing = ", ".join(f"{column} = ?" for column in every[n_key:])
        listed = ", ".join(every)
        self._n_key = n_key
        self._insert = f"INSERT INTO {name} ({listed}) VALUES ({', '.join('?' * len(every))})"  # noqa: S608 - our own names
        self._update = f"UPDATE {name} SET {changing} WHERE {key}"  # noqa: S608 - our own names
        self._delete = f"DELETE FROM {name} WHERE {key}"  # noqa: S608 - our own names
        self._select = f"SELECT {listed} FROM {name} "  # noqa: S608 - our own names

    def insert(self, connection: sqlite3.Connection, values: Iterable[T], *under: Cell) -> None:
        """Add `values`, all of them under the same."""
        connection.executemany(self._insert, (self._seal(value, under) for value in values))

    def update(self, connection: sqlite3.Connection, value: T, *under: Cell) -> None:
        """Replace the row that has the key of `value`."""
        cells = self._seal(value, under)
        connection.execute(self._update, (*cells[self._n_key :], *cells[: self._n_key]))

    def delete(self, connection: sqlite3.Connection, *key: Cell) -> None:
        """Remove the row that has `key`, if there is one."""
        connection.execute(self._delete, key)

    def select(
        self, connection: sqlite3.Connection, rest: str = "", values: Sequence[Cell] = ()
    ) -> Iterator[T]:
        """Yield the values that the SQL `rest` picks; raises Damage where one is not as it was written."""
        for _, value in self.select_under(connection, rest, values):
            yield value

    def select_under(
        self, connection: sqlite3.Connection, rest: str = "", values: Sequence[Cell] = ()
    ) -> Iterator[tuple[Row, T]]:
        """Yield, as `select` does, each value behind what it is under."""
        for row in connection.execute(self._select + rest, values):
            if seal_of(self.name, row[:-1]) != row[-1]:
                raise Damage(f"a row of `{self.name}` is not as it was written")
            cells = list(row[self._n_under : -1])
            for at, convert in self._to_values:
                cells[at] = convert(cells[at])
            yield row[: self._n_under], self._make(*cells)

    def _seal(self, value: T, under: Sequence[Cell]) -> Row:
        """Return the row of `value`, with its seal."""
        cells = list(self._take(value))
        for at, convert in self._to_cells:
            cells[at] = convert(cells[at])
        row = (*under, *cells)
        return (*row, seal_of(self.name, row))
