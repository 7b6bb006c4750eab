"""Holds every request of a send until it may go: the rate, the pauses a server asks for, the breaker.

Rule: waits, and leaves every decision to `pacing`, `backoff` and `breaker`. One waiter at a time sleeps for all that
queue behind it, so a thousand workers cost one timer.
"""

import asyncio

from etl.send import breaker, pacing
from etl.send.account import SendProgress
from etl.send.backoff import backoff_seconds
from etl.send.hints import Hints
from etl.send.settings import Timing

__all__ = ["Gate"]

# Timers of event loops have a grain of 1 ms: a shorter sleep would spin.
_SHORTEST_NAP_SECONDS = 0.001
_LONGEST_NAP_SECONDS = 0.25
_PROBE_OUT_NAP_SECONDS = 0.02
_SHORTEST_PAUSE_SECONDS = 0.05
_WORTH_TELLING_SECONDS = 2.0


class Gate:
    """What stands before each request. `is_shut` is false where a request may go without asking.

    `longest_wait_seconds` bounds the waits that are our own idea.
    """

    def __init__(
        self,
        rate_per_second: float | None,
        progress: SendProgress,
        timing: Timing,
        longest_wait_seconds: float,
        carried: pacing.Carried = pacing.NOTHING_CARRIED,
    ) -> None:
        self._clock, self._rng, self._progress = timing.clock, timing.rng, progress
        self.longest_wait_seconds = longest_wait_seconds
        self._started_at = timing.clock()
        self._set_rate = rate_per_second
        self._told_rate: float | None = None
        self._told_rate_text = self._wait_text = ""
        self._learned = pacing.NOTHING_LEARNT
        self._limiter = (
            None
            if rate_per_second is None
            else pacing.make_limiter(rate_per_second, max(self._started_at, carried.due_at))
        )
        self._held_back_by_rate = False
        self._ticked_at = self._started_at
        self._held_until = carried.held_until
        self._refused_in_row = 0
        self._turnstile = asyncio.Lock()
        self._napping: set[asyncio.Task[object]] = set()
        self._woken: frozenset[asyncio.Task[object]] = frozenset()
        self.breaker = breaker.CLOSED
        self.is_closing = False
        self.is_shut = self._limiter is not None or self._held_until > self._started_at
        progress.rate_per_second = rate_per_second

    @property
    def learned_rate_per_second(self) -> float | None:
        """The rate that refusals have taught, None where there were none."""
        return self._learned.per_second

    @property
    def carried(self) -> pacing.Carried:
        """What the next send to the same endpoint must keep to."""
        limiter = self._limiter
        due_at = float("-inf") if limiter is None else limiter.tat - limiter.tolerance_seconds
        return pacing.Carried(due_at, self._held_until)

    @property
    def is_troubled(self) -> bool:
        """Whether the next success is news."""
        return self.breaker is not breaker.CLOSED

    def close(self) -> None:
        """Let nothing through any more, and wake all who wait."""
        self.is_closing = self.is_shut = True
        self._progress.state, self._progress.wait_seconds = "stopping", 0.0
        self._woken = frozenset(self._napping)
        for task in self._woken:
            task.cancel()

    async def admit(self) -> bool:
        """Return true once the request may go, false once nothing may any more."""
        async with self._turnstile:
            while not self.is_closing:
                now = self._clock()
                wait = self._seconds_to_wait(now)
                if wait <= 0:
                    self._let_through(now)
                    return True
                # Not for longer: the rate that is waited for may have grown meanwhile.
                if not await self.nap(min(wait, _LONGEST_NAP_SECONDS)):
                    break
        return False

    async def nap(self, seconds: float) -> bool:
        """Return true after `seconds`, false as soon as the gate closes."""
        task = asyncio.current_task()
        if self.is_closing or task is None:
            return False
        self._napping.add(task)
        try:
            await asyncio.sleep(max(seconds, _SHORTEST_NAP_SECONDS))
        except asyncio.CancelledError:
            if task not in self._woken:
                raise
            task.uncancel()
            return False
        finally:
            self._napping.discard(task)
        return True

    def note_success(self, sent_at: float) -> None:
        """Take note of an answer that settles an event, unless it was sent before the last refusal."""
        if sent_at > self._learned.refused_at:
            self.breaker = breaker.after_success(self.breaker)
            self._refused_in_row = 0

    def note_failure(self, sent_at: float, now: float) -> None:
        """Take note of an attempt that got no answer, a 5XX, or an answer that lies."""
        self.breaker = breaker.after_failure(self.breaker, sent_at, now, self._rng.random())
        self._update_shut(now)

    def note_refusal(self, sent_at: float, now: float, wait_seconds: float | None, accepted: int) -> None:
        """Pause the run after a 429 and learn the rate from it, unless it was sent before the pause that is on.

        `wait_seconds` is what the server asked for, `accepted` how many requests it has taken so far.
        """
        self.breaker = breaker.after_refusal(self.breaker, sent_at)
        if sent_at <= self._learned.refused_at:
            return
        self._refused_in_row += 1
        if wait_seconds is None:
            wait_seconds = backoff_seconds(self._refused_in_row, self._rng, self.longest_wait_seconds)
        wait_seconds = max(wait_seconds, _SHORTEST_PAUSE_SECONDS)
        self._learned = pacing.learn_from_refusal(
            self._learned, now, self._started_at, accepted, self._rate, wait_seconds
        )
        self._apply_rate(now)
        self._pause(wait_seconds, now)

    def note_hints(self, hints: Hints, now: float) -> None:
        """Heed what the server says of its limits, whatever the answer was."""
        if hints.rate_per_second is not None and hints.rate_per_second != self._told_rate:
            self._told_rate, self._told_rate_text = hints.rate_per_second, hints.rate_text
            self._apply_rate(now)
        if hints.wait_seconds:
            if now + hints.wait_seconds > self._held_until:
                self._wait_text = hints.wait_text
            self._pause(hints.wait_seconds, now)

    def _pause(self, wait_seconds: float, now: float) -> None:
        self._held_until = max(self._held_until, now + wait_seconds)
        self._update_shut(now)

    def tick(self, now: float) -> None:
        """Let the learnt rate grow if it is what holds the run back, and keep the progress fresh."""
        if self._turnstile.locked():
            # Whoever sleeps at the gate asks only once it wakes; what holds it is asked for it.
            self._seconds_to_wait(now)
        if self._held_back_by_rate and self._learned.per_second is not None:
            self._learned = pacing.grow_rate(self._learned, now - self._ticked_at)
            self._apply_rate(now)
        self._ticked_at = now
        self._held_back_by_rate = False
        if not self.is_closing:
            self._show_state(now)

    def _seconds_to_wait(self, now: float) -> float:
        to_probe = breaker.seconds_to_probe(self.breaker, now)
        wait = _PROBE_OUT_NAP_SECONDS if to_probe is None else to_probe
        wait = max(wait, self._held_until - now)
        if wait <= 0 and self._limiter is not None:
            wait = pacing.seconds_to_next(self._limiter, now)
            self._held_back_by_rate = self._held_back_by_rate or wait > 0
        return wait

    def _let_through(self, now: float) -> None:
        self.breaker = breaker.let_through(self.breaker)
        if self._limiter is not None:
            self._limiter = pacing.admit(self._limiter, now)
        self._update_shut(now)

    @property
    def _rate(self) -> float | None:
        return pacing.allowed_rate(self._set_rate, self._told_rate, self._learned.per_second)

    def _apply_rate(self, now: float) -> None:
        self._progress.rate_per_second = rate = self._rate
        if rate is not None:
            self._limiter = pacing.with_rate(self._limiter or pacing.make_limiter(rate, now), rate)
            self._update_shut(now)

    def _update_shut(self, now: float) -> None:
        self.is_shut = (
            self.is_closing
            or self._limiter is not None
            or self._held_until > now
            or self.breaker.state is not breaker.BreakerState.CLOSED
        )

    def _show_state(self, now: float) -> None:
        progress, limiter = self._progress, self._limiter
        to_probe = breaker.seconds_to_probe(self.breaker, now)
        to_next = 0.0 if limiter is None else pacing.seconds_to_next(limiter, now)
        progress.asked = ""
        if self._held_until > now:
            progress.state, progress.wait_seconds = "paused", self._held_until - now
            progress.asked = self._wait_text
        elif self.breaker.state is not breaker.BreakerState.CLOSED:
            progress.state, progress.wait_seconds = "probing", to_probe or 0.0
        elif to_next > _WORTH_TELLING_SECONDS and self._told_rate == self._rate:
            progress.state, progress.wait_seconds = "paused", to_next
            progress.asked = self._told_rate_text
        else:
            progress.state, progress.wait_seconds = "sending", 0.0
