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
from etl.witness.inquiry import Inquiry
from etl.witness.sent import SentEvents

__all__ = ["Repaired", "repair_load"]

MOST_AT_ONCE = 10_000

_Place = tuple[int, int]
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
        # What was missing then may be there by now: sent again, it could be there twice.
        before = await _look(load, some, replace(asking, patience_seconds=0.0), read_again)
        known = _note(load.ledger, done.verification, some, before.found)
        left = {place: one for place, one in some.items() if _is_missing(before.found.get(place))}
        bodies = _find_bodies(load.files, left, read_again)
        lost = [one for place, one in left.items() if place not in bodies]
        sent, reason = await _send(job, destination, [(*place, *event) for place, event in bodies.items()])
        after = await _look(load, sent, asking, read_again)
        known = _note(load.ledger, known, left, after.found)
        there = sum(difference is None for difference in after.found.values())
        reason = reason or before.stop_reason or after.stop_reason
        done = Repaired(known, done.sent + len(sent), done.there + there, (*done.lost, *lost), reason)
        if reason:
            break
    return done


@dataclass(frozen=True, slots=True)
class _Looked:
    """How events are at the destination now, by place: None where they are as they were sent."""

    found: dict[_Place, EventDifference | None]
    stop_reason: str = ""


async def _look(load: KeptLoad, places: Iterable[_Place], asking: Asking, read_again: ReadAgain) -> _Looked:
    by_part: dict[int, list[int]] = {}
    for part, index in places:
        by_part.setdefault(part, []).append(index)
    events = SentEvents(load.files, by_part.items(), asking.clean)
    inquiry = Inquiry(events.ids(), patience_seconds=asking.patience_seconds, most_ids=asking.most_ids)
    settled = [events.settle(finding) async for finding in asking.ask(inquiry)]
    if events.suspects:
        settled += events.settle_suspects(read_again(events.suspects))
    found = {(one[0].part, one[0].at): one[1] for one in settled if one is not None}
    return _Looked(found, inquiry.stopped.reason if inquiry.stopped else "")


def _is_missing(difference: EventDifference | None) -> bool:
    return difference is not None and difference.kind is DifferenceKind.MISSING


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


def _note(
    ledger: Ledger,
    verification: Verification,
    missing: Mapping[_Place, EventDifference],
    found: Mapping[_Place, EventDifference | None],
) -> Verification:
    """Record what became of `missing` events that are missing no more, be they there as they were sent or otherwise."""
    there = [missing[place] for place, difference in found.items() if difference is None]
    otherwise = [one for one in found.values() if one is not None and not _is_missing(one)]
    counts = replace(
        verification.counts,
        missing=verification.counts.missing - len(there) - len(otherwise),
        confirmed=verification.counts.confirmed + len(there),
    )
    for one in otherwise:
        word = one.kind.value
        counts = replace(counts, **{word: getattr(counts, word) + 1})
    repaired = replace(verification, counts=counts)
    events = {part.number: part.events for part in ledger.parts(verification.load)}
    ledger.proofs.note_repaired(repaired, there, events)
    ledger.proofs.note(repaired, {}, otherwise, events)
    return repaired
