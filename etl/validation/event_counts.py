"""Counts the events of a dry run: kinds, days, hours, sizes, suspicious times. Columns in, a few numbers kept.

Rule: nothing here grows with the rows, only with the distinct days and types.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

__all__ = ["OTHER", "EventTally", "is_changed_hour"]

HOUR_US: Final = 3_600_000_000
QUARTER_US: Final = 900_000_000
MOST_TYPES: Final = 1_000
OTHER: Final = "(other types)"


@dataclass
class EventTally:
    """Running counts of events. `zone` is that of the job's local times, for what counts as midnight."""

    zone: str | None = None
    events: int = 0
    total_bytes: int = 0
    largest_bytes: int = 0
    first_us: int | None = None
    last_us: int | None = None
    midnights: int = 0
    changed_hour: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    days: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, facts: pl.DataFrame) -> None:
        """Count `facts` in."""
        if not facts.height:
            return
        self._count(facts, 1)
        time, size = facts["created_at"], facts["size"]
        first, last, largest = time.min(), time.max(), size.max()
        assert isinstance(first, int)
        assert isinstance(last, int)
        assert isinstance(largest, int)
        self.first_us = first if self.first_us is None else min(self.first_us, first)
        self.last_us = last if self.last_us is None else max(self.last_us, last)
        self.largest_bytes = max(self.largest_bytes, largest)

    def remove(self, facts: pl.DataFrame) -> None:
        """Count `facts`, which turned out to be duplicates, out again. Extremes stay: an equal event is still there."""
        if facts.height:
            self._count(facts, -1)

    def _count(self, facts: pl.DataFrame, sign: int) -> None:
        hourly = (
            facts.lazy()
            .group_by("entity_type", "type", (pl.col("created_at") // HOUR_US).alias("hour"))
            .agg(pl.len(), pl.col("size").sum())
            .collect()
        )
        for entity, kind, hour, events, size in hourly.iter_rows():
            name = kind if (entity, kind) in self.kinds or len(self.kinds) < MOST_TYPES else OTHER
            self.kinds[entity, name] += sign * events
            self.days[hour // 24, entity, name] += sign * events
            self.hours[(hour + 72) % 168] += sign * events  # the epoch began on a Thursday
            self.events += sign * events
            self.total_bytes += sign * size
            if self.zone and is_changed_hour(self.zone, hour):
                self.changed_hour += sign * events
        self._count_midnights(facts, sign)
        zeros = facts.select((pl.col("size") - 1).cast(pl.UInt32).bitwise_leading_zeros()).to_series()
        for leading, events in zeros.value_counts().iter_rows():
            self.buckets[2 ** (32 - leading)] += sign * events

    def _count_midnights(self, facts: pl.DataFrame, sign: int) -> None:
        """Count the midnights of the job's zone: in whatever zone, they fall on a quarter of an hour of UTC."""
        quarters = facts["created_at"].filter(facts["created_at"] % QUARTER_US == 0)
        if not len(quarters):
            return
        times = quarters.cast(pl.Datetime("us", "UTC"))
        local = times.dt.convert_time_zone(self.zone) if self.zone else times
        at_midnight = (local.dt.hour() == 0) & (local.dt.minute() == 0)
        self.midnights += sign * int(at_midnight.sum())

    def days_in_order(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield day, entity type, type and events, in the order of the days."""
        for (day, entity, kind), events in sorted(self.days.items()):
            if events:
                yield (
                    f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}",
                    entity,
                    kind,
                    events,
                )


@cache
def is_changed_hour(zone: str, hour: int) -> bool:
    """Whether local clocks show the `hour`-th hour since the epoch twice: it is set back then."""
    local = datetime.fromtimestamp(hour * 3600 + 1800, UTC).astimezone(ZoneInfo(zone))
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
