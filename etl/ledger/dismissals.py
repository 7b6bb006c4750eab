"""Rejects that nobody will mend: which they are, since when, and why. The books count them as before.

Threads and failures are the session's, as for everything else in the ledger.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from etl.ledger.session import Session
from etl.ledger.tables import DISMISSALS, DISMISSED, storable

__all__ = ["Dismissal", "Dismissals", "DismissedRow"]


@dataclass(frozen=True, slots=True)
class Dismissal:
    """One decision to dismiss rejects: its number, when it was made (seconds since the epoch, UTC), and the reason
    given.
    """

    number: int
    at: float
    reason: str


class DismissedRow(NamedTuple):
    """A reject that was dismissed: its load, the position of its file there, its row, and the number of the
    decision.
    """

    load: int
    file: int
    row: int
    dismissal: int


class Dismissals:
    """The decisions in one ledger. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, rows: Iterable[tuple[int, int, int]], *, at: float, reason: str) -> int:
        """Dismiss the rejects at `rows` (load, file, row), none of which is dismissed yet; return the decision's
        number.
        """
        with self._session.writing() as connection:
            last = connection.execute("SELECT coalesce(max(number), 0) FROM dismissals").fetchone()[0]
            number = int(last) + 1
            DISMISSALS.insert(connection, [(number, float(at), storable(reason))])
            DISMISSED.insert(connection, [(*row, number) for row in rows])
        return number

    def remove(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Open the rejects at `rows` again; the decision itself stays on record."""
        with self._session.writing() as connection:
            for row in rows:
                DISMISSED.delete(connection, row)

    def decisions(self) -> tuple[Dismissal, ...]:
        """Return the decisions in order, those that were undone among them."""
        with self._session.reading() as connection:
            return tuple(Dismissal(*row) for row in DISMISSALS.select(connection, "ORDER BY number"))

    def rows(self) -> tuple[DismissedRow, ...]:
        """Return the rejects that are dismissed, by load, file and row."""
        with self._session.reading() as connection:
            return tuple(_iterate(connection))

    def count(self) -> int:
        """Return how many rejects are dismissed."""
        with self._session.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM dismissed").fetchone()[0])


def _iterate(connection: sqlite3.Connection) -> Iterator[DismissedRow]:
    return (DismissedRow(*row) for row in DISMISSED.select(connection, "ORDER BY load, file, row"))
