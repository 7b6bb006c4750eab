"""What the destination said of a job's events when it was asked for them, in the ledger: durable as everything there.

A verification is begun, noted batch by batch, and ended. Killed in between it has no end, and the next one goes on with
it: what it confirmed is a bitmap a part, what it found to differ a row an event.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from etl.ledger.bitmap import count_bits, empty_bitmap, set_bits
from etl.ledger.facts import ProvedPart
from etl.ledger.session import Session
from etl.ledger.statements import next_number, read_part, settle
from etl.ledger.tables import DIFFERENCES, PROVED, VERIFICATIONS
from etl.values.verification import EventDifference, Verification

__all__ = ["Proofs"]

_AT_ONCE = 1_000


class Proofs:
    """The verifications of a job. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, load: int, *, began_at: float, sample: int | None) -> Verification:
        """Return the unfinished verification of `load` that asks for the same, or a new one."""
        with self._session.writing() as connection:
            newest = _newest(connection, load)
            if newest is not None and newest.ended_at is None and newest.sample == sample:
                return newest
            for part in list(PROVED.select(connection, "WHERE load = ?", (load,))):
                PROVED.update(connection, replace(part, confirmed=bytes(len(part.confirmed))), load)
            connection.execute("DELETE FROM differences WHERE load = ?", (load,))
            begun = Verification(next_number(connection, "verifications"), load, began_at, sample=sample)
            VERIFICATIONS.insert(connection, [begun])
            return begun

    def note(
        self,
        verification: Verification,
        confirmed: Mapping[int, Sequence[int]],
        differences: Iterable[EventDifference],
        events: Mapping[int, int],
    ) -> None:
        """Record what a verification has found since the last time: indices by part; `events` is how many each part
        has.

        `verification` is how far it has come with that.
        """
        load = verification.load
        with self._session.writing() as connection:
            for part, indices in confirmed.items():
                _set_bits(connection, load, part, events[part], confirmed=indices)
            for one in differences:
                DIFFERENCES.delete(connection, load, one.part, one.index)
                DIFFERENCES.insert(connection, [one], load)
            VERIFICATIONS.update(connection, verification)

    def note_repaired(
        self, verification: Verification, repaired: Iterable[EventDifference], events: Mapping[int, int]
    ) -> None:
        """Record that events which were missing are there now; `verification` has the counts after it."""
        load = verification.load
        with self._session.writing() as connection:
            for one in repaired:
                DIFFERENCES.delete(connection, load, one.part, one.index)
                _set_bits(connection, load, one.part, events[one.part], confirmed=[one.index])
            VERIFICATIONS.update(connection, verification)

    def settle_found(self, load: int, found: Mapping[int, Sequence[int]]) -> None:
        """Settle as delivered events that were found at the destination, not answered to; indices by part."""
        places = [(part, index, None) for part, indices in found.items() for index in indices]
        with self._session.writing() as connection:
            settle(connection, load, places)
            for part, indices in found.items():
                events = read_part(connection, load, part).events
                _set_bits(connection, load, part, events, found_there=indices)

    def confirmed(self, load: int) -> dict[int, bytes]:
        """Return the bitmaps of the events that the newest verification of `load` confirmed, by part."""
        return {proved.part: proved.confirmed for proved in self._proved(load)}

    def found_there(self, load: int) -> dict[int, bytes]:
        """Return the bitmaps of the events that were found at the destination, by part."""
        return {proved.part: proved.found_there for proved in self._proved(load)}

    def count_found(self, load: int) -> int:
        """Return how many delivered events of `load` were found at the destination."""
        return sum(map(count_bits, self.found_there(load).values()))

    def differences(self, load: int) -> Iterator[EventDifference]:
        """Yield what the newest verification of `load` found to differ, by part and index; holds a page at a time."""
        after = (-1, -1)
        while True:
            with self._session.reading() as connection:
                where = "WHERE load = ? AND (part, idx) > (?, ?) ORDER BY part, idx LIMIT ?"
                page = list(DIFFERENCES.select(connection, where, (load, *after, _AT_ONCE)))
            yield from page
            if not page:
                return
            after = (page[-1].part, page[-1].index)

    def newest(self, load: int) -> Verification | None:
        """Return the newest verification of `load`, ended or not."""
        with self._session.reading() as connection:
            return _newest(connection, load)

    def _proved(self, load: int) -> list[ProvedPart]:
        with self._session.reading() as connection:
            return list(PROVED.select(connection, "WHERE load = ?", (load,)))


def _newest(connection: sqlite3.Connection, load: int) -> Verification | None:
    return next(
        VERIFICATIONS.select(connection, "WHERE load = ? ORDER BY number DESC LIMIT 1", (load,)), None
    )


def _set_bits(
    connection: sqlite3.Connection,
    load: int,
    part: int,
    events: int,
    *,
    confirmed: Sequence[int] = (),
    found_there: Sequence[int] = (),
) -> None:
    known = next(PROVED.select(connection, "WHERE load = ? AND part = ?", (load, part)), None)
    before = known or ProvedPart(part, empty_bitmap(events), empty_bitmap(events))
    now = ProvedPart(part, set_bits(before.confirmed, confirmed), set_bits(before.found_there, found_there))
    if known:
        PROVED.update(connection, now, load)
    else:
        PROVED.insert(connection, [now], load)
