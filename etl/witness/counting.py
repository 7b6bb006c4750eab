"""Asks a destination how many events of some types it holds from a stretch of time. What no answer says is None."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import orjson
import polars as pl

from etl.event import render_timestamp
from etl.send.answer import TransportFailure
from etl.send.transport import Transport

__all__ = ["EXTENT_COLUMNS", "Extent", "count_events", "query_for_count", "read_count"]

EXTENT_COLUMNS = ("created_at", "type")


@dataclass(frozen=True, slots=True)
class Extent:
    """Types of events, and the first and last moment that some are of."""

    types: tuple[str, ...]
    first: datetime
    last: datetime

    @classmethod
    def of(cls, frames: Iterable[pl.DataFrame]) -> Self | None:
        """Return the extent of events, given their `EXTENT_COLUMNS`; None where there are none."""
        types: set[str] = set()
        times: list[Any] = []
        for frame in frames:
            if frame.height:
                types.update(frame["type"].unique())
                times += [frame["created_at"].min(), frame["created_at"].max()]
        return cls(tuple(sorted(types)), min(times), max(times)) if times else None

    def whole_days(self) -> Self:
        """Return the extent from the start of its first day to the end of its last, in UTC."""
        first, last = (
            moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            for moment in (self.first, self.last)
        )
        return replace(self, first=first, last=last + timedelta(days=1) - timedelta(microseconds=1))


async def count_events(transport: Transport, extent: Extent, ids: Sequence[str] | None = None) -> int | None:
    """Return how many events of `extent` the destination holds, or how many of those with `ids`, by one query."""
    try:
        answer = await transport.post(query_for_count(extent, ids))
    except TransportFailure:
        return None
    is_answer = answer.status == 200 and answer.is_whole
    return read_count(answer.unclean_body(), extent) if is_answer else None


def query_for_count(extent: Extent, ids: Sequence[str] | None = None) -> bytes:
    """Return the body of the query."""
    conditions = [
        ("type", "in", list(extent.types)),
        ("createdAt", "gte", render_timestamp(extent.first)),
        ("createdAt", "lte", render_timestamp(extent.last)),
        *([] if ids is None else [("id", "in", list(ids))]),
    ]
    where = [
        {"condition": {"field": field, "operator": operator, "value": value}}
        for field, operator, value in conditions
    ]
    count = {"type": "aggregation", "aggregation": "count"}
    return orjson.dumps({"select": [count], "groupBy": [{"field": "type"}], "where": {"and": where}})


def read_count(body: bytes, extent: Extent) -> int | None:
    """Return the sum of the counts by type in an answer's body; None where it is cut, or is no such answer."""
    try:
        data: Any = orjson.loads(body)["data"]
        rows, total = data["result"], data["total"]
        counts = {row["type"]: row["count"] for row in rows}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    is_whole = type(total) is int and total == data.get("count", total) == len(rows) == len(counts)
    is_asked = counts.keys() <= set(extent.types)
    are_counts = all(type(count) is int and count >= 0 for count in counts.values())
    return sum(counts.values()) if is_whole and is_asked and are_counts else None
