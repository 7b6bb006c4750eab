"""The runs of a job in the ledger: that each began, how it ended, and what it said of it.

Threads and failures are the session's, as for everything else in the ledger.
"""

from dataclasses import replace

from etl.ledger.facts import Ending, RunEntry
from etl.ledger.session import Session
from etl.ledger.statements import next_number
from etl.ledger.tables import ENDINGS, RUNS

__all__ = ["Runs"]


class Runs:
    """The runs of one ledger. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start_run(self, load: int | None, *, started_at: float) -> RunEntry:
        """Record that a run starts, and return it: how it ended is yet to be said."""
        with self._session.writing() as connection:
            run = RunEntry(next_number(connection, "runs"), load, started_at)
            RUNS.insert(connection, [run])
        return run

    def end_run(self, run: RunEntry) -> None:
        """Record how `run` ended, and what it said of it."""
        with self._session.writing() as connection:
            RUNS.update(connection, run)
            ENDINGS.delete(connection, run.number)
            ENDINGS.insert(connection, [run.ending], run.number)

    def runs(self) -> tuple[RunEntry, ...]:
        """Return the runs in order."""
        with self._session.reading() as connection:
            endings: dict[int, Ending] = {
                number: ending for (number,), ending in ENDINGS.select_under(connection)
            }
            runs = list(RUNS.select(connection, "ORDER BY number"))
        return tuple(replace(run, ending=endings.get(run.number, run.ending)) for run in runs)
