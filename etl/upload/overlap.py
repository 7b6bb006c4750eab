"""Looks for a new load at the destination before its first request: some of it may be there already.

From another machine, or because the state was lost. A few queries, whatever the load's size: for a sample of its ids,
the first ones among them, as a load that was begun elsewhere has those; and for the first load of a job, how many
events of its types stand in its time range.
"""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etl.errors import DestinationDiffers
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.notes import UNFINISHED
from etl.ledger.store import Ledger
from etl.send.connect import open_transport
from etl.send.transport import Transport
from etl.stage.kept import KeptFolder
from etl.state.kept_load import kept_folder
from etl.state.place import Destination
from etl.typed import type_command
from etl.witness.asking import MOST_IN_FLIGHT, ask_all, query_endpoint
from etl.witness.choose import choose_sample
from etl.witness.counting import EXTENT_COLUMNS, Extent, count_events
from etl.witness.inquiry import Inquiry, Presence

__all__ = ["is_to_be_looked_for", "look_for_load"]

SAMPLE_IDS: Final = 500
# Of them so many are the first, in the order in which they are sent.
FIRST_IDS: Final = 100
# All of it takes no longer; what isn't answered by then can't be told.
MOST_SECONDS: Final = 20.0
TIMEOUT_SECONDS: Final = 10.0
_THERE: Final = (Presence.THERE, Presence.DOUBLED)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look found: how many ids are known, how many of them are there, how many others; or why it can't tell."""

    asked: int = 0
    there: int = 0
    others: int | None = None
    reason: str = ""


def is_to_be_looked_for(ledger: Ledger, load: LoadEntry) -> bool:
    """Whether `load` is new: staged from files, nothing of it sent, and not looked for yet.

    One whose rows go out again under ids that were delivered (corrections) is there by intention.
    """
    if (known := ledger.notes.looked_for.of(load.number)) is not None:
        return known != 0
    corrections = ledger.notes.corrections.of(load.number)
    return (
        load.kind == "files"
        and ledger.takes_over(load.number) is None
        and not ledger.is_sent(load.number)
        and not (corrections is not None and corrections.sent)
    )


def look_for_load(job: Job, destination: Destination, ledger: Ledger, load: int, folder: Path) -> str:
    """Return what a person should know of what the destination holds beside `load`, which may be sent; "" for nothing.

    Raises `DestinationDiffers` where some of it is there already.
    """
    otherwise = ledger.notes.looked_for.of(load)
    if otherwise is not None and otherwise != UNFINISHED:
        raise DestinationDiffers(
            f"Expected a load of which nothing is at the destination, found {otherwise:,} of its events there "
            "otherwise than they would be sent",
            f"Take them as they are there: {type_command('adopt', '--as-found')}; or send all of it nevertheless: "
            f"{type_command('run', '--overlap=send')}",
        )
    kept = kept_folder(folder, ledger, load)
    is_first = not ledger.delivered_any()
    extent = _extent(ledger, kept, load) if is_first else None
    looked = asyncio.run(_look(job, destination, _sample_ids(ledger, kept, load), extent))
    if looked.there:
        raise DestinationDiffers(
            f"{looked.there:,} of {looked.asked:,} sampled events are there already: sent from another machine, or the "
            "state was lost?",
            f"Count what is there as delivered: {type_command('adopt')}; or send all of it nevertheless: "
            f"{type_command('run', '--overlap=send')}",
        )
    if not looked.reason:
        ledger.notes.looked_for.put(load, 0)
    if looked.reason and is_first:
        return f"Whether some of it is at the destination already can't be told: {looked.reason}"
    if looked.others:
        return (
            f"Beside it the destination holds {looked.others:,} events of the same types from the same time"
        )
    return ""


async def _look(job: Job, destination: Destination, ids: list[str], extent: Extent | None) -> _Looked:
    timeout = min(TIMEOUT_SECONDS, job.upload.timeout)
    endpoint = query_endpoint(destination.endpoint)
    # Not the fast transport: a process that ends after a failed connect may abort in its threads.
    transport = open_transport(endpoint, destination.key or "", timeout, MOST_IN_FLIGHT, "httpx")
    looked = _Looked(reason=f"no answer within {MOST_SECONDS:.0f} s")
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_SECONDS):
                looked = await _ask(transport, ids)
                if extent is not None and not looked.there and not looked.reason:
                    others = await count_events(transport, extent)
                    looked = _Looked(looked.asked, others=others)
    finally:
        await transport.close()
    return looked


async def _ask(transport: Transport, ids: list[str]) -> _Looked:
    inquiry = Inquiry(ids, patience_seconds=0.0, outage_seconds=0.0)
    known = there = 0
    unknown = ""
    asking = ask_all(inquiry, transport, rate_per_second=MOST_IN_FLIGHT)
    async with aclosing(asking) as findings:  # type: ignore[type-var]  # an async generator
        async for finding in findings:
            known += finding.presence is not Presence.UNKNOWN
            there += finding.presence in _THERE
            unknown = unknown or finding.reason
    reason = inquiry.stopped.reason if inquiry.stopped else ""
    return _Looked(known, there, reason=reason or ("" if known else unknown))


def _sample_ids(ledger: Ledger, kept: KeptFolder, load: int) -> list[str]:
    """Return the ids that stand for what is pending of `load`: the first ones, and others from all over it."""
    pending = {
        part.number: ledger.unsettled(load, part.number) for part in ledger.parts(load) if part.n_pending
    }
    numbers, sizes = list(pending), [len(indices) for indices in pending.values()]
    first = min(FIRST_IDS, sizes[0])
    wanted = {numbers[0]: list(range(first))}
    for at, places in choose_sample([sizes[0] - first, *sizes[1:]], SAMPLE_IDS - first, seed=load):
        wanted.setdefault(numbers[at], []).extend(place + (0 if at else first) for place in places)
    ids: list[str] = []
    for number, places in wanted.items():
        indices = [pending[number][place] for place in places]
        ids += kept.read_ids(number, ["id"])[indices]["id"].to_list()
    return ids


def _extent(ledger: Ledger, kept: KeptFolder, load: int) -> Extent | None:
    """Return the types of the events of `load`, and the time that they are of."""
    return Extent.of(kept.read_ids(part.number, EXTENT_COLUMNS) for part in ledger.parts(load))
