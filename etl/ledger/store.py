"""The ledger: what is staged, delivered and refused. The one place where a run's progress is true.

Theory of operation
-------------------
*What is committed when.* Three moments matter, and each is one SQLite transaction, durable when the call returns
(WAL, synchronous=FULL: the commit is fsynced).

1. `record_load`: the load, its files and its parts. Staging has by then written the parts into a folder aside,
   fsynced them, renamed the folder to its number and fsynced the folder above. Killed before the commit, the
   ledger doesn't know the load: its folder is garbage that the next staging removes, and nothing of it was sent.
   Killed after, everything that the commit names is on disk.
2. `settle`: the bits of a batch of events, after the server's answers. Killed before the commit, the batch is
   still pending, and is sent again with the same ids and bytes. Killed after, it is never sent again. So an event
   is at any instant pending, or its fate is known: none is lost. And a bit is set only after an answer: none is
   claimed falsely. What a kill can send twice is what was in flight and what was answered but not yet committed,
   which `Settler` holds to two batches.
3. `complete_load`: only when nothing of the load is pending. Its parts may go after that, not before.

*Why bitmaps.* Concurrent senders finish out of order, so a high-water mark would lie; a row an event would make the
ledger grow with the data. A part of 65,536 events has three bitmaps of 8 KB: duplicate, delivered, refused. They keep
their size, so that SQLite rewrites in place only the pages that changed.

*What SQLite's settings give.* EXCLUSIVE keeps a second process out, even where the job's lock was got around. FULL
makes each commit survive a power loss. Automatic checkpoints are off because SQLite ignores their failure;
`Session` checkpoints, and reads the result. The first error shuts the ledger for good: an fsync after a failed one
may claim success.

*Damage.* SQLite's quick check sees a broken structure; a seal on each row and `audit` see a changed cell. Both run
at each opening, before anything is believed. A damaged WAL reads as one that ends earlier: its commits are then sent
again, not lost.

*Threads.* Calls may come from any thread; they take turns. During a run, `Settler` writes from a thread of its own, and
a read from another waits for at most one commit.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from etl.errors import JobError, StateError
from etl.ledger import statements as sql
from etl.ledger.bitmap import unset_indices
from etl.ledger.dismissals import Dismissals
from etl.ledger.entries import check_staged
from etl.ledger.facts import LoadEntry, PartEntry, RunEntry
from etl.ledger.notes import Notes
from etl.ledger.opening import create_ledger_file, find_ledger_file, open_session
from etl.ledger.proofs import Proofs
from etl.ledger.session import Session
from etl.values.books import Books
from etl.values.delivery import Refusal, Settlement
from etl.values.staged import KeptFile, SourceFile, StagedLoad

__all__ = ["Ledger"]


class Ledger:
    """The open ledger of one job. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.dismissals = Dismissals(session)
        self.notes = Notes(session)

    @classmethod
    def open(
        cls, folder: Path, *, job: str, endpoint: str, wall_clock: Callable[[], float] = time.time
    ) -> Self:
        """Open the ledger in `folder`, made if there is none.

        Raises StateError where disk or ledger are unfit or another job's, JobLocked where another process has it
        open, and JobError where events were delivered to another endpoint.
        """
        meta = {"job": job, "endpoint": endpoint, "created_at": repr(wall_clock())}
        path = find_ledger_file(folder) or create_ledger_file(folder, meta)
        ledger = cls(open_session(path))
        try:
            ledger._claim(job, endpoint)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open_existing(cls, folder: Path) -> Self | None:
        """Open the ledger in `folder`, or return None where there never was one; raises as `open` does."""
        path = find_ledger_file(folder)
        return None if path is None else cls(open_session(path))

    def close(self) -> None:
        """Checkpoint and close. Safe to call twice, and after a failure."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def proofs(self) -> Proofs:
        """What the destination says of the events."""
        return Proofs(self._session)

    # What the job is

    @property
    def job(self) -> str:
        """The name of the job."""
        return self.notes.job or ""

    @property
    def endpoint(self) -> str:
        """Where its events go."""
        return self.notes.endpoint or ""

    @property
    def mapping(self) -> str | None:
        """The fingerprint of the mapping of the newest load; None before the first."""
        newest = self._newest_load()
        return newest.mapping if newest else None

    @property
    def id_scheme_version(self) -> int | None:
        """The id scheme of the newest load; None before the first."""
        newest = self._newest_load()
        return newest.id_scheme_version if newest else None

    # Loads

    @property
    def next_load_number(self) -> int:
        """The number for the next load to be staged; numbers are never used twice."""
        with self._session.reading() as connection:
            return sql.next_number(connection, "loads")

    def record_load(self, load: StagedLoad) -> None:
        """Record a load whose folder is in its place and durable: from here on it will be sent."""
        check_staged(load)
        with self._session.writing() as connection:
            if load.number != sql.next_number(connection, "loads"):
                raise AssertionError(f"load {load.number} is not the next one")
            sql.insert_load(connection, load)
        self._session.checkpoint()

    def loads(self) -> tuple[LoadEntry, ...]:
        """Return the loads in order, the discarded ones left out."""
        with self._session.reading() as connection:
            return tuple(sql.read_loads(connection))

    def open_load(self) -> LoadEntry | None:
        """Return the oldest unfinished load."""
        return next((load for load in self.loads() if load.state == "open"), None)

    def load(self, number: int) -> LoadEntry:
        """Return load `number`; KeyError if the ledger has none."""
        with self._session.reading() as connection:
            return sql.read_load(connection, number)

    @property
    def cleared_through(self) -> int:
        """The number of the newest load whose files were removed, with those of all before it; 0 where none were."""
        return self.notes.cleared_through or 0

    def begin_sending(self, number: int) -> None:
        """Note, before its first request, that events of load `number` may be on the server from here on."""
        if not self.is_sent(number):
            self.notes.sending_load = number

    def is_sent(self, number: int) -> bool:
        """Whether a request of load `number` may have been made."""
        newest = self.notes.sending_load
        return newest is not None and newest >= number

    def complete_load(self, number: int, *, completed_at: float) -> None:
        """Close the books of a load; that something of it is pending is a bug, and an AssertionError."""
        with self._session.writing() as connection:
            if pending := sql.read_books(connection, number).pending:
                raise AssertionError(f"load {number} has {pending} events pending")
            entry = sql.read_load(connection, number)
            if entry.state == "open":
                sql.update_load(connection, replace(entry, state="complete", completed_at=completed_at))

    def discard_load(self, number: int) -> None:
        """Forget an open load of which nothing was delivered, so that its rows can be staged anew."""
        with self._session.writing() as connection:
            entry = sql.read_load(connection, number)
            if entry.state != "open" or sql.read_books(connection, number).delivered:
                raise AssertionError(f"load {number} is {entry.state}, or has delivered events")
            sql.discard_load(connection, entry)

    def take_over(self, number: int, load: StagedLoad, *, settled: int, now: float) -> None:
        """Record `load`, which stages again what is not settled of the open load `number`; that one keeps what is, and
        ends.

        `settled` events in the parts of `load` are of the other: they are marked as not to be sent, and count there
        alone.
        """
        check_staged(load)
        with self._session.writing() as connection:
            if load.number != sql.next_number(connection, "loads"):
                raise AssertionError(f"load {load.number} is not the next one")
            sql.insert_load(connection, load, settled_before=settled)
            sql.end_early(connection, number, completed_at=now)
            self.notes.takes_over.write(connection, load.number, number)
        self._session.checkpoint()

    def takes_over(self, number: int) -> int | None:
        """Return the load whose unsettled rows load `number` took over; None where it was staged from files or
        rejects.
        """
        return self.notes.takes_over.of(number)

    def adopt_mapping(self, number: int, mapping: str, id_scheme_version: int) -> None:
        """Note that the events of an open load are those of another mapping, too, byte for byte."""
        with self._session.writing() as connection:
            entry = sql.read_load(connection, number)
            changed = replace(entry, mapping=mapping, id_scheme_version=id_scheme_version)
            sql.update_load(connection, changed)

    def keep_ids(self, number: int, kept: Iterable[KeptFile]) -> None:
        """Note that the ids of a complete load are on disk by themselves, in the files `kept`, so that its parts may
        go.
        """
        with self._session.writing() as connection:
            entry = sql.read_load(connection, number)
            if entry.state != "complete":
                raise AssertionError(f"load {number} is {entry.state}")
            sql.insert_kept(connection, number, kept)
            sql.update_load(connection, replace(entry, ids_kept=True))

    def kept_files(self, number: int) -> tuple[KeptFile, ...]:
        """Return the files of a load's folder besides its parts of events, by name."""
        with self._session.reading() as connection:
            return sql.read_kept(connection, number)

    def lists_files(self, number: int) -> bool:
        """Whether every file of a load is known; an older backfill noted only its parts of events."""
        return number >= (self.notes.listed_from or 0)

    def files(self, load: int) -> tuple[SourceFile, ...]:
        """Return the source files of `load`, in the order in which they were read."""
        with self._session.reading() as connection:
            return sql.read_files(connection, load)

    def known_files(self) -> dict[str, SourceFile]:
        """Return each source file as its newest load saw it, by path; retries don't count."""
        with self._session.reading() as connection:
            return sql.read_known_files(connection)

    def parts(self, load: int) -> tuple[PartEntry, ...]:
        """Return the parts of `load` in order, with their bitmaps: 24 KB a part."""
        with self._session.reading() as connection:
            return sql.read_parts(connection, load)

    # Events

    def unsettled(self, load: int, part: int) -> list[int]:
        """Return the indices that are neither duplicate nor delivered nor refused, ascending."""
        with self._session.reading() as connection:
            entry = sql.read_part(connection, load, part)
        return unset_indices(entry.events, entry.duplicate, entry.delivered, entry.refused)

    def settle(self, load: int, settlements: Sequence[tuple[int, int, Refusal | None]]) -> tuple[int, int]:
        """Record the fate of some events (`Settlement`s, or plain tuples of the same); return by how many the delivered
        and the refused grew.

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
                page = sql.read_refusals(connection, load, after)
            yield from page
            if not page:
                return
            after = (page[-1].part, page[-1].index)

    def delivered_any(self) -> bool:
        """Whether any event of the job was delivered."""
        with self._session.reading() as connection:
            return sql.has_delivered(connection)

    # Runs

    def start_run(self, load: int | None, *, started_at: float) -> int:
        """Record that a run starts, and return its number."""
        with self._session.writing() as connection:
            number = sql.next_number(connection, "runs")
            sql.insert_run(connection, RunEntry(number, load, started_at, None, None, None, 0, 0, 0))
        return number

    def end_run(
        self,
        number: int,
        *,
        ended_at: float,
        exit_code: int,
        state: str,
        delivered: int,
        attempts: int,
        retries: int,
        message: str = "",
        fix: str = "",
        log: str = "",
    ) -> None:
        """Record how run `number` ended, and what it said of it."""
        with self._session.writing() as connection:
            run = sql.read_run(connection, number)
            ended = replace(run, ended_at=ended_at, exit_code=exit_code, state=state)
            ended = replace(ended, message=message, fix=fix, log=log)
            sql.update_run(
                connection, replace(ended, delivered=delivered, attempts=attempts, retries=retries)
            )

    def runs(self) -> tuple[RunEntry, ...]:
        """Return the runs in order."""
        with self._session.reading() as connection:
            return sql.read_runs(connection)

    def _newest_load(self) -> LoadEntry | None:
        loads = self.loads()
        return loads[-1] if loads else None

    def _claim(self, job: str, endpoint: str) -> None:
        if self.job != job:
            raise StateError(
                f"Expected the ledger of job `{job}`, found that of `{self.job}` - {self._session.path}",
                "Give each job a name of its own, or another --state-dir",
            )
        if self.endpoint == endpoint:
            return
        if self.delivered_any():
            raise JobError(
                f"Expected events for {self.endpoint}, where this job has delivered, found endpoint {endpoint}",
                "Set the endpoint back, or give the job another name or another --state-dir for the new one",
            )
        self.notes.endpoint = endpoint
