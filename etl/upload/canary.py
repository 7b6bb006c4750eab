"""Sends a few events of a new load first, and looks at them at the destination, field by field, before the others go.

They are chosen to stand for the load, and noted before the first is sent: killed anywhere, the next run goes on with
the same ones, and asks for what may be there before it sends it again. Until they are found to be there once and as
they were sent, everything else is pending.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from etl.interrupt import Interrupted
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.send.connect import open_transport
from etl.send.redact import Redactor
from etl.send.transport import Transport
from etl.stage.parts import load_folder
from etl.state.kept_load import kept_folder
from etl.state.place import Destination
from etl.upload.canary_parts import CanaryParts, choose_places
from etl.upload.canary_words import (
    cannot_ask,
    describe_difference,
    differs,
    passed_line,
    still_pending,
    untold,
    waived_line,
)
from etl.upload.second_event import Prober
from etl.values.canary import Canary, SecondEvent, SecondEventEffect
from etl.values.delivery import EventPlace
from etl.values.verification import DifferenceKind, EventDifference
from etl.witness.asking import MOST_IN_FLIGHT, ask_all, query_endpoint
from etl.witness.inquiry import Inquiry, Presence
from etl.witness.result_page import Problem, ProblemKind
from etl.witness.sent import SentEvents

__all__ = ["CanaryCheck", "run_stoppable", "send_canary"]

TIMEOUT_SECONDS: Final = 30.0
OUTAGE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.25
# Of what differs, so many are told one by one.
MOST_TOLD: Final = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of a canary: what isn't as it was sent, how late the last showed, and why it isn't all known."""

    differences: tuple[EventDifference, ...] = ()
    lag_seconds: float = 0.0
    stopped: Problem | None = None

    @property
    def problem(self) -> Problem | None:
        """Why nothing at all is known; None where something is."""
        if self.stopped is None and self.differences and all(one.reason for one in self.differences):
            return Problem(ProblemKind.NOT_AN_ANSWER, self.differences[0].reason)
        return self.stopped


@dataclass(frozen=True, slots=True)
class CanaryCheck:
    """The canary of one load. `patience_seconds` is how long an event may take to show.

    `stop`, once it is set, ends the waiting as an interrupt does.
    """

    job: Job
    destination: Destination
    ledger: Ledger
    folder: Path
    load: LoadEntry
    patience_seconds: float
    stop: threading.Event | None = None

    def begin(self, count: int) -> CanaryParts | None:
        """Return what is to be sent first, and note it; None where nothing is. `count` 0: of a new load, nothing.

        Raises `KeyProblem` where the key can't read, before anything is sent.
        """
        canary = self.ledger.notes.canary.of(self.load.number)
        if canary is not None:
            return None if canary.is_over else self._parts(canary)
        if not count or self.load.kind != "files" or self.ledger.is_sent(self.load.number):
            return None
        number = self.load.number
        kept = kept_folder(self.folder, self.ledger, number)
        canary = Canary(choose_places(self.ledger, kept, number, count))
        if self.destination.key is not None and (problem := self._ask(canary, 0.0).problem) is not None:
            raise cannot_ask(problem)
        self.note(canary)
        self.ledger.begin_sending(self.load.number)
        return self._parts(canary)

    def note(self, canary: Canary) -> None:
        """Note how far it is."""
        self.ledger.notes.canary.put(self.load.number, canary)

    def look(self, canary: Canary) -> float:
        """Look at the canary, which was sent; return how late the last of it showed.

        Raises `DestinationDiffers` where it isn't there as it was sent, `Incomplete` or `KeyProblem` where that can't
        be told.
        """
        count = len(canary.places)
        if left := self._parts(canary).count_pending():
            raise still_pending(left, count)
        seen = self._ask(canary, self.patience_seconds)
        if seen.stopped is not None:
            raise untold(seen.stopped, count)
        said = dict(self._refused(canary))
        unknown = [one for one in seen.differences if one.kind is DifferenceKind.UNKNOWN]
        if said or len(unknown) < len(seen.differences):
            said |= {
                EventPlace(one.part, one.index): describe_difference(one, self.patience_seconds)
                for one in seen.differences
            }
            self.note(replace(canary, state="failed"))
            lines = [f"{self._name(place)}: {text}" for place, text in sorted(said.items())]
            raise differs(lines, count, self.ledger.books(self.load.number).pending)
        if unknown:
            raise untold(Problem(ProblemKind.NOT_AN_ANSWER, unknown[0].reason), count)
        return seen.lag_seconds

    def _transport(self, *, for_queries: bool) -> Transport:
        """Open a transport to the destination."""
        endpoint = self.destination.endpoint
        # Not the fast one: a process that ends after a failed connect may abort in its threads.
        return open_transport(
            query_endpoint(endpoint) if for_queries else endpoint,
            self.destination.key or "",
            min(TIMEOUT_SECONDS, self.job.upload.timeout),
            MOST_IN_FLIGHT,
            "httpx",
        )

    def say_passed(self, canary: Canary, lag_seconds: float) -> str:
        """Return the line that says that all of the canary is there as it was sent."""
        number = self.load.number
        return passed_line(number, len(canary.places), self.ledger.books(number).pending, lag_seconds)

    def probe(self, canary: Canary, lag_seconds: float) -> SecondEventEffect:
        """Send one event of the canary once more, and return what the destination does with that."""
        kept = kept_folder(self.folder, self.ledger, self.load.number)
        events = pl.concat(
            kept.read_ids(part, ["id", "body"])[indices] for part, indices in canary.by_part().items()
        )
        event_id, body = events.sort(pl.col("body").str.len_bytes(), "id").row(0)
        return run_stoppable(self._probe(event_id, body, lag_seconds), self.stop)

    async def _probe(self, event_id: str, body: str, lag_seconds: float) -> SecondEventEffect:
        events, queries = self._transport(for_queries=False), self._transport(for_queries=True)
        try:
            prober = Prober(event_id, body, events, queries, lag_seconds, self.patience_seconds)
            return await prober.probe()
        finally:
            await events.close()
            await queries.close()

    def _parts(self, canary: Canary) -> CanaryParts:
        number = self.load.number
        place = load_folder(self.folder, number)
        return CanaryParts(self.ledger, number, place, canary=canary)

    def _ask(self, canary: Canary, patience_seconds: float) -> _Seen:
        return run_stoppable(self._look_at(canary, patience_seconds), self.stop)

    async def _look_at(self, canary: Canary, patience_seconds: float) -> _Seen:
        number = self.load.number
        refused = {(one.part, one.index) for one in self.ledger.refusals(number)}
        wanted = {
            part: [at for at in indices if (part, at) not in refused]
            for part, indices in canary.by_part().items()
        }
        clean = Redactor(self.destination.key or "").clean
        sent = SentEvents(kept_folder(self.folder, self.ledger, number), wanted.items(), clean)
        inquiry = Inquiry(sent.ids(), patience_seconds=patience_seconds, outage_seconds=OUTAGE_SECONDS)
        found: list[EventDifference] = []
        lag = 0.0
        transport = self._transport(for_queries=True)
        try:
            findings = ask_all(inquiry, transport, rate_per_second=MOST_IN_FLIGHT)
            async with aclosing(findings) as findings:  # type: ignore[type-var]  # an async generator
                async for finding in findings:
                    settled = sent.settle(finding)
                    assert settled is not None  # the body of an open load's event is kept
                    found += filter(None, [settled[1]])
                    lag = max(lag, finding.lag_seconds if finding.presence is Presence.THERE else 0.0)
        finally:
            await transport.close()
        found.sort(key=lambda one: (one.part, one.index))
        return _Seen(tuple(found), lag, inquiry.stopped)

    def _refused(self, canary: Canary) -> Iterator[tuple[EventPlace, str]]:
        chosen = set(canary.places)
        for one in self.ledger.refusals(self.load.number):
            place = EventPlace(one.part, one.index)
            if place in chosen and one.refusal is not None:
                yield place, f"refused: {one.refusal.reason}"

    def _name(self, place: EventPlace) -> str:
        kept = kept_folder(self.folder, self.ledger, self.load.number)
        row = kept.read_ids(place.part, ["id", "file", "row"]).row(place.at, named=True)
        file = self.ledger.files(self.load.number)[row["file"]].path
        return f"{file} row {row['row']}, id {row['id']}"


def send_canary(
    check: CanaryCheck,
    count: int | None,
    send: Callable[[CanaryParts], bool],
    tell: Callable[[str], object],
    *,
    probes: bool,
    wall_clock: Callable[[], float],
) -> None:
    """Send the canary of a load and look at it, or go on with that; raises where the others may not go.

    `count` is how many a new load's has, None as the job says; 0 also passes over the look at one that is not yet over.
    `send` says whether all of it was sent; `tell` hears what a person should know. `probes`: one event is sent once
    more, to see what becomes of it.
    """
    parts = check.begin(check.job.upload.canary if count is None else count)
    if parts is None:
        return
    canary = parts.canary
    if parts.count_pending() and not send(parts):
        return
    lag = 0.0
    if canary.state != "probing":
        if count == 0:
            check.note(replace(canary, state="waived"))
            tell(waived_line(len(canary.places), has_failed=canary.state == "failed"))
            return
        lag = check.look(canary)
    if probes or canary.state == "probing":
        check.note(replace(canary, state="probing"))
        found = SecondEvent(check.probe(canary, lag), wall_clock())
        check.ledger.notes.second_event = found
    check.note(replace(canary, state="passed"))
    tell(check.say_passed(canary, lag))


def run_stoppable(work: Coroutine[Any, Any, T], stop: threading.Event | None) -> T:
    """Return what `work` returns; raises `Interrupted` once `stop` is set."""

    async def watched() -> T:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait([task], timeout=POLL_SECONDS)
            if stop is not None and stop.is_set():
                task.cancel()
                raise Interrupted(signal.SIGINT)
        return task.result()

    return asyncio.run(watched())
