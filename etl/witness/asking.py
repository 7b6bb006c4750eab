"""Carries an inquiry out: makes its queries over HTTP, at no more than a set rate, a few at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from etl.send.answer import FailureKind, TransportFailure
from etl.send.hints import read_hints
from etl.send.transport import Transport
from etl.witness.inquiry import MOST_IDS, Finding, Inquiry, Question
from etl.witness.result_page import Page, Problem, ProblemKind, query_for_ids, read_answer

__all__ = ["QUERIES_PER_SECOND", "Asking", "ask_all", "ask_page", "query_endpoint"]

QUERIES_PER_SECOND: Final = 5.0
# So that slow answers don't keep the queries below their rate.
MOST_IN_FLIGHT: Final = 4
_LONGEST_NAP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Asking:
    """How a destination is asked: by `ask`, how long for what doesn't show, for how many ids at once.

    `clean` makes texts of the destination fit to be shown.
    """

    ask: Callable[[Inquiry], AsyncIterator[Finding]]
    patience_seconds: float
    most_ids: int = MOST_IDS
    clean: Callable[[str], str] = str


def query_endpoint(endpoint: str) -> str:
    """Return the base URL below which `endpoint` takes queries, as `/events` is below the endpoint."""
    return endpoint.strip().rstrip("/").removesuffix("/events") + "/query"


async def ask_all(
    inquiry: Inquiry,
    transport: Transport,
    *,
    rate_per_second: float = QUERIES_PER_SECOND,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    wall_clock: Callable[[], float] = time.time,
) -> AsyncIterator[Finding]:
    """Yield what the destination behind `transport` says, until `inquiry` is over or has stopped.

    `transport` is one that is opened for `query_endpoint`. Cancelling it cancels the queries in flight.
    """
    flying: dict[asyncio.Task[Page | Problem], Question] = {}
    next_at = clock()
    try:
        while True:
            while len(flying) < MOST_IN_FLIGHT and clock() >= next_at and (question := inquiry.ask(clock())):
                next_at = max(next_at, clock() - 1 / rate_per_second) + 1 / rate_per_second
                flying[asyncio.ensure_future(ask_page(transport, question.ids, wall_clock))] = question
            nap = _nap_seconds(inquiry, clock(), next_at, is_full=len(flying) >= MOST_IN_FLIGHT)
            if not flying and nap is None:
                return
            for task in await _wait(flying, nap, sleep):
                for finding in inquiry.take(flying.pop(task), task.result(), clock()):
                    yield finding
    finally:
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)


def _nap_seconds(inquiry: Inquiry, now: float, next_at: float, *, is_full: bool) -> float | None:
    """Return after how long to look for a question again; None where only an answer can bring one."""
    if is_full or inquiry.stopped is not None:
        return None
    if now < next_at:
        # Whether there is a question shows only when one may be asked.
        return next_at - now if inquiry.may_ask else None
    wait = inquiry.wait_seconds(now)
    return None if wait is None else min(max(wait, next_at - now), _LONGEST_NAP_SECONDS)


async def _wait(
    flying: dict[asyncio.Task[Page | Problem], Question],
    nap: float | None,
    sleep: Callable[[float], Awaitable[object]],
) -> list[asyncio.Task[Page | Problem]]:
    """Return the queries that are answered, once there is one, or after `nap` seconds."""
    if not flying:
        assert nap is not None
        await sleep(nap)
        return []
    done, _ = await asyncio.wait(flying, timeout=nap, return_when=asyncio.FIRST_COMPLETED)
    return list(done)


async def ask_page(
    transport: Transport, ids: Sequence[str], wall_clock: Callable[[], float] = time.time
) -> Page | Problem:
    """Return what the destination shows of the events with `ids`, or why it shows nothing."""
    try:
        answer = await transport.post(query_for_ids(ids))
    except TransportFailure as failure:
        kind = ProblemKind.NO_ROUTE if failure.kind is FailureKind.TLS else ProblemKind.PASSING
        return Problem(kind, failure.detail)
    if not answer.is_whole:
        return Problem(ProblemKind.TOO_LARGE, f"the answer was {answer.describe()}")
    wait = read_hints(answer, wall_clock()).wait_seconds if answer.status >= 400 else None
    return read_answer(answer.status, answer.unclean_body(), frozenset(ids), wait)
