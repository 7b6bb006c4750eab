"""The tables of the ledger as rows that carry a seal, so that damage is noticed and never read as truth.

A seal is the CRC-32 of the row's cells. SQLite checks the structure of its file, not what the cells hold: without
seals a flipped bit in a bitmap would silently skip an event. CRC-32 finds every single flipped bit.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.ledger.failure import Damage

__all__ = [
    "DIFFERENCES",
    "DISMISSALS",
    "DISMISSED",
    "ENDINGS",
    "FILES",
    "KEPT",
    "LOADS",
    "META",
    "PARTS",
    "PROVED",
    "REFUSALS",
    "RUNS",
    "VERIFICATIONS",
    "Cell",
    "Row",
    "Table",
    "seal_of",
    "storable",
]

Cell = str | bytes | int | float | None
Row = tuple[Any, ...]


def seal_of(name: str, cells: Sequence[Cell]) -> int:
    """Return the seal of a row of the table `name`."""
    seal = zlib.crc32(name.encode())
    for cell in cells:
        piece = cell if isinstance(cell, bytes) else repr(cell).encode()
        seal = zlib.crc32(piece, zlib.crc32(b"%d:" % len(piece), seal))
    return seal


def storable(text: str) -> str:
    """Return `text` as a cell can hold it; what no text can hold (a lone surrogate of an answer or a path) becomes
    `?`.
    """
    return text.encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its name, its columns without the seal, and how many of them, from the left, are the key."""

    name: str
    columns: tuple[str, ...]
    n_key: int
    _insert: str = field(init=False)
    _update: str = field(init=False)
    _delete: str = field(init=False)
    _select: str = field(init=False)

    def __post_init__(self) -> None:
        every = (*self.columns, "seal")
        changing = ", ".join(f"{column} = ?" for column in every[self.n_key :])
        key = " AND ".join(f"{column} = ?" for column in every[: self.n_key])
        names = ", ".join(every)
        statements = {
            "_insert": f"INSERT INTO {self.name} ({names}) VALUES ({', '.join('?' * len(every))})",  # noqa: S608
            "_update": f"UPDATE {self.name} SET {changing} WHERE {key}",  # noqa: S608 - our own names
            "_delete": f"DELETE FROM {self.name} WHERE {key}",  # noqa: S608 - our own names
            "_select": f"SELECT {names} FROM {self.name} ",  # noqa: S608
        }
        for name, statement in statements.items():
            object.__setattr__(self, name, statement)

    def insert(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Cell]]) -> None:
        """Add `rows`."""
        connection.executemany(self._insert, ((*row, seal_of(self.name, row)) for row in rows))

    def update(self, connection: sqlite3.Connection, row: Sequence[Cell]) -> None:
        """Replace the row that has the key of `row`."""
        cells = (*row, seal_of(self.name, row))
        connection.execute(self._update, (*cells[self.n_key :], *cells[: self.n_key]))

    def delete(self, connection: sqlite3.Connection, key: Sequence[Cell]) -> None:
        """Remove the row that has `key`, if there is one."""
        connection.execute(self._delete, key)

    def select(
        self, connection: sqlite3.Connection, rest: str = "", values: Sequence[Cell] = ()
    ) -> Iterator[Row]:
        """Yield the rows that the SQL `rest` picks, without their seals; raises Damage where one is broken."""
        for row in connection.execute(self._select + rest, values):
            if seal_of(self.name, row[:-1]) != row[-1]:
                raise Damage(f"a row of `{self.name}` is not as it was written")
            yield row[:-1]


META = Table("meta", ("key", "value"), 1)
LOADS = Table(
    "loads",
    (
        *("number", "kind", "state", "staged_at", "completed_at", "read", "skipped", "rejected", "duplicate"),
        *("events", "n_parts", "mapping", "ids_digest", "id_scheme_version", "ids_kept"),
    ),
    1,
)
FILES = Table("files", ("load", "position", "path", "size", "mtime_ns", "sha256", "rows"), 2)
PARTS = Table(
    "parts",
    (
        *("load", "number", "events", "size_bytes", "sha256", "n_duplicate", "n_delivered", "n_refused"),
        *("duplicate", "delivered", "refused"),
    ),
    2,
)
KEPT = Table("kept", ("load", "name", "size_bytes", "sha256"), 2)
REFUSALS = Table(
    "refusals",
    (
        *("load", "part", "idx", "code", "reason", "status", "server_code", "detail", "request_id"),
        *("attempts", "first_at", "last_at"),
    ),
    3,
)
PROVED = Table("proved", ("load", "part", "confirmed", "found_there"), 2)
DIFFERENCES = Table("differences", ("load", "part", "idx", "kind", "field", "expected", "found", "reason"), 3)
VERIFICATIONS = Table(
    "verifications",
    (
        *("number", "load", "began_at", "ended_at", "sample", "queries", "lag_s"),
        *("asked", "confirmed", "missing", "doubled", "altered", "unknown"),
    ),
    1,
)
RUNS = Table(
    "runs",
    ("number", "load", "started_at", "ended_at", "exit_code", "state", "delivered", "attempts", "retries"),
    1,
)
DISMISSALS = Table("dismissals", ("number", "at", "reason"), 1)
DISMISSED = Table("dismissed", ("load", "file", "row", "dismissal"), 3)
ENDINGS = Table("endings", ("run", "message", "fix", "log"), 1)
