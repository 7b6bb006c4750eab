"""The parts of a load that is being sent: which events are pending, which may be there already, and their bodies.

Rule: reads parts and the ledger; what is noted there is the mark of `etl.state.offered`, and what was found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Final

from etl.ledger.settler import BATCH_EVENTS
from etl.ledger.store import Ledger
from etl.send.concurrency import MAX_IN_FLIGHT
from etl.send.settings import MOST_LEFT
from etl.stage.parts import events_path, open_outgoing
from etl.state.offered import note_offered, note_uncertain_through
from etl.upload.uncertain import Found, UncertainEvent
from etl.values.canonical import digest_body
from etl.values.delivery import BEFORE_ALL, EventPlace, Outgoing

__all__ = ["LoadParts"]

# What an older backfill may have left on the server of a load: requests in flight, answers not yet on disk, and events
# that it gave up. Each of its runs took what was pending from the first one on, so that these are the first in order.
MOST_OF_OLD: Final = MAX_IN_FLIGHT + 2 * BATCH_EVENTS + MOST_LEFT + 1


@dataclass(frozen=True, slots=True)
class LoadParts:
    """The parts of a load, from which the bodies of some events are read again."""

    ledger: Ledger
    load: int
    folder: Path

    def read(self, places: Iterable[EventPlace]) -> dict[EventPlace, Outgoing]:
        """Return the events at `places`; raises `StateError` where a part isn't as it was written."""
        by_part: dict[int, list[int]] = {}
        for place in sorted(places):
            by_part.setdefault(place.part, []).append(place.at)
        return {
            EventPlace(event[0], event[1]): event
            for part in self.ledger.parts(self.load)
            if (indices := by_part.get(part.number))
            for some in open_outgoing(
                events_path(self.folder, part.number),
                part.number,
                indices,
                size_bytes=part.size_bytes,
                sha256=part.sha256,
            )
            for event in some
        }

    def pending(self, after: EventPlace = BEFORE_ALL) -> Iterator[Iterator[Outgoing]]:
        """Yield the events past `after` that are not settled, in order, some at a time; raises as `read` does."""
        numbers = [
            (part.number, part.size_bytes, part.sha256)
            for part in self.ledger.parts(self.load)
            if part.n_pending and part.number >= after.part
        ]
        for number, size_bytes, sha256 in numbers:
            indices = [at for at in self.unsettled(number) if (number, at) > after]
            yield from open_outgoing(
                events_path(self.folder, number), number, indices, size_bytes=size_bytes, sha256=sha256
            )

    def unsettled(self, part: int) -> list[int]:
        """Return the indices in a part of the events that are to be sent."""
        return self.ledger.unsettled(self.load, part)

    def note_offered(self, place: EventPlace) -> None:
        """Note, before they are handed out, that the events up to `place` may be on the server."""
        note_offered(self.ledger, self.load, place)

    def note_uncertain_through(self, place: EventPlace) -> None:
        """Note, once a send has ended, that no pending event past `place` is on the server."""
        note_uncertain_through(self.ledger, self.load, place)

    def offered(self) -> EventPlace:
        """Return up to where events may have been handed to a sender, noted now where an older backfill handed them."""
        through = self.ledger.notes.offered.of(self.load)
        if through is None:
            through = BEFORE_ALL
            for event in islice(chain.from_iterable(self.pending()), MOST_OF_OLD):
                through = EventPlace(*event[:2])
            self.note_offered(through)
        return through

    def maybe_there(self) -> list[UncertainEvent]:
        """Return the pending events that an earlier run may have brought there."""
        through = self.offered()
        events = takewhile(lambda event: event[:2] <= through, chain.from_iterable(self.pending()))
        return [
            UncertainEvent(EventPlace(part, at), event_id, digest_body(body))
            for part, at, event_id, body in events
        ]

    def count_pending_through(self, place: EventPlace) -> int:
        """Return how many events up to `place` are not settled."""
        return sum(
            sum((part.number, at) <= place for at in self.unsettled(part.number))
            for part in self.ledger.parts(self.load)
            if part.n_pending and part.number <= place.part
        )

    def settle_found(self, found: Iterable[Found]) -> None:
        """Settle events as delivered, with the note that they were found there; raises `StateError`."""
        by_part: dict[int, list[int]] = {}
        for one in found:
            by_part.setdefault(one.event.place.part, []).append(one.event.place.at)
        self.ledger.proofs.settle_found(self.load, by_part)
