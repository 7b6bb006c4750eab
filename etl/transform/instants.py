"""Writes instants as ISO 8601 text. Pure.

Three fractional digits, six where there are microseconds, nine where there are nanoseconds. Text is looked up in tables
of days, seconds and milliseconds and joined, which is several times as fast as formatting each instant.
"""

from functools import cache
from typing import Final

import polars as pl

__all__ = ["render_datetime", "render_instant"]

MOST_DAYS_IN_TABLE: Final = 60_000
# For fewer the tables take longer to make than the texts.
FEW_TIMES: Final = 2_000


def render_instant(expr: pl.Expr) -> pl.Expr:
    """Return a Datetime in UTC as text that ends in Z."""
    return expr.map_batches(lambda times: _render(times, "Z"), return_dtype=pl.String, is_elementwise=True)


def render_datetime(expr: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Return a Datetime as text: in UTC with a Z where it has a zone, as it is where it has none."""
    if dtype.time_zone:
        return render_instant(expr.dt.convert_time_zone("UTC"))
    return expr.map_batches(lambda times: _render(times, ""), return_dtype=pl.String, is_elementwise=True)


def _render(times: pl.Series, suffix: str) -> pl.Series:
    micros = times.dt.cast_time_unit("us").to_physical()
    text = _join(times, micros, suffix)
    finer = [(6, micros % 1_000 != 0)]
    if times.dtype.time_unit == "ns":  # type: ignore[attr-defined]
        finer.append((9, times.to_physical() % 1_000 != 0))
    for digits, is_finer in finer:
        if is_finer.any():
            precise = times.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.{digits}f{suffix}")
            text = precise.zip_with(is_finer.fill_null(value=False), text)
    return text.alias(times.name)


def _join(times: pl.Series, micros: pl.Series, suffix: str) -> pl.Series:
    """Return each time to the millisecond (finer digits are cut off); `micros` are since the epoch."""
    seconds = micros // 1_000_000
    days = seconds // 86_400
    first, last = days.min(), days.max()
    is_few = len(times) < FEW_TIMES
    if is_few or not isinstance(first, int) or not isinstance(last, int) or last - first > MOST_DAYS_IN_TABLE:
        return times.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.3f{suffix}")
    table_of_days = pl.Series(range(first, last + 1), dtype=pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")
    return pl.select(
        pl.concat_str(
            table_of_days.gather((days - first).cast(pl.UInt32)),
            _seconds_table().gather((seconds - days * 86_400).cast(pl.UInt32)),
            _millis_table(suffix).gather(((micros - seconds * 1_000_000) // 1_000).cast(pl.UInt32)),
        )
    ).to_series()


@cache
def _seconds_table() -> pl.Series:
    second = pl.int_range(86_400, dtype=pl.UInt32)
    two_digits = pl.lit(pl.Series([f"{number:02}" for number in range(60)]))
    hours, minutes = two_digits.gather(second // 3600), two_digits.gather(second // 60 % 60)
    colon = pl.lit(":")
    return pl.select(
        pl.concat_str(pl.lit("T"), hours, colon, minutes, colon, two_digits.gather(second % 60))
    ).to_series()


@cache
def _millis_table(suffix: str) -> pl.Series:
    return pl.Series([f".{ms:03}{suffix}" for ms in range(1_000)])
