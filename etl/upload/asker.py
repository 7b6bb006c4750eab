"""Asks for a load's uncertain events, beside the sending and on its loop, and settles what is found there.

Rule: carries out; which events are uncertain, and what an answer makes of them, is decided in `uncertain`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import chain
from typing import Final

from etl.event import parse_body
from etl.send.account import SendProgress, StopCause
from etl.send.transport import Transport
from etl.upload.load_parts import LoadParts
from etl.upload.policy import UncertainPolicy
from etl.upload.uncertain import Found, Uncertain, UncertainEvent, round_wait_seconds
from etl.values.canonical import digest_body
from etl.values.delivery import BEFORE_ALL, EventPlace, Outgoing
from etl.witness.asking import ask_all
from etl.witness.compare import compare_event
from etl.witness.inquiry import MOST_IDS, Inquiry
from etl.witness.paced import PacedTransport
from etl.witness.result_page import LASTING, Problem, ProblemKind

__all__ = ["Asker", "asking"]

OUTAGE_SECONDS: Final = 120.0


class Asker:
    """Takes uncertain events from a sender, settles those that are there, and gives back those that aren't.

    It is the sender's `etl.send.settings.Apart`. `on_settled` is told how many became durable. `counts` are those of
    found events that are there more than once, or otherwise than they were sent.
    """

    def __init__(
        self,
        parts: LoadParts,
        transport: Transport,
        policy: UncertainPolicy,
        progress: SendProgress,
        on_settled: Callable[[int, int], None],
        *,
        replaces: bool,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._parts, self._policy, self._progress, self._on_settled = parts, policy, progress, on_settled
        self._transport, self._sleep = PacedTransport(transport), sleep
        self._uncertain = Uncertain(replaces=replaces)
        # Held since before this send; none of them was sent by it so far.
        self._earlier: set[EventPlace] = set()
        self._again: deque[Outgoing] = deque()
        self._missed: deque[Outgoing] = deque()
        self._rounds: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_closing = False
        self._error: BaseException | None = None
        self.counts: Counter[str] = Counter()
        # Why nobody can be asked now, None while answers come.
        self._problem: Problem | None = None
        self._most_ids = parts.ledger.notes.ids_a_query or MOST_IDS

    # What the sender calls

    def hold(self, event: Outgoing, reason: str) -> Awaitable[bool] | None:
        """Take an event that is uncertain for `reason`; return what ends once there is room, where there is none."""
        part, at, event_id, body = event
        self._hold([UncertainEvent(EventPlace(part, at), event_id, digest_body(body), reason)])
        return self._wait_for_room() if self._uncertain.is_full else None

    def again(self) -> Outgoing | None:
        """Return an event of this send that isn't there, to be sent again."""
        return self._give(self._again)

    def missed(self) -> Outgoing | None:
        """Return an event of an earlier send that isn't there."""
        return self._give(self._missed)

    async def wait(self, *, for_missed: bool) -> bool:
        """Return true once an event is to be sent again, false once all are settled or nobody can be asked."""
        while True:
            self._raise_error()
            if self._again or (for_missed and self._missed):
                return True
            if self._is_closing or self._problem is not None or not self._is_waiting(for_missed=for_missed):
                return False
            await self._next_change()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._is_closing = True
        self._changed.set()

    @property
    def unresolved(self) -> tuple[StopCause, str] | None:
        """Why uncertain events stay pending, None where none does."""
        one, problem, where = self._uncertain, self._problem, f"POST {self._transport.url}"
        if problem is not None and one.count:
            cause: StopCause = "unreadable" if problem.kind is ProblemKind.KEY_CANNOT_READ else "unasked"
            return (
                cause,
                f"{_events(one.count)} be there already, and nobody can be asked: {problem.reason} - {where}",
            )
        if one.left:
            return (
                "retries",
                f"{len(one.left):,} uncertain events stay pending; the last: {one.left_reason} - {where}",
            )
        return None

    async def _wait_for_room(self) -> bool:
        while self._uncertain.is_full and self._problem is None and not self._is_closing:
            await self._next_change()
        return not self._uncertain.is_full

    # What the run calls

    def hold_earlier(self, events: Iterable[UncertainEvent]) -> None:
        """Take events that an earlier send may have brought there."""
        events = list(events)
        self._earlier.update(event.place for event in events)
        self._hold(events)

    async def wait_for_all(self) -> None:
        """Wait until of each event is known whether it is there, or nobody can be asked."""
        while self._is_unknown and self._problem is None:
            await self._next_change()

    @property
    def _is_unknown(self) -> bool:
        one = self._uncertain
        return bool(one.count or one.found)

    @property
    def pending(self) -> int:
        """How many events stay pending that may be there."""
        one = self._uncertain
        return one.count + len(one.found) + len(one.left)

    @property
    def through(self) -> EventPlace:
        """The place of the last event that stays pending and may be there."""
        one = self._uncertain
        return max(chain(one.places(), one.left), default=BEFORE_ALL)

    async def run(self) -> None:
        """Ask, round after round, until this is cancelled."""
        try:
            while True:
                await self._sleep(round_wait_seconds(len(self._rounds)))
                await self._settle_found()
                await self._fetch_absent()
                if self._uncertain.held and (self._problem is None or self._problem.kind not in LASTING):
                    task = asyncio.create_task(self._ask_round())
                    self._rounds.add(task)
                    task.add_done_callback(self._drop_round)
                self._changed.set()
        except BaseException as error:
            self._error = self._error or error
            self._changed.set()
            raise
        finally:
            for task in self._rounds:
                task.cancel()
            await asyncio.gather(*self._rounds, return_exceptions=True)

    async def finish(self) -> None:
        """Settle what was found by now; call it once `run` has ended."""
        await self._settle_found()
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
        if inquiry.stopped is not None and not self._policy.may_send_unasked(inquiry.stopped):
            self._problem = inquiry.stopped

    async def _settle_found(self) -> None:
        one, loop = self._uncertain, asyncio.get_running_loop()
        # Cancelled half way, it is taken up again: what was found leaves only once it is settled.
        if found := list(one.found):
            unlike = [entry.event.place for entry in found if entry.shown is not None]
            bodies = await loop.run_in_executor(None, self._parts.read, unlike) if unlike else {}
            await loop.run_in_executor(None, self._parts.settle_found, found)
            for entry in found:
                one.found.popleft()
                self._count(entry, bodies)
            self._on_settled(len(found), 0)
        self._progress.held = one.count

    async def _fetch_absent(self) -> None:
        """Read what is to be sent again."""
        if not self._policy.asks:
            self._uncertain.give_up_asking()
        if absent := list(self._uncertain.absent):
            places = [event.place for event in absent]
            bodies = await asyncio.get_running_loop().run_in_executor(None, self._parts.read, places)
            del self._uncertain.absent[: len(absent)]
            for place in places:
                (self._missed if place in self._earlier else self._again).append(bodies[place])

    def _hold(self, events: Iterable[UncertainEvent]) -> None:
        self._uncertain.hold(events)
        self._progress.held = self._uncertain.count

    def _give(self, events: deque[Outgoing]) -> Outgoing | None:
        if not events:
            return None
        event = events.popleft()
        self._earlier.discard(EventPlace(*event[:2]))
        self._progress.sent_again += 1
        return event

    def _is_waiting(self, *, for_missed: bool) -> bool:
        one = self._uncertain
        if for_missed:
            return bool(one.count or one.found or one.absent)
        return not self._earlier.issuperset(chain(one.places(), (event.place for event in one.absent)))

    def _count(self, found: Found, bodies: dict[EventPlace, Outgoing]) -> None:
        self._progress.found_there += 1
        self.counts["doubled"] += found.is_doubled
        if found.shown is not None:
            sent = parse_body(bodies[found.event.place][3])
            self.counts["altered"] += compare_event(sent, found.shown).difference is not None

    def _drop_round(self, task: "asyncio.Task[None]") -> None:
        self._rounds.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error
        self._changed.set()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    async def _next_change(self) -> None:
        self._raise_error()
        self._changed.clear()
        await self._changed.wait()


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
    asker.hold_earlier(before)
    work = asyncio.create_task(asker.run())
    try:
        yield (before[-1].place if before else BEFORE_ALL), asker
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await asker.finish()


def _events(count: int) -> str:
    return "1 event may" if count == 1 else f"{count:,} events may"
