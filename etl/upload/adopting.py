"""Asks for the pending events of a load, and settles as delivered those that are there once and as they would be sent.

What is settled is in the ledger, batch by batch: killed in between, the next adoption asks for the rest. What isn't
there is only counted, and asked for again then.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from etl.state.kept_load import KeptLoad
from etl.values.adoption import Adoption, OtherwiseThere
from etl.values.delivery import EventPlace
from etl.values.verification import DifferenceKind, EventDifference
from etl.witness.asking import Asking
from etl.witness.inquiry import Inquiry
from etl.witness.result_page import Problem
from etl.witness.sent import SentEvents

__all__ = ["Adopted", "adopt_load"]

AT_ONCE: Final = 2_000
# Of what is there otherwise, so many are told one by one.
MOST_TOLD: Final = 100
_WORDS: Final = {
    DifferenceKind.MISSING: "absent",
    DifferenceKind.ALTERED: "altered",
    DifferenceKind.DOUBLED: "doubled",
    DifferenceKind.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of a load, and the problem that stopped the asking before its end, if one did."""

    adoption: Adoption
    stopped: Problem | None = None


@dataclass
class _Tally:
    """What was found of a load so far, and what of it the ledger isn't told yet."""

    load: KeptLoad
    as_found: bool
    adoption: Adoption
    found: dict[int, list[int]] = field(default_factory=dict)
    waiting: int = 0

    def add(self, place: EventPlace, difference: EventDifference | None) -> None:
        """Take what is known of one event."""
        word = "found" if difference is None else _WORDS[difference.kind]
        counted = {name: getattr(self.adoption, name) + 1 for name in ("asked", word)}
        self.adoption = replace(self.adoption, **counted)
        if difference is not None and difference.reason and not self.adoption.unknown_reason:
            self.adoption = replace(self.adoption, unknown_reason=difference.reason)
        is_otherwise = word in ("altered", "doubled")
        if is_otherwise and difference is not None and len(self.adoption.first) < MOST_TOLD:
            self.adoption = replace(self.adoption, first=(*self.adoption.first, self._describe(difference)))
        if word == "found" or (is_otherwise and self.as_found):
            self.found.setdefault(place.part, []).append(place.at)
            self.waiting += 1
            self.adoption = replace(self.adoption, accepted=self.adoption.accepted + is_otherwise)

    def settle(self) -> None:
        """Tell the ledger."""
        if self.found:
            # From here on the load's events are there: its rows may no longer be staged anew under another mapping.
            self.load.ledger.begin_sending(self.load.number)
            self.load.ledger.proofs.settle_found(self.load.number, self.found)
            self.found, self.waiting = {}, 0

    def _describe(self, one: EventDifference) -> OtherwiseThere:
        load = self.load
        row = load.files.read_ids(one.part, ["id", "file", "row"]).row(one.index, named=True)
        file = load.ledger.files(load.number)[row["file"]].path
        texts = {name: getattr(one, name) for name in ("field", "expected", "found")}
        return OtherwiseThere(one.kind.value, row["id"], load.number, file, row["row"], **texts)


async def adopt_load(
    load: KeptLoad,
    asking: Asking,
    *,
    job: str,
    as_found: bool = False,
    show: Callable[[Adoption, int], object] = lambda *_: None,
) -> Adopted:
    """Ask for every pending event of `load`. Sends nothing.

    `as_found`: what is there otherwise than it would be sent, or more than once, counts as delivered too. `show`
    is told how far it is, and of how many events in all. Raises `StateError`.
    """
    ledger, number = load.ledger, load.number
    parts = [part for part in ledger.parts(number) if part.n_pending]
    total = sum(part.n_pending for part in parts)
    sent = SentEvents(
        load.files,
        ((part.number, ledger.unsettled(number, part.number)) for part in parts),
        asking.clean,
    )
    inquiry = Inquiry(sent.ids(), patience_seconds=asking.patience_seconds)
    tally = _Tally(load, as_found, Adoption(job, number))
    try:
        async with aclosing(asking.ask(inquiry)) as findings:  # type: ignore[type-var]  # an async generator
            async for finding in findings:
                settled = sent.settle(finding)
                assert settled is not None  # the body of a pending event is kept
                tally.add(*settled)
                if tally.waiting >= AT_ONCE:
                    tally.settle()
                    show(tally.adoption, total)
    except asyncio.CancelledError:
        tally.settle()
        raise
    tally.settle()
    show(tally.adoption, total)
    return Adopted(replace(tally.adoption, queries=inquiry.queries), inquiry.stopped)
