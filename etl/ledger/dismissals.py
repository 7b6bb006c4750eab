"""Rejects that nobody will mend: which they are, since when, and why. The books count them as before.

Threads and failures are the session's, as for everything else in the ledger.
"""

from collections.abc import Iterable

from etl.ledger.facts import Dismissal, DismissedRow
from etl.ledger.session import Session
from etl.ledger.statements import next_number
from etl.ledger.tables import DISMISSALS, DISMISSED

__all__ = ["Dismissals"]


class Dismissals:
    """The decisions in one ledger. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, rows: Iterable[tuple[int, int, int]], *, at: float, reason: str) -> int:
        """Dismiss the rejects at `rows` (load, file, row), which must be open; return the decision's number."""
        with self._session.writing() as connection:
            number = next_number(connection, "dismissals")
            DISMISSALS.insert(connection, [Dismissal(number, at, reason)])
            DISMISSED.insert(connection, [DismissedRow(*row, number) for row in rows])
        return number

    def remove(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Open the rejects at `rows` again; the decision itself stays on record."""
        with self._session.writing() as connection:
            for row in rows:
                DISMISSED.delete(connection, *row)

    def decisions(self) -> tuple[Dismissal, ...]:
        """Return the decisions in order, those that were undone among them."""
        with self._session.reading() as connection:
            return tuple(DISMISSALS.select(connection, "ORDER BY number"))

    def rows(self) -> tuple[DismissedRow, ...]:
        """Return the rejects that are dismissed, by load, file and row."""
        with self._session.reading() as connection:
            return tuple(DISMISSED.select(connection, "ORDER BY load, file, row"))

    def count(self) -> int:
        """Return how many rejects are dismissed."""
        with self._session.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM dismissed").fetchone()[0])
