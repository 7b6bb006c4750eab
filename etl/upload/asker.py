"""Asks for a load's uncertain events, beside the sending and on its loop, and settles what is found there.

Rule: carries out; which events are uncertain, and what an answer makes of them, is decided in `uncertain`.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Final

import orjson

from etl.ledger.settler import BATCH_EVENTS
from etl.ledger.store import Ledger
from etl.send.account import SendProgress
from etl.send.answer import Answer
from etl.send.concurrency import MAX_IN_FLIGHT
from etl.send.transport import Transport
from etl.stage.parts import events_path, open_outgoing
from etl.state.offered import note_nothing_uncertain, note_offered
from etl.upload.policy import UncertainPolicy
from etl.upload.uncertain import Found, Uncertain, UncertainEvent, round_wait_seconds
from etl.values.canonical import digest_body
from etl.values.delivery import BEFORE_ALL, EventPlace, Outgoing
from etl.witness.asking import QUERIES_PER_SECOND, ask_all
from etl.witness.compare import compare_event
from etl.witness.inquiry import MOST_IDS, Inquiry
from etl.witness.result_page import Problem, ProblemKind

__all__ = ["Asker", "LoadParts", "asking"]

OUTAGE_SECONDS: Final = 120.0
# Requests in flight, and answers not yet on disk.
MOST_AT_ONCE: Final = MAX_IN_FLIGHT + 2 * BATCH_EVENTS


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

    def pending_groups(self, after: EventPlace) -> Iterator[Iterator[Outgoing]]:
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

    def note_nothing_uncertain(self) -> None:
        """Note that none of the pending events is on the server."""
        note_nothing_uncertain(self.ledger, self.load)

    def maybe_there(self) -> list[UncertainEvent]:
        """Return the pending events that an earlier run may have brought there, and note up to where they are."""
        through = self.ledger.notes.offered.of(self.load)
        if through is None:
            # An older backfill noted no place. It took events from the first pending one on, and at once no more.
            events: Iterator[Outgoing] = islice(self.pending(), MOST_AT_ONCE)
        else:
            events = takewhile(lambda event: event[:2] <= through, self.pending())
        some = [UncertainEvent(EventPlace(*event[:2]), event[2], digest_body(event[3])) for event in events]
        if some:
            self.note_offered(some[-1].place)
        return some

    def pending(self) -> Iterator[Outgoing]:
        """Yield the events that are not settled, in order; raises as `read` does."""
        return chain.from_iterable(self.pending_groups(BEFORE_ALL))

    def settle_found(self, found: Iterable[Found]) -> None:
        """Settle events as delivered, with the note that they were found there; raises `StateError`."""
        by_part: dict[int, list[int]] = {}
        for one in found:
            by_part.setdefault(one.event.place.part, []).append(one.event.place.at)
        self.ledger.proofs.settle_found(self.load, by_part)


class Asker:
    """Takes uncertain events from a sender, settles those that are there, and gives back those that aren't.

    `on_settled` is told how many became durable. `counts` are those of found events that are there more than once, or
    otherwise than they were sent.
    """

    def __init__(
        self,
        parts: LoadParts,
        transport: Transport,
        on_settled: Callable[[int, int], None],
        policy: UncertainPolicy,
        progress: SendProgress,
        *,
        replaces: bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._parts, self._on_settled, self._policy, self._progress = parts, on_settled, policy, progress
        self._transport = _Paced(transport, clock, sleep)
        self._sleep = sleep
        self._uncertain = Uncertain(replaces=replaces)
        self._again: deque[Outgoing] = deque()
        self._rounds: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self.counts: Counter[str] = Counter()
        # Why nobody can be asked now, None while answers come.
        self._problem: Problem | None = None
        self._most_ids = MOST_IDS

    # What the sender calls

    def hold(self, event: Outgoing) -> Awaitable[str] | None:
        """Take an event whose answer was lost; see `etl.send.settings.Apart`."""
        part, at, event_id, body = event
        self.hold_all([UncertainEvent(EventPlace(part, at), event_id, digest_body(body))])
        return self._wait_for_room() if self._uncertain.is_full else None

    def again(self) -> Outgoing | None:
        """Return an event that isn't there, to be sent again."""
        if not self._again:
            return None
        self._progress.sent_again += 1
        return self._again.popleft()

    async def wait(self) -> bool:
        """Return true once an event is to be sent again, false once all are settled or nobody can be asked."""
        while self._is_waiting and not self._again and self._problem is None:
            await self._next_change()
        return bool(self._again)

    @property
    def unresolved(self) -> str:
        """Why uncertain events stay pending, empty where none does."""
        one, problem, where = self._uncertain, self._problem, f"POST {self._transport.url}"
        if problem is not None and one.count:
            return f"{one.count:,} events may be there, and nobody can be asked: {problem.reason} - {where}"
        if one.left:
            return f"{one.left:,} uncertain events stay pending; the last: {one.left_reason} - {where}"
        return ""

    async def _wait_for_room(self) -> str:
        while self._uncertain.is_full and self._problem is None:
            await self._next_change()
        return self.unresolved if self._uncertain.is_full else ""

    # What the run calls

    def hold_all(self, events: Iterable[UncertainEvent]) -> None:
        """Take events that an earlier run may have brought there."""
        self._uncertain.hold(events)
        self._progress.held = self._uncertain.count

    @property
    def leaves_none(self) -> bool:
        """Whether no event is pending that may be there."""
        one = self._uncertain
        return not (one.count or one.found or one.left)

    @property
    def _is_waiting(self) -> bool:
        one = self._uncertain
        return bool(one.count or one.found or one.absent or self._again)

    async def run(self) -> None:
        """Ask, round after round, until this is cancelled."""
        try:
            while True:
                await self._sleep(round_wait_seconds(len(self._rounds)))
                await self._take_up()
                if self._uncertain.held:
                    task = asyncio.create_task(self._ask_round())
                    self._rounds.add(task)
                    task.add_done_callback(self._drop_round)
                self._wake()
        except BaseException as error:
            self._error = self._error or error
            self._wake()
            raise
        finally:
            for task in self._rounds:
                task.cancel()
            await asyncio.gather(*self._rounds, return_exceptions=True)

    async def finish(self) -> None:
        """Settle what was found by now; call it once `run` has ended."""
        await self._take_up()
        self._progress.held = self._uncertain.count

    async def _ask_round(self) -> None:
        ids = self._uncertain.begin_round()
        # An event may be sent again, lost again and be in a later round while this one goes on.
        unsettled = dict.fromkeys(ids)
        inquiry = Inquiry(
            ids,
            patience_seconds=self._policy.patience_seconds,
            most_ids=self._most_ids,
            outage_seconds=OUTAGE_SECONDS,
        )
        try:
            async with aclosing(ask_all(inquiry, self._transport)) as findings:  # type: ignore[type-var]
                async for finding in findings:
                    del unsettled[finding.id]
                    self._uncertain.take(finding)
                    self._problem = None
                    self._policy.note_answer()
        finally:
            self._uncertain.give_back(unsettled)
            self._most_ids = min(self._most_ids, inquiry.most_ids)
        if inquiry.stopped is not None:
            self._heed(inquiry.stopped)

    def _heed(self, problem: Problem) -> None:
        """Take it that nobody can be asked: now, or at all."""
        is_lasting = problem.kind in (ProblemKind.KEY_CANNOT_READ, ProblemKind.NO_ROUTE)
        if is_lasting and not self._policy.must_ask:
            self._policy.give_up(problem)
            return
        self._problem = problem

    async def _take_up(self) -> None:
        """Settle what was found, and read what is to be sent again."""
        if not self._policy.asks:
            self._uncertain.give_up_asking()
        one, loop = self._uncertain, asyncio.get_running_loop()
        # Killed or cancelled half way, what was taken up is taken up again: it leaves only once it is settled.
        found, absent = list(one.found), list(one.absent)
        unlike = [entry.event.place for entry in found if entry.shown is not None]
        wanted = [*unlike, *(event.place for event in absent)]
        bodies = await loop.run_in_executor(None, self._parts.read, wanted) if wanted else {}
        self._again.extend(bodies[event.place] for event in absent)
        del one.absent[: len(absent)]
        if found:
            await loop.run_in_executor(None, self._parts.settle_found, found)
        for entry in found:
            one.found.popleft()
            self._count(entry, bodies)
        self._on_settled(len(found), 0)
        self._progress.held = one.count

    def _count(self, found: Found, bodies: dict[EventPlace, Outgoing]) -> None:
        self._progress.found_there += 1
        self.counts["doubled"] += found.is_doubled
        if found.shown is not None:
            sent = orjson.loads(bodies[found.event.place][3])
            self.counts["altered"] += compare_event(sent, found.shown).difference is not None

    def _drop_round(self, task: "asyncio.Task[None]") -> None:
        self._rounds.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error
        self._wake()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    async def _next_change(self) -> None:
        self._raise_error()
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()


@asynccontextmanager
async def asking(
    asker: Asker, parts: LoadParts, policy: UncertainPolicy
) -> AsyncIterator[tuple[EventPlace, Asker | None]]:
    """Have `asker` at work; give the place after which events never left, and the asker, None where none is wanted.

    What may be there from an earlier run is asked for first.
    """
    if not policy.asks:
        yield BEFORE_ALL, None
        return
    before = await asyncio.get_running_loop().run_in_executor(None, parts.maybe_there)
    asker.hold_all(before)
    work = asyncio.create_task(asker.run())
    try:
        yield (before[-1].place if before else BEFORE_ALL), asker
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await asker.finish()


class _Paced:
    """A transport for all rounds together: no more queries a second than one inquiry may make."""

    def __init__(
        self, transport: Transport, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        self._transport, self._clock, self._sleep = transport, clock, sleep
        self._next_at = clock()

    @property
    def url(self) -> str:
        return self._transport.url

    async def post(self, body: bytes) -> Answer:
        now = self._clock()
        at = max(now, self._next_at)
        self._next_at = at + 1 / QUERIES_PER_SECOND
        if at > now:
            await self._sleep(at - now)
        return await self._transport.post(body)

    async def close(self) -> None:
        await self._transport.close()
