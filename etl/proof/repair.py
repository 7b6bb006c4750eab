"""Sends again what a verification found missing, with the same ids and the same content, and asks for it again."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.send.connect import open_transport
from etl.send.sender import send_events
from etl.send.settings import Ends, SendSettings
from etl.stage.kept import KeptFolder
from etl.stage.parts import events_path
from etl.state.kept_load import KeptLoad
from etl.state.place import Destination
from etl.values.delivery import Outgoing, Refusal
from etl.values.verification import DifferenceKind, EventDifference, Verification
from etl.witness.asking import Asking
from etl.witness.inquiry import Inquiry, Presence
from etl.witness.sent import SentEvents

__all__ = ["Repaired", "repair_load"]

MOST_AT_ONCE = 10_000

ReadAgain = Callable[[Mapping[str, bytes | None]], Iterator[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Repaired:
    """What came of a load's missing events: how many were sent again, are there now, or have no content any more.

    `stop_reason` says why the sending ended early, where it did.
    """

    verification: Verification
    sent: int = 0
    there: int = 0
    lost: tuple[EventDifference, ...] = ()
    stop_reason: str = ""


async def repair_load(
    job: Job,
    destination: Destination,
    load: KeptLoad,
    verification: Verification,
    asking: Asking,
    read_again: ReadAgain,
) -> Repaired:
    """Send the missing events of a verified load again, some at a time; raises `StateError` where the state fails.

    `read_again` yields the bodies of events, by id, that their source still gives.
    """
    differences = load.ledger.proofs.differences(load.number)
    missing = [one for one in differences if one.kind is DifferenceKind.MISSING]
    done = Repaired(verification)
    for start in range(0, len(missing), MOST_AT_ONCE):
        some = {(one.part, one.index): one for one in missing[start : start + MOST_AT_ONCE]}
        bodies = _find_bodies(load.files, some, read_again)
        lost = [one for place, one in some.items() if place not in bodies]
        sent, reason = await _send(job, destination, [(*place, *event) for place, event in bodies.items()])
        there = await _ask(load.files, sent, asking)
        verification = _note(load.ledger, done.verification, some, there)
        done = Repaired(
            verification, done.sent + len(sent), done.there + len(there), (*done.lost, *lost), reason
        )
        if reason:
            break
    return done


def _find_bodies(
    kept: KeptFolder, places: Iterable[tuple[int, int]], read_again: ReadAgain
) -> dict[tuple[int, int], tuple[str, bytes]]:
    """Return id and body of the events at `places`: from their parts where they are kept, else from their source."""
    by_part: dict[int, list[int]] = {}
    for part, index in places:
        by_part.setdefault(part, []).append(index)
    found: dict[tuple[int, int], tuple[str, bytes]] = {}
    wanted: dict[str, bytes | None] = {}
    place_of: dict[str, tuple[int, int]] = {}
    for part, indices in by_part.items():
        if events_path(kept.folder, part).exists():
            events = kept.read(events_path(kept.folder, part), ["id", "body"])[indices]
            for index, (event_id, body) in zip(indices, events.iter_rows(), strict=True):
                found[part, index] = (event_id, body.encode())
            continue
        ids = kept.read_ids(part, ["id"], if_there=["digest"])[indices]
        digests = ids["digest"].to_list() if "digest" in ids.columns else [None] * len(ids)
        for index, event_id, digest in zip(indices, ids["id"].to_list(), digests, strict=True):
            wanted[event_id], place_of[event_id] = digest, (part, index)
    if wanted:
        for event_id, body in read_again(wanted):
            found[place_of[event_id]] = (event_id, body.encode())
    return found


async def _send(
    job: Job, destination: Destination, events: list[Outgoing]
) -> tuple[list[tuple[int, int]], str]:
    """Return the places of the events that were answered as stored, and why the sending ended early, if it did."""
    if not events:
        return [], ""
    assert destination.key is not None
    stored: list[tuple[int, int]] = []

    def settle(part: int, index: int, refusal: Refusal | None) -> None:
        if refusal is None:
            stored.append((part, index))

    concurrency = None if job.upload.concurrency == "auto" else job.upload.concurrency
    settings = SendSettings(rate_per_second=job.upload.rate.per_second, concurrency=concurrency)
    transport = open_transport(destination.endpoint, destination.key, job.upload.timeout)
    try:
        report = await send_events(iter(events), Ends(transport, settle), settings, stop=asyncio.Event())
    finally:
        await transport.close()
    return stored, report.stop_reason if report.stopped else ""


async def _ask(kept: KeptFolder, sent: list[tuple[int, int]], asking: Asking) -> list[tuple[int, int]]:
    """Return which of the events that were sent again are there now, once and as they were sent."""
    by_part: dict[int, list[int]] = {}
    for part, index in sent:
        by_part.setdefault(part, []).append(index)
    events = SentEvents(kept, by_part.items())
    there = []
    async for finding in asking.ask(Inquiry(events.ids(), patience_seconds=asking.patience_seconds)):
        settled = events.settle(finding)
        if finding.presence is Presence.THERE and settled is not None and settled[1] is None:
            there.append((settled[0].part, settled[0].at))
    return there


def _note(
    ledger: Ledger,
    verification: Verification,
    missing: Mapping[tuple[int, int], EventDifference],
    there: list[tuple[int, int]],
) -> Verification:
    counts = verification.counts
    repaired = replace(
        verification,
        counts=replace(counts, missing=counts.missing - len(there), confirmed=counts.confirmed + len(there)),
    )
    events = {part.number: part.events for part in ledger.parts(verification.load)}
    ledger.proofs.note_repaired(repaired, [missing[place] for place in there], events)
    return repaired
