"""Reads a row's own time: ISO 8601, epochs, strptime patterns, local times of a named zone. Pure.

"Now" is never filled in. What can't be read, and local times that a clock change makes ambiguous or impossible,
are told apart, so that each reject says which it is.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

__all__ = ["EPOCH_UNITS", "PROBLEM_CODES", "TimeFormat", "check_pattern", "has_zone", "localize", "parse_texts"]

EPOCH_UNITS: Final = {"epoch_s": 1_000_000.0, "epoch_ms": 1_000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
# What `problem` in the result of `parse_texts` means.
UNPARSABLE, NO_ZONE, AMBIGUOUS, NONEXISTENT = 1, 2, 3, 4
PROBLEM_CODES: Final = {
    UNPARSABLE: "unparsable_timestamp",
    NO_ZONE: "unparsable_timestamp",
    AMBIGUOUS: "ambiguous_timestamp",
    NONEXISTENT: "nonexistent_timestamp",
}
UTC_TIME: Final = pl.Datetime("us", "UTC")
_ISO = (
    r"^\s*(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:[.,](\d{1,9}))?\s*"
    r"(?:([Zz]|UTC|GMT)|([+-]\d{2}):?(\d{2})?)?\s*$"
)


class TimeFormat:
    """How a time is written: its format, and what holds for local times."""

    def __init__(self, pattern: str, timezone: str | None, ambiguous: str, nonexistent: str) -> None:
        self.pattern = pattern
        self.timezone = timezone
        self.ambiguous = ambiguous
        self.nonexistent = nonexistent


def parse_texts(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Return `time` (Datetime µs UTC, null where unusable) and `problem` (UInt8, 0 where none) of each text.

    A null text has neither a time nor a problem: it is missing, not wrong.
    """
    if form.pattern == "iso8601":
        return _parse_iso(texts, form)
    if form.pattern in EPOCH_UNITS:
        return _finish(_parse_epoch(texts, EPOCH_UNITS[form.pattern]), texts)
    parsed = texts.str.strip_chars().str.to_datetime(form.pattern, strict=False, time_unit="us")
    if has_zone(form.pattern):
        return _finish(parsed.dt.convert_time_zone("UTC").rename("time"), texts)
    return localize(parsed, texts.is_not_null(), form)


def localize(naive: pl.Series, present: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Return `time` and `problem` of local times in the format's zone; `present` is where there was a text."""
    zone = form.timezone
    if zone is None:
        problem = pl.select(
            pl.when(present & naive.is_not_null())
            .then(NO_ZONE)
            .when(present)
            .then(UNPARSABLE)
            .otherwise(0)
            .cast(pl.UInt8)
            .alias("problem")
        ).to_series()
        return pl.DataFrame({"time": pl.Series([None], dtype=UTC_TIME).new_from_index(0, len(naive)), "problem": problem})
    rule = "null" if form.ambiguous == "reject" else form.ambiguous
    times = naive.dt.replace_time_zone(zone, ambiguous=rule, non_existent="null").dt.convert_time_zone("UTC")
    problem = pl.zeros(len(naive), dtype=pl.UInt8, eager=True)
    lost = present & times.is_null()
    if lost.any():
        earliest = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        if form.nonexistent == "shift_forward":
            gap = naive.is_not_null() & earliest.is_null()
            shifted = [_shift_forward(value, zone) if hit else None for value, hit in zip(naive, gap, strict=True)]
            times = pl.select(pl.coalesce(times, pl.Series(shifted, dtype=UTC_TIME))).to_series()
            lost = present & times.is_null()
        problem = pl.select(
            pl.when(~lost)
            .then(0)
            .when(naive.is_null())
            .then(UNPARSABLE)
            .when(earliest.is_null())
            .then(NONEXISTENT)
            .otherwise(AMBIGUOUS)
            .cast(pl.UInt8)
        ).to_series()
    return pl.DataFrame({"time": times.rename("time"), "problem": problem.rename("problem")})


def has_zone(pattern: str) -> bool:
    """Whether texts of this format say their own offset."""
    return pattern in EPOCH_UNITS or any(code in pattern for code in ("%z", "%:z", "%#z", "%Z", "%s", "%+"))


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with a strptime pattern, or None. It must read back what it writes."""
    if pattern == "iso8601" or pattern in EPOCH_UNITS:
        return None
    if "%" not in pattern:
        return "it names no part of a time: there is no % in it"
    sample = pl.Series([datetime(2021, 11, 23, 14, 35, 56, tzinfo=UTC)], dtype=UTC_TIME)
    try:
        read = sample.dt.strftime(pattern).str.to_datetime(pattern, strict=False, time_unit="us")[0]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        return str(error).splitlines()[0]
    if read is None:
        return "it doesn't read back what it writes"
    return None if (read.year, read.month, read.day) == (2021, 11, 23) else "it doesn't hold a whole date"


# Exports use one shape throughout, so the usual ones are tried first, by the length of the text.
_USUAL_SHAPES: Final = {
    20: "%Y-%m-%dT%H:%M:%SZ",
    24: "%Y-%m-%dT%H:%M:%S%.3fZ",
    27: "%Y-%m-%dT%H:%M:%S%.6fZ",
}


def _parse_iso(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Try the usual shape of the first text on all, and the full pattern on what it doesn't fit."""
    first = texts.first(ignore_nulls=True)
    shape = _USUAL_SHAPES.get(len(first) if isinstance(first, str) else 0, _USUAL_SHAPES[20])
    times = texts.str.to_datetime(shape, strict=False, time_unit="us").dt.replace_time_zone("UTC")
    missed = texts.is_not_null() & times.is_null()
    problem = pl.zeros(len(texts), dtype=pl.UInt8, eager=True)
    if missed.any():
        places = missed.arg_true()
        rest = _parse_iso_slowly(texts.gather(places), form)
        times, problem = times.scatter(places, rest["time"]), problem.scatter(places, rest["problem"])
    return pl.DataFrame({"time": times.rename("time"), "problem": problem.rename("problem")})


def _parse_iso_slowly(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    parts = texts.to_frame("text").select(pl.col("text").str.extract_groups(_ISO)).unnest("text")
    names = ["date", "minute", "second", "fraction", "utc", "offset_hours", "offset_minutes"]
    parts.columns = names
    written = parts.select(
        pl.concat_str(
            pl.col("date"),
            pl.lit("T"),
            pl.col("minute"),
            pl.col("second").fill_null(":00"),
            pl.lit("."),
            pl.col("fraction").fill_null("").str.slice(0, 6).str.pad_end(6, "0"),
        )
    ).to_series()
    naive = written.str.to_datetime("%Y-%m-%dT%H:%M:%S.%6f", strict=False, time_unit="us")
    offset = parts.select(
        pl.when(pl.col("utc").is_not_null())
        .then(0)
        .otherwise(
            pl.col("offset_hours").cast(pl.Int64, strict=False) * 60
            + pl.concat_str(pl.col("offset_hours").str.slice(0, 1), pl.col("offset_minutes").fill_null("00")).cast(
                pl.Int64, strict=False
            )
        )
    ).to_series()
    local = localize(naive, texts.is_not_null(), form)
    return pl.select(
        pl.when(offset.is_not_null() & offset.is_between(-14 * 60, 14 * 60))
        .then((naive - pl.select(pl.duration(minutes=offset)).to_series()).dt.replace_time_zone("UTC"))
        .when(offset.is_null())
        .then(local["time"])
        .alias("time"),
        pl.when(offset.is_null())
        .then(local["problem"])
        .when(naive.is_null() | ~offset.is_between(-14 * 60, 14 * 60))
        .then(UNPARSABLE)
        .otherwise(0)
        .cast(pl.UInt8)
        .alias("problem"),
    )


def _parse_epoch(texts: pl.Series, micros_per_unit: float) -> pl.Series:
    whole = texts.str.strip_chars().cast(pl.Int64, strict=False)
    if micros_per_unit < 1:
        ticks = whole // round(1 / micros_per_unit)
    else:
        ticks = whole * int(micros_per_unit)
        ticks = pl.select(pl.when(whole.abs() <= 2**62 // int(micros_per_unit)).then(ticks)).to_series()
    if ticks.null_count() > texts.null_count():
        decimals = texts.str.strip_chars().cast(pl.Float64, strict=False) * micros_per_unit
        usable = decimals.is_finite() & (decimals.abs() < 2.0**62)
        rounded = pl.select(pl.when(usable).then(decimals.round())).to_series().cast(pl.Int64, strict=False)
        ticks = pl.select(pl.coalesce(ticks, rounded)).to_series()
    return ticks.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _finish(times: pl.Series, texts: pl.Series) -> pl.DataFrame:
    problem = (texts.is_not_null() & times.is_null()).cast(pl.UInt8)
    return pl.DataFrame({"time": times.rename("time"), "problem": problem.rename("problem")})


def _shift_forward(local: datetime, zone: str) -> datetime:
    """Return the first instant after the gap that `local` falls into."""
    before = (local - timedelta(days=1)).replace(tzinfo=ZoneInfo(zone))
    low, high = before.astimezone(UTC), before.astimezone(UTC) + timedelta(days=2)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(ZoneInfo(zone)).replace(tzinfo=None) >= local:
            high = middle
        else:
            low = middle
    return high
