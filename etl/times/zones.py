"""Reads local times as instants: which clock wrote them, and what its changes make of them. Pure.

A local time that a clock change makes ambiguous or impossible is told apart, so that each reject says which it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from etl.values.reject import RejectCode

__all__ = [
    "AMBIGUOUS",
    "LEAP_SECOND",
    "NONEXISTENT",
    "NO_PROBLEM",
    "NO_ZONE",
    "OUT_OF_RANGE",
    "PROBLEM_CODES",
    "UNPARSABLE",
    "UTC_TIME",
    "TimeFormat",
    "is_known_zone",
    "localize",
    "read_without_zone",
    "times_and_problems",
]

NO_PROBLEM, UNPARSABLE, NO_ZONE, AMBIGUOUS, NONEXISTENT, OUT_OF_RANGE, LEAP_SECOND = range(7)
PROBLEM_CODES: Final = {
    UNPARSABLE: RejectCode.UNPARSABLE_TIMESTAMP,
    NO_ZONE: RejectCode.UNPARSABLE_TIMESTAMP,
    AMBIGUOUS: RejectCode.AMBIGUOUS_TIMESTAMP,
    NONEXISTENT: RejectCode.NONEXISTENT_TIMESTAMP,
    OUT_OF_RANGE: RejectCode.TIMESTAMP_OUT_OF_RANGE,
    LEAP_SECOND: RejectCode.UNPARSABLE_TIMESTAMP,
}
UTC_TIME: Final = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a time is written: its format, and what holds for local times."""

    pattern: str
    timezone: str | None = None
    ambiguous: str = "reject"
    nonexistent: str = "reject"


def is_known_zone(name: str) -> bool:
    """Whether both zone databases, Python's and Polars', know the zone."""
    try:
        ZoneInfo(name)
        pl.Series([datetime(2024, 1, 1)]).dt.replace_time_zone(name)
    except (ValueError, OSError, KeyError, pl.exceptions.PolarsError):
        return False
    return True


def localize(naive: pl.Series, present: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Return `time` and `problem` of local times in the format's zone; `present` is where there was a text."""
    zone = form.timezone
    if zone is None:
        return read_without_zone(naive, present)
    rule = "null" if form.ambiguous == "reject" else form.ambiguous
    times = naive.dt.replace_time_zone(zone, ambiguous=rule, non_existent="null").dt.convert_time_zone("UTC")  # type: ignore[arg-type]
    lost = present & times.is_null()
    if not lost.any():
        return times_and_problems(times, pl.zeros(len(naive), dtype=pl.UInt8, eager=True))
    earliest = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    gap = naive.is_not_null() & earliest.is_null()
    if form.nonexistent == "shift_forward" and gap.any():
        places = gap.arg_true()
        shifted = pl.Series([_end_of_gap(local, zone) for local in naive.gather(places)], dtype=UTC_TIME)
        times = times.scatter(places, shifted)
        lost = present & times.is_null()
    problem = pl.select(
        pl.when(~lost)
        .then(NO_PROBLEM)
        .when(naive.is_null())
        .then(UNPARSABLE)
        .when(earliest.is_null())
        .then(NONEXISTENT)
        .otherwise(AMBIGUOUS)
    ).to_series()
    return times_and_problems(times, problem)


def read_without_zone(naive: pl.Series, present: pl.Series) -> pl.DataFrame:
    """Return `time` and `problem` of local times of which nobody says the zone: none of them is usable."""
    problem = pl.select(
        pl.when(~present).then(NO_PROBLEM).when(naive.is_null()).then(UNPARSABLE).otherwise(NO_ZONE)
    ).to_series()
    return times_and_problems(pl.Series([None], dtype=UTC_TIME).new_from_index(0, len(naive)), problem)


def times_and_problems(times: pl.Series, problem: pl.Series) -> pl.DataFrame:
    """Return the two columns of a result: `time` (Datetime µs UTC) and `problem` (UInt8)."""
    return pl.DataFrame([times.cast(UTC_TIME).alias("time"), problem.cast(pl.UInt8).alias("problem")])


@lru_cache(maxsize=65_536)
def _end_of_gap(local: datetime, zone: str) -> datetime:
    """Return the first instant after the gap that `local` falls into."""
    wanted, clock = local.replace(microsecond=0), ZoneInfo(zone)
    low = (wanted - timedelta(days=1)).replace(tzinfo=clock).astimezone(UTC)
    seconds_low, seconds_high = 0, 2 * 86_400
    while seconds_high - seconds_low > 1:
        middle = (seconds_low + seconds_high) // 2
        shown = (low + timedelta(seconds=middle)).astimezone(clock).replace(tzinfo=None)
        if shown >= wanted:
            seconds_high = middle
        else:
            seconds_low = middle
    return low + timedelta(seconds=seconds_high)
