"""Asks a destination how many events of some types it holds from a stretch of time. What no answer says is None."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from etl.event import render_timestamp
from etl.send.answer import TransportFailure
from etl.send.transport import Transport

__all__ = ["Extent", "count_events", "query_for_count", "read_count"]


@dataclass(frozen=True, slots=True)
class Extent:
    """Types of events, and the first and last moment that some are of."""

    types: tuple[str, ...]
    first: datetime
    last: datetime


async def count_events(transport: Transport, extent: Extent) -> int | None:
    """Return how many events the destination behind `transport` holds of `extent`; one query."""
    try:
        answer = await transport.post(query_for_count(extent))
    except TransportFailure:
        return None
    return read_count(answer.unclean_body()) if answer.status == 200 and answer.is_whole else None


def query_for_count(extent: Extent) -> bytes:
    """Return the body of the query."""
    conditions = [
        ("type", "in", list(extent.types)),
        ("createdAt", "gte", render_timestamp(extent.first)),
        ("createdAt", "lte", render_timestamp(extent.last)),
    ]
    where = [
        {"condition": {"field": field, "operator": operator, "value": value}}
        for field, operator, value in conditions
    ]
    return orjson.dumps(
        {"select": [{"type": "aggregation", "aggregation": "count"}], "where": {"and": where}}
    )


def read_count(body: bytes) -> int | None:
    """Return the count in an answer's body; None where it is cut, or is none."""
    try:
        data: Any = orjson.loads(body)["data"]
        [row] = data["result"]
        count = row["count"]
        total = data["total"]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    return count if type(count) is int and count >= 0 and total == 1 else None
