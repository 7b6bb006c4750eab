"""Verifies a load: asks the destination for every event that the ledger calls delivered, and compares what it shows.

What comes back is compared by digest; where that differs, with the body itself if it is still kept, field by field.
What is found is in the ledger, batch by batch, so that a verification that is killed goes on where it was.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from etl.event import StoredEvent
from etl.ledger.bitmap import count_bits, set_indices
from etl.ledger.store import Ledger
from etl.stage.kept import KeptFolder
from etl.stage.parts import events_path
from etl.values.canonical import digest_stored
from etl.values.verification import DifferenceKind, EventDifference, Verification, VerificationCounts
from etl.witness.choose import choose_sample
from etl.witness.compare import compare_event
from etl.witness.inquiry import Finding, Inquiry, Presence
from etl.witness.page import Problem

__all__ = ["SentEvents", "Verified", "verify_load"]

AT_ONCE: Final = 2_000
# What may differ is held until its row is read again.
MOST_SUSPECTS: Final = 20_000
_UNKNOWN_CONTENT: Final = (
    "it isn't written as it was sent, and what was sent isn't kept any more: whether it differs can't be told"
)
_DIFFERENT: Final = {Presence.MISSING: DifferenceKind.MISSING, Presence.DOUBLED: DifferenceKind.DOUBLED}


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a verification came, and the problem that stopped it before its end, if one did."""

    verification: Verification
    stopped: Problem | None


@dataclass(frozen=True, slots=True)
class _Place:
    part: int
    index: int


@dataclass(frozen=True, slots=True)
class _Suspect:
    place: _Place
    digest: bytes
    stored: StoredEvent


class SentEvents:
    """The delivered events of a load that are to be asked for: their ids, and what was sent under each.

    Memory holds one part, and the places of the ids that are asked for and not yet settled. `clean` makes texts of the
    destination fit to be shown.
    """

    def __init__(
        self, kept: KeptFolder, indices: dict[int, list[int]], clean: Callable[[str], str] = str
    ) -> None:
        self._kept, self._clean = kept, clean
        self._suspects: dict[str, _Suspect] = {}
        self._indices = indices
        self._places: dict[str, _Place] = {}
        self._digests: dict[str, bytes | None] = {}
        self._bodies: tuple[int, list[str] | None] = (-1, None)

    def ids(self) -> Iterator[str]:
        """Yield the ids, part by part."""
        for part, indices in self._indices.items():
            frame = self._kept.read_ids(part, ["id"], if_there=["digest"])[indices]
            digests = frame["digest"].to_list() if "digest" in frame.columns else [None] * len(frame)
            for index, event_id, digest in zip(indices, frame["id"].to_list(), digests, strict=True):
                self._places[event_id] = _Place(part, index)
                self._digests[event_id] = digest
                yield event_id

    @property
    def suspects(self) -> dict[str, bytes]:
        """The digests, by id, of events that may differ, and whose bodies aren't kept: see `settle_suspects`."""
        return {event_id: suspect.digest for event_id, suspect in self._suspects.items()}

    def settle_suspects(
        self, bodies: Iterator[tuple[str, str]]
    ) -> Iterator[tuple[_Place, EventDifference | None]]:
        """Yield what becomes of the events that may differ; `bodies` are those that could be read again, by id."""
        for event_id, body in bodies:
            if suspect := self._suspects.pop(event_id, None):
                yield suspect.place, self._compare(suspect.place, body, suspect.stored)
        for suspect in self._suspects.values():
            at = (suspect.place.part, suspect.place.index)
            yield suspect.place, EventDifference(*at, DifferenceKind.UNKNOWN, reason=_UNKNOWN_CONTENT)
        self._suspects.clear()

    def settle(self, finding: Finding) -> tuple[_Place, EventDifference | None] | None:
        """Return the place of the event that `finding` is about, and how it differs from what was sent, if it does.

        None where only its body can tell, which isn't kept: it is among the suspects then.
        """
        place, digest = self._places.pop(finding.id), self._digests.pop(finding.id)
        at = (place.part, place.index)
        if finding.presence is Presence.UNKNOWN:
            return place, EventDifference(*at, DifferenceKind.UNKNOWN, reason=finding.reason)
        if finding.presence is not Presence.THERE:
            return place, EventDifference(*at, _DIFFERENT[finding.presence])
        stored = finding.events[0]
        if digest is not None and _has_digest(stored, digest):
            return place, None
        if (body := self._body(place)) is not None:
            return place, self._compare(place, body, stored)
        if digest is None or len(self._suspects) >= MOST_SUSPECTS:
            return place, EventDifference(*at, DifferenceKind.UNKNOWN, reason=_UNKNOWN_CONTENT)
        self._suspects[finding.id] = _Suspect(place, digest, stored)
        return None

    def _compare(self, place: _Place, body: str, stored: StoredEvent) -> EventDifference | None:
        difference = compare_event(orjson.loads(body), stored).difference
        if difference is None:
            return None
        expected, found = _json(difference.expected), self._clean(_json(difference.found))
        return EventDifference(
            place.part, place.index, DifferenceKind.ALTERED, difference.field, expected, found
        )

    def _body(self, place: _Place) -> str | None:
        """Return the body that was sent, None where the part has given way to its ids."""
        if self._bodies[0] != place.part:
            path = events_path(self._kept.folder, place.part)
            bodies = self._kept.read(path, ["body"])["body"].to_list() if path.exists() else None
            self._bodies = (place.part, bodies)
        bodies = self._bodies[1]
        return None if bodies is None else bodies[place.index]


def _has_digest(stored: StoredEvent, digest: bytes) -> bool:
    return digest in (digest_stored(stored, filled_in=True), digest_stored(stored, filled_in=False))


@dataclass(slots=True)
class _Found:
    """What was found since the ledger was told last."""

    confirmed: dict[int, list[int]] = field(default_factory=dict)
    differences: list[EventDifference] = field(default_factory=list)

    def add(self, place: _Place, difference: EventDifference | None) -> VerificationCounts:
        """Take one event, and return it as counts."""
        if difference is not None:
            self.differences.append(difference)
            return replace(VerificationCounts(asked=1), **{difference.kind.value: 1})
        self.confirmed.setdefault(place.part, []).append(place.index)
        return VerificationCounts(asked=1, confirmed=1)

    def __len__(self) -> int:
        return len(self.differences) + sum(map(len, self.confirmed.values()))


async def verify_load(
    ledger: Ledger,
    kept: KeptFolder,
    load: int,
    ask: Callable[[Inquiry], AsyncIterator[Finding]],
    *,
    patience_seconds: float,
    most_ids: int,
    sample: tuple[int, int] | None = None,
    clean: Callable[[str], str] = str,
    read_again: Callable[[Mapping[str, bytes]], Iterator[tuple[str, str]]],
    show: Callable[[Verification, int], object] = lambda *_: None,
    wall_clock: Callable[[], float] = time.time,
) -> Verified:
    """Verify the delivered events of `load`, or go on with a verification of it that has no end yet.

    `sample` is how many events to ask for, drawn at random, and the seed; None asks for all. `read_again` yields the
    bodies of events, given by id with the digests of what was sent, that their source still gives; `clean` makes texts
    of the destination fit to be shown. `show` is told how far it is,
    and how many there are in all. Raises `StateError` where the ledger or a kept file fails.
    """
    wanted = _wanted(ledger, load, sample)
    total = sum(map(len, wanted.values()))
    verification = ledger.proofs.begin(load, began_at=wall_clock(), sample=None if sample is None else total)
    events = {part.number: part.events for part in ledger.parts(load)}
    sent = SentEvents(kept, _without_settled(ledger, load, wanted), clean)
    inquiry = Inquiry(sent.ids(), patience_seconds=patience_seconds, most_ids=most_ids)
    queries, found = verification.queries, _Found()
    try:
        async with aclosing(ask(inquiry)) as findings:  # type: ignore[type-var]  # an async generator
            async for finding in findings:
                settled = sent.settle(finding)
                verification = replace(
                    verification,
                    counts=verification.counts + (found.add(*settled) if settled else VerificationCounts()),
                    queries=queries + inquiry.queries,
                    lag_seconds=max(verification.lag_seconds, _lag(finding)),
                )
                if len(found) >= AT_ONCE:
                    ledger.proofs.note(verification, found.confirmed, found.differences, events)
                    found = _Found()
                    show(verification, total)
    except asyncio.CancelledError:
        ledger.proofs.note(verification, found.confirmed, found.differences, events)
        raise
    if sent.suspects:
        for settled in sent.settle_suspects(read_again(sent.suspects)):
            verification = replace(verification, counts=verification.counts + found.add(*settled))
    ended_at = wall_clock() if inquiry.stopped is None else None
    verification = replace(verification, queries=queries + inquiry.queries, ended_at=ended_at)
    ledger.proofs.note(verification, found.confirmed, found.differences, events)
    show(verification, total)
    return Verified(verification, inquiry.stopped)


def _wanted(ledger: Ledger, load: int, sample: tuple[int, int] | None) -> dict[int, list[int]]:
    """Return the indices of the delivered events by part: all, or those that are drawn."""
    parts = [part for part in ledger.parts(load) if part.n_delivered]
    delivered = {part.number: set_indices(part.delivered) for part in parts}
    if sample is None:
        return delivered
    drawn = choose_sample([count_bits(part.delivered) for part in parts], *sample)
    return {
        parts[at].number: [delivered[parts[at].number][place] for place in places] for at, places in drawn
    }


def _without_settled(ledger: Ledger, load: int, wanted: dict[int, list[int]]) -> dict[int, list[int]]:
    settled = {part: set(set_indices(bits)) for part, bits in ledger.proofs.confirmed(load).items()}
    for one in ledger.proofs.differences(load):
        settled.setdefault(one.part, set()).add(one.index)
    left = {
        part: [index for index in indices if index not in settled.get(part, ())]
        for part, indices in wanted.items()
    }
    return {part: indices for part, indices in left.items() if indices}


def _lag(finding: Finding) -> float:
    return finding.lag_seconds if finding.presence is Presence.THERE else 0.0


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
