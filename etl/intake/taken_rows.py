"""The rejects that are tried again, by file and row, as compact text: a few are parsed at a time. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import orjson
import polars as pl

from etl.intake.mended import RowKey
from etl.state.rejects import PLACE

__all__ = ["TakenRow", "TakenRows"]

ROWS_AT_ONCE: Final = 8_192
_SCHEMA: Final = {
    "load": pl.UInt32(),
    "file": pl.String(),
    "row": pl.UInt32(),
    "source": pl.String(),
    "edited": pl.List(pl.String()),
}


@dataclass(frozen=True, slots=True)
class TakenRow:
    """One reject to try again: where it is from, its original columns as they are now, and the edited ones."""

    key: RowKey
    values: dict[str, Any]
    edited: frozenset[str] = frozenset()


class TakenRows:
    """Rejects to try again, sorted by file and row. Memory holds the text of their original columns."""

    def __init__(self, frames: Iterable[pl.DataFrame]) -> None:
        """Take frames of `load`, `file`, `row`, `source` and, where a person edited some, `edited`."""
        conformed = [
            frame.select(
                (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in _SCHEMA.items()
            )
            for frame in frames
        ]
        self._frame = pl.concat([pl.DataFrame(schema=_SCHEMA), *conformed]).sort("file", "row")

    @classmethod
    def of(cls, rows: Sequence[TakenRow]) -> Self:
        """Return the rows, which a person may have edited."""
        made = [
            (*row.key, json.dumps(row.values, ensure_ascii=False), sorted(row.edited) or None) for row in rows
        ]
        return cls([pl.DataFrame(made, schema=_SCHEMA, orient="row")])

    def __len__(self) -> int:
        return self._frame.height

    @property
    def keys(self) -> pl.DataFrame:
        """`load`, `file` and `row` of each."""
        return self._frame.select(PLACE)

    @cached_property
    def files(self) -> list[str]:
        """The names of their files, in order."""
        return self._frame["file"].unique(maintain_order=True).to_list()

    def numbers(self) -> pl.Series:
        """Return the numbers of the rows."""
        return self._frame["row"]

    def of_files(self, files: Sequence[str]) -> Self:
        """Return those of some files."""
        return type(self)([self._frame.filter(pl.col("file").is_in(list(files)))])

    def edits(self) -> list[TakenRow]:
        """Return those that a person edited."""
        return list(_parse(self._frame.filter(pl.col("edited").is_not_null())))

    def chunks(self) -> Iterator[tuple[str, list[TakenRow]]]:
        """Yield some rows of one file at a time, by file and row."""
        for file in self.files:
            some = self._frame.filter(pl.col("file") == file)
            for at in range(0, some.height, ROWS_AT_ONCE):
                yield file, list(_parse(some[at : at + ROWS_AT_ONCE]))

    def columns(self) -> list[str]:
        """Return the names of all their original columns, in the order in which they come."""
        names: dict[str, None] = {}
        for text in self._frame["source"]:
            # Only the names are wanted, so that what a double would round doesn't matter.
            names.update(dict.fromkeys(orjson.loads(text)))
        return list(names)


def _parse(frame: pl.DataFrame) -> Iterator[TakenRow]:
    for load, file, row, source, edited in frame.iter_rows():
        yield TakenRow(RowKey(load, file, row), json.loads(source), frozenset(edited or ()))
