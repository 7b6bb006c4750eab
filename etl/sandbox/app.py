"""The events API on loopback: `POST /events` and `POST /query/events` as the contract says, and a look inside.

An attempt goes key → size → fault → JSON → schema → store → answer. What a fault is, `etl.sandbox.faults` decides;
this module carries it out. Raw ASGI, since a request object for each event would cost more than the work.
"""

import asyncio
import itertools
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final, NamedTuple

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from etl.sandbox.answers import Answer, Headers, answer_stored, lie_about, problem, stored_event
from etl.sandbox.contract import find_violation
from etl.sandbox.event_store import Arrival, Attempt, Store
from etl.sandbox.faults import (
    CANNOT_STORE,
    Fault,
    Faults,
    FaultState,
    decide,
    is_down,
    is_key_refused,
    is_rejected,
    rate_headers,
)
from etl.sandbox.inspection import Gauge, inspection_routes
from etl.sandbox.keeping import alter, fate_of
from etl.sandbox.keys import find_access
from etl.sandbox.moments import microseconds_of, utc_text
from etl.sandbox.query_api import QueryApi
from etl.sandbox.requests import MAX_BODY_BYTES, BodyTooLarge, ClientGone, read_body

__all__ = ["CUT_KEY", "build_app"]

# Where the server puts the function that cuts a request's connection: `cut(scope, reset)`.
CUT_KEY: Final = "etl.sandbox.cut"
_NO_ANSWER: Final = 0
_LIES_UNSTORED: Final = frozenset({Fault.LIE_HTML, Fault.LIE_EMPTY, Fault.LIE_OTHER_ID})
_CLOSE: Final = (b"connection", b"close")


def build_app(
    store: Store,
    faults: Faults,
    clock: Callable[[], float] = time.monotonic,
    *,
    wall_clock: Callable[[], float] = time.time,
) -> Starlette:
    """Return the events API over `store`.

    Faults that cut connections need a server that puts a function under `CUT_KEY` in the scope: `etl.sandbox.server`.
    """
    api = _EventsApi(store, faults, clock, wall_clock)
    routes = [
        Route("/events", _Raw(api.log_event), methods=["POST"]),
        Route("/query/events", _Raw(api.query_events), methods=["POST"]),
        *inspection_routes(store, api.gauge),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: api.explain, Exception: api.explain})


class _Raw:
    """An ASGI endpoint: a route wraps a bare method in a request object."""

    def __init__(self, endpoint: Callable[[Scope, Receive, Send], Any]) -> None:
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.endpoint(scope, receive, send)


class _Outcome(NamedTuple):
    """What an attempt comes to: an answer, or None where its connection is cut."""

    answer: Answer | None
    wait_seconds: float = 0.0
    is_reset: bool = False


class _NotJson(NamedTuple):
    reason: str


class _EventsApi:
    def __init__(
        self,
        store: Store,
        faults: Faults,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.gauge = Gauge()
        self._has_told = False
        self._store = store
        self._faults = faults
        self._clock = clock
        self._wall_clock = wall_clock
        self._state = FaultState()
        self._queries = QueryApi(store, faults, clock, wall_clock)
        self._met_fate: set[str] = set()
        self._rng = Random(faults.seed)
        self._request_numbers = itertools.count(1)

    async def log_event(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = Attempt(None, _NO_ANSWER, None, False, self._clock(), self._wall_clock())
        self.gauge.enter()
        try:
            try:
                body = await read_body(scope, receive)
            except BodyTooLarge as error:
                outcome = self._refuse_body(scope, arrived, error.is_drained)
            except ClientGone:
                self._store.note(arrived)
                return
            else:
                try:
                    outcome = await self._take(scope, body, arrived)
                except sqlite3.Error as error:
                    outcome = self._cannot_store(scope, error)
            if outcome.wait_seconds:
                await asyncio.sleep(outcome.wait_seconds)
            await _send_outcome(outcome, scope, receive, send)
        finally:
            self.gauge.leave()

    async def query_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive)
        except ClientGone:
            return
        except BodyTooLarge as error:
            answer = self._problem(scope, 413, _too_large(), [] if error.is_drained else [_CLOSE])
        else:
            answer = await self._query(scope, body)
        await _send_answer(answer, send)

    async def explain(self, request: Request, error: Exception) -> Response:
        """Return what the framework refuses as problem+json, like everything else."""
        if not isinstance(error, HTTPException):
            error = HTTPException(500, f"A bug of the sandbox: {type(error).__name__}")
        answer = self._problem(request.scope, error.status_code, error.detail)
        headers = {name.decode(): value.decode() for name, value in answer.headers} | dict(
            error.headers or {}
        )
        return Response(answer.body, error.status_code, headers)

    def _cannot_store(self, scope: Scope, error: sqlite3.Error) -> _Outcome:
        """Answer that the store failed, and say so once to whoever started the sandbox."""
        if not self._has_told:
            self._has_told = True
            print(
                f"Expected the sandbox to store what it takes, found: {error}; free some space there",
                file=sys.stderr,
            )
        return _Outcome(self._problem(scope, CANNOT_STORE, f"The sandbox can't store: {error}"))

    async def _take(self, scope: Scope, body: bytes, arrived: Attempt) -> _Outcome:
        event = _parse(body)
        event_id = event.get("id") if isinstance(event, dict) else None
        attempt = arrived._replace(id=event_id if isinstance(event_id, str) else None)
        if find_access(scope["headers"]) is None:
            return self._refuse(scope, attempt, 401, "Missing or unknown API key")
        decision, self._state = decide(self._faults, self._state, arrived.monotonic, self._rng)
        headers = rate_headers(self._faults, self._state, decision, arrived.at)
        if decision.fault is Fault.RESET:
            self._store.note(attempt._replace(fault=Fault.RESET))
            return _Outcome(None, decision.wait_seconds, is_reset=True)
        if decision.fault is not None and decision.status is not None:
            attempt = attempt._replace(fault=decision.fault)
            outcome = self._refuse(scope, attempt, decision.status, _DETAILS[decision.fault], headers)
        else:
            outcome = await self._accept(scope, event, body, attempt, decision.fault, headers)
        return outcome._replace(wait_seconds=decision.wait_seconds)

    async def _accept(
        self,
        scope: Scope,
        event: object,
        body: bytes,
        attempt: Attempt,
        fault: Fault | None,
        headers: Headers,
    ) -> _Outcome:
        violation = event.reason if isinstance(event, _NotJson) else find_violation(event)
        if violation is not None:
            return self._refuse(scope, attempt, 400, violation, headers)
        assert isinstance(event, dict)
        event_id = attempt.id or str(uuid.uuid4())
        if is_rejected(self._faults, event_id):
            attempt = attempt._replace(fault=Fault.REJECTED)
            return self._refuse(scope, attempt, 422, _DETAILS[Fault.REJECTED], headers)
        created_at = event.get("createdAt") or utc_text(int(attempt.at * 1e6))
        stored = stored_event(body, event, event_id, created_at)
        fate = self._meet_fate(event_id) if fault is None else None
        attempt = attempt._replace(id=event_id, fault=fault or fate, status=200)
        honest = answer_stored(stored, headers)
        if fault in _LIES_UNSTORED or fate is Fault.FORGOTTEN:
            self._store.note(attempt)
            return _Outcome(honest if fault is None else lie_about(fault, honest, event_id))
        if fate is Fault.ALTERED:
            event = alter(event, event_id, created_at)
            created_at, body = event.get("createdAt") or created_at, orjson.dumps(event)
        created_us = microseconds_of(created_at)
        assert created_us is not None
        attempt = attempt._replace(stored=True, status=_NO_ANSWER if fault is Fault.ANSWER_LOST else 200)
        kind, copies = (event["type"], event["entityType"]), 2 if fate is Fault.DOUBLED else 1
        arrival = Arrival(event_id, *kind, created_us, created_at, attempt.at, body.decode(), copies)
        if not await self._store.put(arrival, attempt):
            detail = "An event with this id is stored already"
            return _Outcome(self._problem(scope, 409, detail, headers))
        if fault is Fault.ANSWER_LOST:
            return _Outcome(None)
        return _Outcome(honest if fault is None else lie_about(fault, honest, event_id))

    def _meet_fate(self, event_id: str) -> Fault | None:
        """Return what becomes of the event, the first time that it comes."""
        fate = fate_of(self._faults, event_id)
        if fate is None or event_id in self._met_fate:
            return None
        self._met_fate.add(event_id)
        return fate

    async def _query(self, scope: Scope, body: bytes) -> Answer:
        if is_down(self._faults, self._state, self._clock()):
            return self._problem(scope, 503, _DETAILS[Fault.DOWN])
        access = find_access(scope["headers"])
        if is_key_refused(self._faults, self._state):
            access = None
        return await self._queries.answer(access, body, partial(self._problem, scope))

    def _refuse_body(self, scope: Scope, arrived: Attempt, is_drained: bool) -> _Outcome:
        headers = [] if is_drained else [_CLOSE]
        if find_access(scope["headers"]) is None:
            return self._refuse(scope, arrived, 401, "Missing or unknown API key", headers)
        return self._refuse(scope, arrived, 413, _too_large(), headers)

    def _refuse(
        self, scope: Scope, attempt: Attempt, status: int, detail: str, headers: Headers | None = None
    ) -> _Outcome:
        self._store.note(attempt._replace(status=status))
        return _Outcome(self._problem(scope, status, detail, headers))

    def _problem(self, scope: Scope, status: int, detail: str, headers: Headers | None = None) -> Answer:
        return problem(status, detail, scope["path"], f"sandbox-{next(self._request_numbers)}", headers)


_DETAILS: Final = {
    Fault.DOWN: "The service is down: the sandbox was told to be",
    Fault.KEY_REFUSED: "The key is no longer valid: the sandbox was told to refuse it",
    Fault.RATE_LIMITED: "Rate limit exceeded",
    Fault.FAILED: "The attempt failed: the sandbox was told to fail some",
    Fault.REJECTED: "The event is refused: the sandbox was told to refuse some",
}


def _parse(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _NotJson(f"The body is not JSON: {error}")


def _too_large() -> str:
    return f"The body is over {MAX_BODY_BYTES:,} bytes"


async def _send_outcome(outcome: _Outcome, scope: Scope, receive: Receive, send: Send) -> None:
    answer = outcome.answer
    if answer is not None:
        await _send_answer(answer, send)
        if answer.sent_bytes is None:
            return
    scope[CUT_KEY](scope, reset=outcome.is_reset)
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_answer(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    body, is_cut = answer.body[: answer.sent_bytes], answer.sent_bytes is not None
    await send({"type": "http.response.body", "body": body, "more_body": is_cut})
