"""Verifies a load: asks the destination for every event that the ledger calls delivered, and compares what it shows.

What comes back is compared by digest; where that differs, with the body itself if it is still kept, field by field.
What is found is in the ledger, batch by batch, so that a verification that is killed goes on where it was.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from etl.ledger.bitmap import set_indices
from etl.ledger.facts import PartEntry
from etl.ledger.store import Ledger
from etl.state.kept_load import KeptLoad
from etl.values.delivery import EventPlace
from etl.values.verification import EventDifference, Verification, VerificationCounts
from etl.witness.asking import Asking
from etl.witness.choose import choose_sample
from etl.witness.inquiry import Finding, Inquiry, Presence
from etl.witness.result_page import Problem
from etl.witness.sent import SentEvents

__all__ = ["Verified", "verify_load"]

AT_ONCE: Final = 2_000
NOTHING: Final[Mapping[int, frozenset[int]]] = {}


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a verification came, and the problem that stopped it before its end, if one did."""

    verification: Verification
    stopped: Problem | None


@dataclass(slots=True)
class _Found:
    """What was found since the ledger was told last."""

    confirmed: dict[int, list[int]] = field(default_factory=dict)
    differences: list[EventDifference] = field(default_factory=list)

    def add(self, place: EventPlace, difference: EventDifference | None) -> VerificationCounts:
        """Take one event, and return it as counts."""
        if difference is not None:
            self.differences.append(difference)
            return replace(VerificationCounts(asked=1), **{difference.kind.value: 1})
        self.confirmed.setdefault(place.part, []).append(place.at)
        return VerificationCounts(asked=1, confirmed=1)

    def __len__(self) -> int:
        return len(self.differences) + sum(map(len, self.confirmed.values()))


async def verify_load(
    load: KeptLoad,
    asking: Asking,
    *,
    sample: tuple[int, int] | None = None,
    leaves_out: Mapping[int, frozenset[int]] = NOTHING,
    read_again: Callable[[Mapping[str, bytes]], Iterator[tuple[str, str]]],
    show: Callable[[Verification, int], object] = lambda *_: None,
    wall_clock: Callable[[], float] = time.time,
) -> Verified:
    """Verify the delivered events of `load`, or go on with a verification of it that has no end yet.

    `sample` is how many events to ask for, drawn at random, and the seed; None asks for all; `leaves_out` are
    those that nothing is to be asked of, by part. `read_again` yields the
    bodies of events, given by id with the digests of what was sent, that their source still gives. `show` is told how
    far it is, and how many there are in all. Raises `StateError` where the ledger or a kept file fails.
    """
    ledger = load.ledger
    parts = ledger.parts(load.number)
    total = sum(part.n_delivered for part in parts) - sum(map(len, leaves_out.values()))
    if sample is not None:
        total = min(total, sample[0])
    verification = ledger.proofs.begin(
        load.number, began_at=wall_clock(), sample=None if sample is None else total
    )
    events = {part.number: part.events for part in parts}
    left = _without_settled(ledger, load.number, _wanted(parts, sample), leaves_out)
    sent = SentEvents(load.files, left, asking.clean)
    inquiry = Inquiry(sent.ids(), patience_seconds=asking.patience_seconds, most_ids=asking.most_ids)
    queries, found = verification.queries, _Found()
    try:
        async with aclosing(asking.ask(inquiry)) as findings:  # type: ignore[type-var]  # an async generator
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


def _wanted(
    parts: Sequence[PartEntry], sample: tuple[int, int] | None
) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield the indices of the delivered events by part: all, or those that are drawn."""
    parts = [part for part in parts if part.n_delivered]
    if sample is None:
        yield from ((part.number, set_indices(part.delivered)) for part in parts)
        return
    for at, places in choose_sample([part.n_delivered for part in parts], *sample):
        delivered = set_indices(parts[at].delivered)
        yield parts[at].number, [delivered[place] for place in places]


def _without_settled(
    ledger: Ledger,
    load: int,
    wanted: Iterator[tuple[int, Sequence[int]]],
    leaves_out: Mapping[int, frozenset[int]],
) -> Iterator[tuple[int, list[int]]]:
    """Yield those of the `wanted` indices that an earlier command didn't settle, without `leaves_out`, part by part."""
    confirmed = ledger.proofs.confirmed(load)
    different: dict[int, set[int]] = {}
    for one in ledger.proofs.differences(load):
        different.setdefault(one.part, set()).add(one.index)
    for part, indices in wanted:
        settled = different.get(part, set()).union(
            set_indices(confirmed.get(part, b"")), leaves_out.get(part, ())
        )
        if left := [index for index in indices if index not in settled]:
            yield part, left


def _lag(finding: Finding) -> float:
    return finding.lag_seconds if finding.presence is Presence.THERE else 0.0
