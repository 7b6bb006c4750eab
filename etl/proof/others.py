"""Counts what else the destination holds of a job's types and days: events that this job did not send.

What is there of the extent, less what is there of the job's own. That is exact only where every event of the job was
asked for: else it is unknown, and why.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from etl.ledger.bitmap import count_bits
from etl.ledger.store import Ledger
from etl.proof.differences import difference_frames
from etl.proof.superseded import Superseded
from etl.send.transport import Transport
from etl.state.kept_load import kept_folder
from etl.values.verification import Others
from etl.witness.counting import EXTENT_COLUMNS, Extent, count_events

__all__ = ["count_others"]

# Events that are not there as they were sent are counted by their ids: where there are more of them, nothing is said.
MOST_DIFFERENT: Final = 10_000


async def count_others(
    folder: Path,
    ledger: Ledger,
    loads: Sequence[int],
    transport: Transport,
    pause: Callable[[], Awaitable[object]],
    *,
    superseded: Superseded,
    most_ids: int,
) -> Others:
    """Return how many events of the types and days of `loads`, which were verified, are there beside the job's own.

    `superseded` are events that a later load sent again. `pause` is awaited before each query, of which one is enough
    where all is there as it was sent. Raises `StateError`.
    """
    if reason := _why_not(ledger, loads):
        return Others(reason=reason)
    extent = Extent.of(
        kept_folder(folder, ledger, load).read_ids(part.number, EXTENT_COLUMNS)
        for load in loads
        for part in ledger.parts(load)
    )
    assert extent is not None  # something was delivered
    days = extent.whole_days()
    different = [event_id for frame in difference_frames(folder, ledger, loads) for event_id in frame["id"]]
    if len(different) > MOST_DIFFERENT:
        return Others(reason=f"{len(different):,} of the job's own are not there as they were sent")
    own = sum(count_bits(bits) for load in loads for bits in ledger.proofs.confirmed(load).values())
    sent_again = sum(len(indices) for parts in superseded.values() for indices in parts.values())
    if own + len(different) != ledger.books_of(loads).delivered - sent_again:
        return Others(reason="not all of its own were asked for")
    await pause()
    there = await count_events(transport, days)
    for start in range(0, len(different), most_ids):
        await pause()
        shown = await count_events(transport, days, different[start : start + most_ids])
        there = None if there is None or shown is None else there - shown
    if there is None or there < own:
        return Others(reason="the destination's answer doesn't say so")
    return Others(there - own, days.first, days.last)


def _why_not(ledger: Ledger, loads: Sequence[int]) -> str:
    """Return why the events of the job that are there aren't all known; nothing where they are."""
    known = [load for load in ledger.loads() if load.state != "discarded"]
    if any(load.number not in loads and ledger.books(load.number).delivered for load in known):
        return "the ids of its older loads aren't kept"
    if any(ledger.is_sent(load.number) and ledger.books(load.number).pending for load in known):
        return "some of its own are still pending, and may be there"
    return ""
