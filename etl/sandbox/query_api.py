"""`POST /query/events`: checks key and rate, and answers the query, which `etl.sandbox.query` evaluates."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

import orjson

from etl.sandbox.answers import Answer, Headers, json_answer
from etl.sandbox.event_store import Store
from etl.sandbox.faults import Decision, Faults, FaultState, decide, rate_headers
from etl.sandbox.keys import Access
from etl.sandbox.query import QueryProblem, Shown, run_query

__all__ = ["QueryApi"]


class Refuse(Protocol):
    """Makes the answer to a refused query: its status, what is said, headers beside it."""

    def __call__(self, status: int, detail: str, headers: Headers | None = None) -> Answer: ...


class QueryApi:
    """Answers queries over `store`, at the rate and in the way that `faults` ask for."""

    def __init__(
        self, store: Store, faults: Faults, clock: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._faults = faults
        self._clock, self._wall_clock = clock, wall_clock
        # Events and queries are counted apart.
        self._limit = Faults(rate_per_second=faults.query_rate_per_second, retry_after=faults.retry_after)
        self._state = FaultState()
        self._rng = Random(faults.seed)

    async def answer(self, access: Access | None, body: bytes, refuse: Refuse) -> Answer:
        """Return the answer to the query in `body`, asked with a key that has `access`."""
        if access is None:
            return refuse(401, "Missing or unknown API key")
        if access is not Access.READ_WRITE or self._faults.refuse_queries:
            return refuse(403, "This key may log events, not query them")
        decision, headers = self._limit_rate()
        if decision.status is not None:
            return refuse(decision.status, "Rate limit exceeded", headers)
        try:
            query = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return refuse(400, f"The body is not JSON: {error}", headers)
        try:
            result = await self._store.read(partial(run_query, query=query, shown=self._shown()))
        except QueryProblem as error:
            return refuse(400, str(error), headers)
        return json_answer(200, result, headers)

    def _limit_rate(self) -> tuple[Decision, Headers]:
        decision, self._state = decide(self._limit, self._state, self._clock(), self._rng)
        return decision, rate_headers(self._limit, self._state, decision, self._wall_clock())

    def _shown(self) -> Shown:
        delay = self._faults.visible_after_seconds
        came_by = self._wall_clock() - delay if delay else None
        return Shown(self._faults.page_rows, came_by, self._faults.stringify)
