"""The loads in the ledger, with their files and parts: recorded, closed, given up, or taken over by another.

Threads and failures are the session's, as for everything else in the ledger.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from etl.ledger import statements as sql
from etl.ledger.entries import check_staged
from etl.ledger.facts import LoadEntry, PartEntry
from etl.ledger.notes import Notes
from etl.ledger.session import Session
from etl.ledger.tables import FILES, KEPT, LOADS
from etl.values.delivery import BEFORE_ALL
from etl.values.renamed import Renamed
from etl.values.staged import KeptFile, SourceFile, StagedLoad

__all__ = ["Loads"]

_KNOWN: Final = """WHERE load IN (SELECT number FROM loads WHERE kind = 'files' AND state <> 'discarded')
    ORDER BY load, position"""


class Loads:
    """The loads of one ledger. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.notes = Notes(session)

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

    @property
    def next_load_number(self) -> int:
        """The number for the next load to be staged; numbers are never used twice."""
        with self._session.reading() as connection:
            return sql.next_number(connection, "loads")

    def record_load(self, load: StagedLoad) -> None:
        """Record a load whose folder is in its place and durable: from here on it will be sent."""
        check_staged(load)
        with self._session.writing() as connection:
            sql.insert_load(connection, load)
        self._session.checkpoint()

    def loads(self) -> tuple[LoadEntry, ...]:
        """Return the loads in order, the discarded ones left out."""
        with self._session.reading() as connection:
            return tuple(LOADS.select(connection, "WHERE state <> 'discarded' ORDER BY number"))

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
            self.notes.offered.put(number, BEFORE_ALL)
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
                LOADS.update(connection, replace(entry, state="complete", completed_at=completed_at))

    def discard_load(self, number: int) -> None:
        """Forget an open load of which nothing was delivered, so that its rows can be staged anew."""
        with self._session.writing() as connection:
            entry = sql.read_load(connection, number)
            if entry.state != "open" or sql.read_books(connection, number).delivered:
                raise AssertionError(f"load {number} is {entry.state}, or has delivered events")
            sql.discard_load(connection, entry)

    def take_over(self, number: int, load: StagedLoad, *, settled: int, now: float) -> None:
        """Record `load`, which stages the unsettled events of the open load `number` again, and end that one.

        `settled` events in the parts of `load` are of the other: they are marked as not to be sent, and count there
        alone.
        """
        check_staged(load)
        with self._session.writing() as connection:
            sql.insert_load(connection, load, settled_before=settled)
            sql.end_early(connection, number, completed_at=now)
            self.notes.takes_over.write(connection, load.number, number)
        self._session.checkpoint()

    def takes_over(self, number: int) -> int | None:
        """Return the load whose unsettled rows load `number` took over; None where it took over none."""
        return self.notes.takes_over.of(number)

    def adopt_mapping(self, number: int, mapping: str, id_scheme_version: int) -> None:
        """Note that the events of an open load are those of another mapping, too, byte for byte."""
        with self._session.writing() as connection:
            entry = sql.read_load(connection, number)
            changed = replace(entry, mapping=mapping, id_scheme_version=id_scheme_version)
            LOADS.update(connection, changed)

    def keep_ids(self, number: int, kept: Iterable[KeptFile]) -> None:
        """Note that the ids of a complete load are on disk by themselves, in the files `kept`, so that its parts may
        go.
        """
        with self._session.writing() as connection:
            entry = sql.read_load(connection, number)
            if entry.state != "complete":
                raise AssertionError(f"load {number} is {entry.state}")
            KEPT.insert(connection, kept, number)
            LOADS.update(connection, replace(entry, ids_kept=True))

    def keep_renamed(self, number: int, kept: Iterable[KeptFile], renamed: Renamed) -> None:
        """Note what a load's delivered events would be under another mapping, and the files that keep their ids under
        it. They replace those for the mapping before.
        """
        with self._session.writing() as connection:
            before = list(KEPT.select(connection, "WHERE load = ? AND name GLOB 'renamed-*'", (number,)))
            for file in before:
                KEPT.delete(connection, number, file.name)
            KEPT.insert(connection, kept, number)
            self.notes.renamed.write(connection, number, renamed)

    def kept_files(self, number: int) -> tuple[KeptFile, ...]:
        """Return the files of a load's folder besides its parts of events, by name."""
        with self._session.reading() as connection:
            return tuple(KEPT.select(connection, "WHERE load = ? ORDER BY name", (number,)))

    def lists_files(self, number: int) -> bool:
        """Whether every file of a load is known; an older backfill noted only its parts of events."""
        return number >= (self.notes.listed_from or 0)

    def files(self, load: int) -> tuple[SourceFile, ...]:
        """Return the source files of `load`, in the order in which they were read."""
        with self._session.reading() as connection:
            return tuple(FILES.select(connection, "WHERE load = ? ORDER BY position", (load,)))

    def known_files(self) -> dict[str, SourceFile]:
        """Return each source file as its newest load saw it, by path; retries don't count."""
        with self._session.reading() as connection:
            return {file.path: file for file in FILES.select(connection, _KNOWN)}

    def parts(self, load: int) -> tuple[PartEntry, ...]:
        """Return the parts of `load` in order, with their bitmaps: 24 KB a part."""
        with self._session.reading() as connection:
            return sql.read_parts(connection, load)

    def _newest_load(self) -> LoadEntry | None:
        loads = self.loads()
        return loads[-1] if loads else None
