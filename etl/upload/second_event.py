"""Finds out what a destination does with a second event of one id, by sending it one.

The second differs from the first by a mark in its properties, so that what is there afterwards tells them apart. Where
it took the first one's place, the first is sent again. Killed anywhere, it may be begun again: it asks before it sends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import orjson

from etl.errors import DestinationDiffers, Incomplete
from etl.event import StoredEvent
from etl.send.answer import TransportFailure
from etl.send.transport import Transport
from etl.send.verdict import Outcome, Verdict, classify_answer, classify_failure
from etl.values.canary import SecondEventEffect
from etl.values.canonical import digest_body, has_digest
from etl.witness.asking import ask_page
from etl.witness.result_page import Page

__all__ = ["Prober", "judge_shown", "mark_body"]

MARK: Final = "backfillProbe"
LEAST_WAIT_SECONDS: Final = 5.0
# An event that showed late makes the wait for a change of it longer.
LAGS_WAITED: Final = 4.0
FIRST_NAP_SECONDS: Final = 0.25
LONGEST_NAP_SECONDS: Final = 5.0
T = TypeVar("T")

_AGAIN: Final = "Run the same command again: it goes on with the same event"


def mark_body(body: str) -> str:
    """Return the body of the second event: that of the first, with a mark in its properties."""
    event = orjson.loads(body)
    event["properties"] = (event.get("properties") or {}) | {MARK: "a second event of this id"}
    return orjson.dumps(event).decode()


def judge_shown(shown: Sequence[StoredEvent], total: int, second: str) -> SecondEventEffect | None:
    """Return what the events that are shown under one id, of `total` there, prove of a `second` one; None for
    nothing yet.
    """
    if total > 1:
        return SecondEventEffect.KEEPS_TWO
    if shown and has_digest(shown[0], digest_body(second)):
        return SecondEventEffect.REPLACES
    return None


@dataclass(frozen=True, slots=True)
class Prober:
    """Probes with the event of `event_id`, which is there, and whose body is `body`.

    `lag_seconds` is how late it showed, `patience_seconds` how late anything may.
    """

    event_id: str
    body: str
    events: Transport
    queries: Transport
    lag_seconds: float
    patience_seconds: float
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def probe(self) -> SecondEventEffect:
        """Return what was found; raises `Incomplete` where it can't be, `DestinationDiffers` where the first event
        doesn't come back.
        """
        second = mark_body(self.body)
        effect = await self._look(lambda page: self._judge(page, second), 0.0)
        if effect is None:
            verdict = await self._post(second)
            if verdict.outcome is Outcome.REJECTED:
                return SecondEventEffect.REFUSES
            if verdict.outcome is not Outcome.DELIVERED:
                raise Incomplete(
                    f"Expected an answer to a second event of one id, found: {verdict.reason}", _AGAIN
                )
            wait = max(LEAST_WAIT_SECONDS, LAGS_WAITED * self.lag_seconds)
            effect = await self._look(
                lambda page: self._judge(page, second), min(wait, self.patience_seconds)
            )
        if effect is SecondEventEffect.REPLACES:
            await self._restore()
        return effect or SecondEventEffect.KEEPS_ONE

    def _judge(self, page: Page, second: str) -> SecondEventEffect | None:
        return judge_shown(page.events.get(self.event_id, ()), page.total, second)

    async def _restore(self) -> None:
        verdict = await self._post(self.body)
        digest = digest_body(self.body)

        def is_back(page: Page) -> bool | None:
            shown = page.events.get(self.event_id, ())
            return True if len(shown) == 1 and has_digest(shown[0], digest) else None

        if verdict.outcome is not Outcome.DELIVERED or not await self._look(is_back, self.patience_seconds):
            raise DestinationDiffers(
                f"Expected event {self.event_id} as it was sent first, found the second one of its id in its place, "
                f"marked {MARK} in its properties",
                f"{_AGAIN}, and puts the first back",
            )

    async def _look(self, judge: Callable[[Page], T | None], seconds: float) -> T | None:
        """Ask until `judge` says something, or `seconds` are over."""
        nap = FIRST_NAP_SECONDS
        while True:
            answer = await ask_page(self.queries, [self.event_id])
            found = judge(answer) if isinstance(answer, Page) else None
            if found is not None:
                return found
            if seconds <= 0.0:
                if not isinstance(answer, Page):
                    raise Incomplete(
                        f"Expected to see what became of a second event of one id, found: {answer.reason}",
                        _AGAIN,
                    )
                return None
            await self.sleep(min(nap, seconds))
            seconds -= nap
            nap = min(2 * nap, LONGEST_NAP_SECONDS)

    async def _post(self, body: str) -> Verdict:
        try:
            answer = await self.events.post(body.encode())
        except TransportFailure as failure:
            return classify_failure(failure)
        return classify_answer(answer, self.event_id, "rejected")
