"""Takes one event at a time to the server and back to the ledger, however many attempts that takes.

Rule: waits and counts; what an answer means and how long to wait is decided in `verdict`, `backoff` and `pacing`.
A retry carries the same id and the same bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from etl.send import backoff, breaker
from etl.send.account import SendProgress, StopCause
from etl.send.answer import Answer, TransportFailure
from etl.send.doubt import MAX_EVENT_UNPROVEN, NO_DOUBT, after_unproven
from etl.send.gate import Gate
from etl.send.hints import NO_HINTS, Hints, read_hints
from etl.send.meter import Meter
from etl.send.room import LARGE_BODY_BYTES, Room
from etl.send.settings import Ends, SendSettings, Timing
from etl.send.verdict import DELIVERED, Outcome, Verdict, classify_answer, classify_failure
from etl.values.delivery import Outgoing, Refusal

__all__ = ["Courier"]

# An event that fails this often while others succeed is left pending: it, not the server, is the cause.
MAX_EVENT_FAILURES: Final = 20
# Timers have a grain of a millisecond; what is due sooner goes at once.
_LEAST_WAIT_SECONDS: Final = 0.002


@dataclass(slots=True)
class _Trial:
    """An event that was not delivered at once. `failures` counts the attempts before which others had succeeded."""

    first_sent_at: float
    last_sent_at: float = 0.0
    attempts: int = 0
    failures: int = 0
    settled_before: int = -1
    unproven: int = 0
    is_uncertain: bool = False

    def add(self, verdict: Verdict, sent_at: float) -> None:
        """Count an attempt that ended with `verdict`."""
        self.attempts += 1
        self.unproven += verdict.is_unproven
        self.last_sent_at, self.is_uncertain = sent_at, verdict.is_uncertain


class Courier:
    """Delivers events for all workers of one send.

    `is_proven` turns true with the first answer that settles an event. `is_watching` says that the next success is to
    be looked at, not only counted. Requests go `spacing_seconds` apart, on average, and wait for that no longer than
    `spread_seconds`. What may be stored although nothing proves it is handed to `apart`, where there is one, and not
    retried. `surplus_workers` are to end after the event they have. `left` events failed too often and stay
    pending; `left_reason` is the last's.
    """

    def __init__(
        self,
        ends: Ends,
        settings: SendSettings,
        gate: Gate,
        meter: Meter,
        progress: SendProgress,
        timing: Timing,
        end: Callable[[StopCause, str], None],
    ) -> None:
        self._url, self._post, self._settle = ends.transport.url, ends.transport.post, ends.settle
        self._apart, self._settings = ends.apart, settings
        self._gate, self._meter, self._progress = gate, meter, progress
        self._clock, self._wall_clock, self._rng = timing.clock, timing.wall_clock, timing.rng
        self._end = end
        self._room = Room()
        self._budget = backoff.RetryBudget(backoff.MAX_RETRIES_SAVED, self._clock(), 0)
        self._hints_seen = False
        self._doubt, self._unproven_successes = NO_DOUBT, 0
        self.is_proven = False
        self._is_answered = False
        self.is_watching = True
        self.spread_seconds = self.spacing_seconds = 0.0
        self._slot_at = float("-inf")
        self.surplus_workers = 0
        self.left = 0
        self.left_reason = ""

    async def work(self, events: Iterator[Outgoing]) -> bool:
        """Deliver events, taken from where other workers take theirs; return whether there are no more.

        Each is attempted until it is settled, left pending, or the send ends.
        """
        # All of an event's path is in this one coroutine, first attempt and later ones alike: what is called here
        # and entered again runs twice an event, with other threads waiting for this one.
        gate, progress, meter, conflict = self._gate, self._progress, self._meter, self._settings.conflict
        clock, post, settle, room = self._clock, self._post, self._settle, self._room
        while True:
            while room.is_full:
                await room.wait()
                if gate.is_closing:
                    return False
            event = next(events, None)
            if event is None:
                return True
            part, index, event_id, event_body = event
            if is_large := len(event_body) > LARGE_BODY_BYTES:
                room.take(len(event_body))
            trial: _Trial | None = None
            while True:
                # Apart first, then through the gate: what it lets go goes at once, or a pause could begin meanwhile.
                now = clock()
                if self._slot_at < now:
                    self._slot_at = now + self.spacing_seconds
                elif not await self._keep_apart(now):
                    break
                if gate.is_shut and not await gate.admit():
                    break
                sent_at = clock()
                if trial is not None:
                    progress.retries += 1
                    progress.resent += trial.is_uncertain
                progress.attempts += 1
                progress.in_flight = in_flight = progress.in_flight + 1
                if in_flight > meter.max_in_flight:
                    meter.max_in_flight = in_flight
                answer = None
                try:
                    answer = await post(event_body)
                    verdict = classify_answer(answer, event_id, conflict)
                except TransportFailure as failure:
                    verdict = classify_failure(failure)
                finally:
                    progress.in_flight -= 1
                meter.statuses[0 if answer is None else answer.status] += 1
                if verdict is not DELIVERED or self.is_watching:
                    self._note(verdict, answer, sent_at)
                else:
                    meter.latencies.append(clock() - sent_at)
                if verdict is DELIVERED or verdict.outcome is Outcome.DELIVERED:
                    if (waiting := settle(part, index, None)) is not None:
                        await waiting
                    progress.delivered += 1
                    break
                if verdict.is_uncertain and self._apart is not None:
                    has_room = self._apart.hold(event, verdict.reason)
                    if has_room is not None and not await has_room and self._apart.unresolved is not None:
                        self._end(*self._apart.unresolved)
                    break
                trial = trial or _Trial(sent_at)
                trial.add(verdict, sent_at)
                if verdict.outcome is not Outcome.RETRY:
                    await self._conclude(part, index, verdict, trial)
                    break
                if not await self._wait_to_retry(verdict, trial):
                    break
            if is_large:
                room.free(len(event_body))
            if gate.is_closing:
                return False
            if self.surplus_workers:
                self.surplus_workers -= 1
                return False

    async def _keep_apart(self, now: float) -> bool:
        """Return true once the next request should go, false where the send ends first."""
        slot_at = min(self._slot_at, now + self.spread_seconds)
        self._slot_at = slot_at + self.spacing_seconds
        return slot_at <= now + _LEAST_WAIT_SECONDS or await self._gate.nap(slot_at - now)

    async def _conclude(self, part: int, index: int, verdict: Verdict, trial: "_Trial") -> None:
        """Settle a refused event, and end the send where that or the verdict asks for it."""
        if verdict.outcome is Outcome.STOP:
            return self._end(verdict.stops or "endpoint", f"{verdict.reason} - POST {self._url}")
        refusal = self._refuse(verdict, trial)
        self._progress.refused_codes[refusal.code] += 1
        if (waiting := self._settle(part, index, refusal)) is not None:
            await waiting
        self._progress.refused += 1
        refused = self._progress.refused
        if not self._settings.allows_refused(refused):
            self._end(
                "rejects",
                f"the server refused {refused:,} events; the last: {verdict.reason} - POST {self._url}",
            )
        return None

    def _refuse(self, verdict: Verdict, trial: "_Trial") -> Refusal:
        assert verdict.code is not None
        wall_offset = self._wall_clock() - self._clock()
        return Refusal(
            verdict.code,
            verdict.reason,
            verdict.status,
            verdict.server_code,
            verdict.detail,
            verdict.request_id,
            trial.attempts,
            trial.first_sent_at + wall_offset,
            trial.last_sent_at + wall_offset,
        )

    async def _wait_to_retry(self, verdict: Verdict, trial: "_Trial") -> bool:
        """Return true once the event may queue again. After a 429 it is the whole run that waits."""
        gate, began_at = self._gate, self._clock()
        if trial.unproven >= MAX_EVENT_UNPROVEN:
            self._leave(verdict)
            return False
        if verdict.status != 429:
            if self._settled > trial.settled_before:
                trial.failures, trial.settled_before = trial.failures + 1, self._settled
                if trial.failures >= MAX_EVENT_FAILURES:
                    self._leave(verdict)
                    return False
            # While the breaker is open its probes set the pace.
            is_up = gate.breaker.state is breaker.BreakerState.CLOSED
            longest_seconds = min(gate.longest_wait_seconds, self._patience_seconds / 4)
            wait_seconds = backoff.backoff_seconds(trial.attempts, self._rng, longest_seconds)
            if is_up and not await gate.nap(wait_seconds):
                return False
            while wait := self._reckon_retry():
                if not await gate.nap(wait):
                    return False
            self._budget = backoff.spend(self._budget)
        self._meter.held_seconds += self._clock() - began_at
        return True

    def _reckon_retry(self) -> float:
        self._budget = backoff.refill(self._budget, self._clock(), self._settled)
        return backoff.seconds_to_retry(self._budget)

    def _note(self, verdict: Verdict, answer: Answer | None, sent_at: float) -> None:
        """Tell the gate and the meter what an attempt came to."""
        now, gate, meter = self._clock(), self._gate, self._meter
        hints = NO_HINTS if answer is None else read_hints(answer, self._wall_clock())
        self._is_answered = self._is_answered or answer is not None
        self._hints_seen = self._hints_seen or hints.has_limits
        gate.note_hints(hints, now)
        self._heed_limits(hints)
        if verdict.outcome in (Outcome.DELIVERED, Outcome.REJECTED):
            meter.latencies.append(now - sent_at)
            gate.note_success(sent_at)
            self.is_proven, self.is_watching = True, self._hints_seen or gate.is_troubled
            return
        meter.failures += 1
        meter.held_seconds += now - sent_at
        self.is_watching = True
        if verdict.outcome is Outcome.STOP:
            return
        if verdict.status == self._settings.disk_status:
            self._end("disk", verdict.reason)
        if verdict.status == 429:
            gate.note_refusal(sent_at, now, hints.wait_seconds, meter.accepted())
        else:
            gate.note_failure(sent_at, now)
        if verdict.is_unproven:
            self._note_unproven(verdict)
        if breaker.has_given_up(gate.breaker, now, self._patience_seconds):
            self._give_up(verdict)

    def _heed_limits(self, hints: Hints) -> None:
        """End the send where the server wants it to stand still for longer than it may."""
        most_seconds, wait, rate = self._settings.max_wait_seconds, hints.wait_seconds, hints.rate_per_second
        asked = ""
        if wait is not None and wait > most_seconds:
            asked = f"asks to wait {wait:,.0f} s (`{hints.wait_text}`)"
        elif rate is not None and rate * most_seconds < 1:
            asked = f"allows one event in {1 / rate:,.0f} s (`{hints.rate_text}`)"
        if asked:
            self._end(
                "outage", f"the server {asked}, longer than max_wait, {most_seconds:g} s - POST {self._url}"
            )

    def _note_unproven(self, verdict: Verdict) -> None:
        statuses = self._meter.statuses
        # Counted as answers come: what is settled waits for the ledger.
        self._unproven_successes += verdict.status in (200, 201)
        self._doubt = after_unproven(self._doubt, statuses[200] + statuses[201] - self._unproven_successes)
        if self._doubt.is_certain:
            self._end(
                "unproven",
                f"{self._doubt.in_a_row} answers in a row prove nothing; the last: {verdict.reason} - POST {self._url}",
            )

    def _give_up(self, verdict: Verdict) -> None:
        patience = f"{self._patience_seconds:g} s"
        if verdict.status == 429:
            self._end(
                "retries",
                f"the server has taken no event for {patience}: {verdict.reason} - POST {self._url}",
            )
        else:
            self._end(
                "outage",
                f"no event got through for {patience}; the last: {verdict.reason} - POST {self._url}",
            )

    @property
    def _patience_seconds(self) -> float:
        # Where nobody ever answered, the endpoint is more likely wrong than down.
        longest = self._settings.give_up_seconds
        return longest if self._is_answered else min(longest, self._settings.first_answer_seconds)

    def _leave(self, verdict: Verdict) -> None:
        self.left += 1
        self.left_reason = (
            f"{self.left} kept failing and stay pending; the last: {verdict.reason} - POST {self._url}"
        )
        if self.left > self._settings.max_left:
            self._end("retries", self.left_reason)

    @property
    def _settled(self) -> int:
        return self._progress.delivered + self._progress.refused
