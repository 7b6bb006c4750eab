"""What really arrived: `GET /sandbox/stats`, `/sandbox/events` and `/sandbox/attempts`, without a key.

The two lists are NDJSON, one object a line in order of arrival, streamed; `?after=<seq>` goes on behind a line.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from etl.sandbox.answers import stored_event
from etl.sandbox.event_store import Store

__all__ = ["Gauge", "inspection_routes", "read_stats"]

_PAGE_LINES: Final = 1000
_EVENTS_SQL: Final = """
SELECT seq, id, (SELECT count(*) FROM attempts WHERE attempts.id = events.id),
    (SELECT count(*) FROM events AS same WHERE same.id = events.id), changed, received_at, created_at, body
FROM events WHERE seq > ? AND (?2 IS NULL OR type = ?2) ORDER BY seq LIMIT ?
"""
_ATTEMPTS_SQL: Final = """
SELECT seq, id, status, fault, stored, monotonic, at FROM attempts WHERE seq > ? ORDER BY seq LIMIT ?
"""
_ATTEMPT_KEYS: Final = ("seq", "id", "status", "fault", "stored", "monotonic", "at")

Line = dict[str, Any]
Page = Callable[[sqlite3.Connection, int, int], list[Line]]


class Gauge:
    """How many attempts are being answered now, and were at most."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.max_in_flight = 0

    def enter(self) -> None:
        """Count one attempt in."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def leave(self) -> None:
        """Count one attempt out."""
        self.in_flight -= 1


class _Range(NamedTuple):
    after: int
    limit: int | None


def read_stats(connection: sqlite3.Connection) -> Line:
    """Return the counts over everything in the store. Times are seconds since the epoch."""
    attempts, reached, first_at, last_at = connection.execute(
        "SELECT count(*), coalesce(sum(stored), 0), min(at), max(at) FROM attempts"
    ).fetchone()
    stored, distinct, changed = connection.execute(
        "SELECT count(*), count(DISTINCT id), coalesce(sum(changed), 0) FROM events"
    ).fetchone()
    return {
        "attempts": attempts,
        "stored": stored,
        "distinct_ids": distinct,
        "resent": reached - distinct,
        "changed": changed,
        "by_status": _counts(connection, "SELECT status, count(*) FROM attempts GROUP BY 1"),
        "by_fault": _counts(
            connection, "SELECT fault, count(*) FROM attempts WHERE fault IS NOT NULL GROUP BY 1"
        ),
        "by_type": _counts(connection, "SELECT type, count(*) FROM events GROUP BY 1"),
        "by_entity_type": _counts(connection, "SELECT entity_type, count(*) FROM events GROUP BY 1"),
        "first_attempt_at": first_at,
        "last_attempt_at": last_at,
    }


def inspection_routes(store: Store, gauge: Gauge) -> list[Route]:
    """Return the routes of the look inside."""

    async def stats(_request: Request) -> Response:
        counts = await store.read(read_stats)
        return _json({**counts, "in_flight": gauge.in_flight, "max_in_flight": gauge.max_in_flight})

    async def events(request: Request) -> Response:
        page = partial(_read_events, event_type=request.query_params.get("type"))
        return StreamingResponse(_lines(store, page, _range(request)), media_type="application/x-ndjson")

    async def attempts(request: Request) -> Response:
        lines = _lines(store, _read_attempts, _range(request))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    return [
        Route("/sandbox/stats", stats, methods=["GET"]),
        Route("/sandbox/events", events, methods=["GET"]),
        Route("/sandbox/attempts", attempts, methods=["GET"]),
    ]


async def _lines(store: Store, page: Page, wanted: _Range) -> AsyncIterator[bytes]:
    after, left = wanted
    while left is None or left > 0:
        page_lines = _PAGE_LINES if left is None else min(left, _PAGE_LINES)
        lines = await store.read(lambda connection, a=after, n=page_lines: page(connection, a, n))  # type: ignore[misc]
        if lines:
            yield b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
            after = lines[-1]["seq"]
        if len(lines) < page_lines:
            return
        left = None if left is None else left - page_lines


def _read_events(
    connection: sqlite3.Connection, after: int, limit: int, event_type: str | None
) -> list[Line]:
    rows = connection.execute(_EVENTS_SQL, (after, event_type, limit))
    return [
        {
            "seq": seq,
            "id": event_id,
            "attempts": attempts,
            "copies": copies,
            "changed": changed,
            "received_at": received_at,
            "event": orjson.Fragment(stored_event(body.encode(), orjson.loads(body), event_id, created_at)),
            "body": body,
        }
        for seq, event_id, attempts, copies, changed, received_at, created_at, body in rows
    ]


def _read_attempts(connection: sqlite3.Connection, after: int, limit: int) -> list[Line]:
    rows = connection.execute(_ATTEMPTS_SQL, (after, limit))
    return [
        dict(zip(_ATTEMPT_KEYS, row, strict=True)) | {"stored": bool(row[4])}  # SQLite has no booleans
        for row in rows
    ]


def _range(request: Request) -> _Range:
    numbers = {}
    for name in ("after", "limit"):
        text = request.query_params.get(name)
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 16):
            raise HTTPException(400, f"Expected a whole number, found {text[:40]!r} - {name}")
        numbers[name] = None if text is None else int(text)
    return _Range(numbers["after"] or 0, numbers["limit"])


def _counts(connection: sqlite3.Connection, sql: str) -> dict[str, int]:
    return {str(key): count for key, count in connection.execute(sql)}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
