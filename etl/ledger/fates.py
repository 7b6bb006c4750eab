"""The fate of each event in the ledger: settled or not, and the books that follow from it.

Threads and failures are the session's, as for everything else in the ledger.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from etl.ledger import statements as sql
from etl.ledger.bitmap import unset_indices
from etl.ledger.session import Session
from etl.ledger.tables import REFUSALS
from etl.values.books import Books
from etl.values.delivery import Refusal, Settlement

__all__ = ["Events"]

_PAGE: Final = "WHERE load = ? AND (part, idx) > (?, ?) ORDER BY part, idx LIMIT 1000"


class Events:
    """The events of one ledger. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def unsettled(self, load: int, part: int) -> list[int]:
        """Return the indices that are neither duplicate nor delivered nor refused, ascending."""
        with self._session.reading() as connection:
            entry = sql.read_part(connection, load, part)
        return unset_indices(entry.events, entry.duplicate, entry.delivered, entry.refused)

    def settle(self, load: int, settlements: Sequence[tuple[int, int, Refusal | None]]) -> tuple[int, int]:
        """Record the fates of some events, and return by how many the delivered and the refused ones grew.

        Settling an event twice changes nothing; delivered wins over refused, so the refused may shrink.
        """
        with self._session.writing() as connection:
            return sql.settle(connection, load, settlements)

    def books(self, load: int) -> Books:
        """Return the books of `load`: its rejects are those of staging and those that the server refused."""
        with self._session.reading() as connection:
            return sql.read_books(connection, load)

    def books_of(self, loads: Iterable[int]) -> Books:
        """Return the books of several loads added up."""
        return sum((self.books(load) for load in loads), Books())

    def refusals(self, load: int) -> Iterator[Settlement]:
        """Yield what the server refused of `load`, by part and index; holds a page of them at a time."""
        after = (-1, -1)
        while True:
            with self._session.reading() as connection:
                page = list(REFUSALS.select(connection, _PAGE, (load, *after)))
            yield from page
            if not page:
                return
            after = (page[-1].part, page[-1].index)

    def delivered_any(self) -> bool:
        """Whether any event of the job was delivered."""
        with self._session.reading() as connection:
            found = connection.execute("SELECT 1 FROM parts WHERE n_delivered > 0 LIMIT 1").fetchone()
        return found is not None
