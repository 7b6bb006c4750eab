"""Sends events until all are settled, or something says stop.

Theory of operation. Workers pull events from one iterator; each holds one event from the first attempt to its
settlement, so what is in flight is bounded by the number of workers, and the limit is kept by starting and ending
workers. The first worker goes alone: until one answer shows that the key and the endpoint are right, a wrong one costs
one request. A ticker closes a window every tenth of a second and sets the limit; an event's own path touches none of
that.

Rule: starts, stops and reports; how one event fares is `courier`'s.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from etl.send.account import SendProgress, SendReport, StopCause
from etl.send.backoff import MAX_BACKOFF_SECONDS
from etl.send.concurrency import Concurrency, next_concurrency, spread_seconds, window_seconds
from etl.send.courier import Courier
from etl.send.gate import Gate
from etl.send.meter import Meter
from etl.send.settings import Apart, Ends, SendSettings, StopSignal, Timing
from etl.values.delivery import Outgoing

__all__ = ["send_events"]

TICK_SECONDS: Final = 0.05


async def send_events(
    events: Iterator[Outgoing],
    ends: Ends,
    settings: SendSettings,
    *,
    stop: StopSignal,
    progress: SendProgress | None = None,
    timing: Timing | None = None,
) -> SendReport:
    """Send `events` and return what came of it; what isn't settled stays pending.

    `ends.settle` is called after each verdict, by the worker that holds the event: while that waits, the worker sends
    nothing. Whatever it or the iterator raises ends the send and is raised here. `progress` is kept up to date.
    `ends.apart` takes uncertain events, which are then retried only once it gives them back; they go before the others.
    """
    sender = _Sender(events, ends, settings, progress or SendProgress(), timing or Timing())
    return await sender.run(stop)


class _Joined(Iterator[Outgoing]):
    """What isn't there and goes again, then the events: at most `limit`, of which one that goes again counts once.

    It ends for now: `wait` tells whether there is more to come.
    """

    def __init__(self, apart: Apart, events: Iterator[Outgoing], limit: int | None) -> None:
        self._apart, self._events, self._left = apart, events, limit

    def __next__(self) -> Outgoing:
        if (again := self._apart.again()) is not None:
            return again
        if self._left == 0:
            raise StopIteration
        missed = self._apart.missed()
        event = next(self._events) if missed is None else missed
        if self._left is not None:
            self._left -= 1
        return event

    async def wait(self) -> bool:
        """Return true once there is another event, false once there will be none."""
        return await self._apart.wait(for_missed=self._left != 0)


class _Sender:
    def __init__(
        self,
        events: Iterator[Outgoing],
        ends: Ends,
        settings: SendSettings,
        progress: SendProgress,
        timing: Timing,
    ) -> None:
        self._source, self._settings, self._progress = events, settings, progress
        limited = events if settings.limit is None else islice(events, settings.limit)
        self._apart = ends.apart
        self._joined = None if ends.apart is None else _Joined(ends.apart, events, settings.limit)
        self._events = self._joined or limited
        self._clock = timing.clock
        self._started_at = timing.clock()
        # No wait of our own is so long that giving up comes much later than it is due.
        longest_wait_seconds = min(MAX_BACKOFF_SECONDS, settings.give_up_seconds / 4)
        self._gate = Gate(settings.rate_per_second, progress, timing, longest_wait_seconds, settings.carried)
        self._meter = Meter(self._started_at)
        self._courier = Courier(ends, settings, self._gate, self._meter, progress, timing, self._end)
        self._concurrency = Concurrency()
        self._limit = 1
        self._workers: set[asyncio.Task[bool]] = set()
        self._worker_ended = asyncio.Event()
        self._is_exhausted = False
        self._stopped: StopCause | None = None
        self._stop_reason = ""
        self._error: BaseException | None = None
        self._unanswered = 0

    async def run(self, stop: StopSignal) -> SendReport:
        asked_seconds = self._settings.carried.held_until - self._started_at
        if asked_seconds > self._settings.max_wait_seconds:
            self._end("outage", f"the server asks to wait {asked_seconds:,.0f} s")
            return self._report()
        chores = [asyncio.create_task(work) for work in (self._heed(stop), self._tick())]
        for chore in chores:
            chore.add_done_callback(self._keep_error)
        try:
            self._start_workers()
            await self._wait_for_workers()
        except asyncio.CancelledError:
            # An attempt that is cancelled may still end with its answer; its worker must take no other event then.
            self._close()
            raise
        finally:
            for task in (*chores, *self._workers):
                task.cancel()
            await asyncio.gather(*chores, *self._workers, return_exceptions=True)
        if self._error is not None:
            raise self._error
        return self._report()

    async def _tick(self) -> None:
        """Keep the limit and the measurements up to date."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._clock()
            self._gate.tick(now)
            self._close_window(now)
            self._set_limit()
            self._start_workers()

    async def _heed(self, stop: StopSignal) -> None:
        await stop.wait()
        self._end("interrupted", "told to stop")

    def _close_window(self, now: float) -> None:
        if self._meter.window_age_seconds(now) < window_seconds(self._concurrency):
            return
        window = self._meter.close_window(now)
        self._concurrency = next_concurrency(self._concurrency, window, now)
        if self._meter.close_second(now, self._progress):
            # Hints may appear on any answer; one a second is looked at for them.
            self._courier.is_watching = True

    def _set_limit(self) -> None:
        if self._courier.is_proven:
            self._limit = self._settings.concurrency or self._concurrency.in_flight
        self._progress.limit = self._limit
        self._courier.spread_seconds = spread_seconds(self._concurrency, self._meter.latencies)
        self._courier.spacing_seconds = self._courier.spread_seconds / self._limit
        self._courier.surplus_workers = max(0, len(self._workers) - self._limit)

    def _start_workers(self) -> None:
        while len(self._workers) < self._limit and not self._is_exhausted and not self._gate.is_closing:
            task = asyncio.create_task(self._courier.work(self._events))
            self._workers.add(task)
            task.add_done_callback(self._drop_worker)

    def _drop_worker(self, task: asyncio.Task[bool]) -> None:
        self._workers.discard(task)
        self._worker_ended.set()
        self._keep_error(task)
        if not task.cancelled() and task.exception() is None:
            self._is_exhausted = self._is_exhausted or task.result()

    def _keep_error(self, task: asyncio.Task[Any]) -> None:
        """Keep the first error, for `run` to raise once the other workers are done."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error
            self._close()

    async def _wait_for_workers(self) -> None:
        while True:
            while self._workers and not self._gate.is_closing:
                self._worker_ended.clear()
                await self._worker_ended.wait()
            if not await self._wait_for_apart():
                break
            self._is_exhausted = False
            self._start_workers()
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                while self._workers:
                    self._worker_ended.clear()
                    await self._worker_ended.wait()
        except TimeoutError:
            self._unanswered = self._progress.in_flight

    async def _wait_for_apart(self) -> bool:
        """Return true once an event held apart is to be sent again, false once none will be or the send ends."""
        return self._joined is not None and not self._gate.is_closing and await self._joined.wait()

    def _end(self, cause: StopCause, reason: str) -> None:
        if not self._gate.is_closing:
            self._stopped, self._stop_reason = cause, reason
            self._close()

    def _close(self) -> None:
        self._gate.close()
        if self._apart is not None:
            self._apart.close()
        self._worker_ended.set()

    def _report(self) -> SendReport:
        now, progress, meter = self._clock(), self._progress, self._meter
        meter.close_window(now)
        meter.close_second(now, progress, at_end=True)
        stopped, reason = self._stopped, self._stop_reason
        if stopped is None and self._courier.left:
            stopped, reason = "retries", self._courier.left_reason
        if stopped is None and self._apart is not None and self._apart.unresolved is not None:
            stopped, reason = self._apart.unresolved
        if stopped is None and self._settings.limit is not None and next(self._source, None) is not None:
            stopped, reason = "limit", f"sent the {self._settings.limit:,} events that were asked for"
        return SendReport(
            sent=progress.delivered,
            refused=progress.refused,
            attempts=progress.attempts,
            retries=progress.retries,
            resent=progress.resent,
            found_there=progress.found_there,
            sent_again=progress.sent_again,
            unanswered=self._unanswered,
            stopped=stopped,
            stop_reason=reason,
            elapsed_seconds=now - self._started_at,
            statuses=dict(meter.statuses),
            latencies=meter.latencies_so_far(),
            max_in_flight=meter.max_in_flight,
            timeline=meter.timeline(),
            learned_rate_per_second=self._gate.learned_rate_per_second,
            carried=self._gate.carried,
        )
