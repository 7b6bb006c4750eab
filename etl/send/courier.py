"""Takes one event at a time to the server and back to the ledger, however many attempts that takes.

Rule: waits and counts; what an answer means and how long to wait is decided in `verdict`, `backoff` and `pacing`.
A retry carries the same id and the same bytes.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from etl.delivery import Outgoing, Refusal, Settlement
from etl.send import backoff, breaker
from etl.send.account import SendProgress, StopCause
from etl.send.gate import Gate
from etl.send.hints import NO_HINTS, read_hints
from etl.send.meter import Meter
from etl.send.settings import SendSettings, Settle
from etl.send.transport import Transport, TransportFailure
from etl.send.verdict import DELIVERED, Outcome, Verdict, classify_answer, classify_failure

__all__ = ["Courier"]

# An event that fails this often while others succeed is left pending: it, not the server, is the cause.
MAX_EVENT_FAILURES: Final = 20
_NO_HEADERS: Final[Mapping[str, str]] = {}


class Courier:
    """Delivers events for all workers of one send.

    `is_proven` turns true with the first answer that settles an event. `is_watching` says that the next success is
    to be looked at, not only counted. `left` events failed too often and stay pending; `left_reason` is the last's.
    """

    def __init__(
        self,
        transport: Transport,
        settle: Settle,
        settings: SendSettings,
        gate: Gate,
        meter: Meter,
        progress: SendProgress,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        rng: Random,
        end: Callable[[StopCause, str], None],
    ) -> None:
        self._url, self._post, self._settle, self._settings = transport.url, transport.post, settle, settings
        self._gate, self._meter, self._progress = gate, meter, progress
        self._clock, self._wall_clock, self._rng, self._end = clock, wall_clock, rng, end
        self._budget = backoff.RetryBudget(backoff.MAX_RETRIES_SAVED, clock(), 0)
        self._hints_seen = False
        self.is_proven = False
        self._is_answered = False
        self.is_watching = True
        self.left = 0
        self.left_reason = ""

    async def deliver(self, event: Outgoing) -> None:
        """Attempt the event until it is settled, left pending, or the send ends."""
        if self._gate.is_shut and not await self._gate.admit():
            return
        sent_at = self._clock()
        verdict = await self._attempt(event, sent_at)
        if verdict is DELIVERED:
            await self._settle(Settlement(event.part, event.index, None))
            self._progress.delivered += 1
        else:
            await self._persevere(event, verdict, sent_at)

    async def _attempt(self, event: Outgoing, sent_at: float) -> Verdict:
        progress, meter = self._progress, self._meter
        progress.attempts += 1
        progress.in_flight += 1
        if progress.in_flight > meter.max_in_flight:
            meter.max_in_flight = progress.in_flight
        try:
            answer = await self._post(event.body)
        except TransportFailure as failure:
            meter.statuses[0] += 1
            verdict = classify_failure(failure)
            self._note(verdict, _NO_HEADERS, sent_at)
            return verdict
        finally:
            progress.in_flight -= 1
        self._is_answered = True
        meter.statuses[answer.status] += 1
        verdict = classify_answer(
            answer.status, answer.headers, answer.body, event.id, self._settings.conflict
        )
        if verdict is DELIVERED and not self.is_watching:
            meter.latencies.append(self._clock() - sent_at)
        else:
            self._note(verdict, answer.headers, sent_at)
        return verdict

    async def _persevere(self, event: Outgoing, verdict: Verdict, first_sent_at: float) -> None:
        attempts, failures, settled_before, sent_at = 1, 0, -1, first_sent_at
        while verdict.outcome is Outcome.RETRY:
            settled = self._settled
            if verdict.status != 429 and settled > settled_before:
                failures, settled_before = failures + 1, settled
                if failures >= MAX_EVENT_FAILURES:
                    return self._leave(verdict)
            if not await self._wait_to_retry(verdict, attempts):
                return None
            self._progress.retries += 1
            self._progress.resent += verdict.is_uncertain
            sent_at = self._clock()
            verdict = await self._attempt(event, sent_at)
            attempts += 1
        if verdict.outcome is Outcome.STOP:
            self._end(verdict.stops or "endpoint", f"{verdict.reason} - POST {self._url}")
        elif verdict.outcome is Outcome.DELIVERED:
            await self._settle(Settlement(event.part, event.index, None))
            self._progress.delivered += 1
        else:
            await self._settle_refused(event, verdict, attempts, first_sent_at, sent_at)
        return None

    async def _settle_refused(
        self, event: Outgoing, verdict: Verdict, attempts: int, first_sent_at: float, sent_at: float
    ) -> None:
        assert verdict.code is not None
        wall_offset = self._wall_clock() - self._clock()
        refusal = Refusal(
            verdict.code,
            verdict.reason,
            verdict.status,
            verdict.server_code,
            verdict.detail,
            verdict.request_id,
            attempts,
            first_sent_at + wall_offset,
            sent_at + wall_offset,
        )
        await self._settle(Settlement(event.part, event.index, refusal))
        self._progress.refused += 1
        refused = self._progress.refused
        if not self._settings.allows_refused(refused):
            self._end(
                "rejects",
                f"the server refused {refused:,} events; the last: {verdict.reason} - POST {self._url}",
            )

    async def _wait_to_retry(self, verdict: Verdict, attempts: int) -> bool:
        """Return true once the event may be tried again. After a 429 it is the whole run that waits."""
        gate, began_at = self._gate, self._clock()
        if verdict.status != 429:
            # While the breaker is open its probes set the pace.
            is_up = gate.breaker.state is breaker.BreakerState.CLOSED
            longest_seconds = min(gate.longest_wait_seconds, self._patience_seconds / 4)
            if is_up and not await gate.nap(backoff.backoff_seconds(attempts, self._rng, longest_seconds)):
                return False
            while wait := self._reckon_retry():
                if not await gate.nap(wait):
                    return False
            self._budget = backoff.spend(self._budget)
        self._meter.held_seconds += self._clock() - began_at
        return not gate.is_shut or await gate.admit()

    def _reckon_retry(self) -> float:
        self._budget = backoff.refill(self._budget, self._clock(), self._settled)
        return backoff.seconds_to_retry(self._budget)

    def _note(self, verdict: Verdict, headers: Mapping[str, str], sent_at: float) -> None:
        """Tell the gate and the meter what an attempt came to."""
        now, gate, meter = self._clock(), self._gate, self._meter
        hints = NO_HINTS if headers is _NO_HEADERS else read_hints(headers, self._wall_clock())
        self._hints_seen = self._hints_seen or hints.has_limits
        gate.note_hints(hints, now)
        if hints.wait_seconds is not None and hints.wait_seconds > self._settings.max_wait_seconds:
            self._end("outage", f"the server asks to wait {hints.wait_seconds:,.0f} s - POST {self._url}")
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
        if verdict.status == 429:
            gate.note_refusal(sent_at, now, hints.wait_seconds, meter.accepted())
        else:
            gate.note_failure(sent_at, now)
        if breaker.has_given_up(gate.breaker, now, self._patience_seconds):
            self._give_up(verdict)

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
