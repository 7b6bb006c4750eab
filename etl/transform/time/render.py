"""Writes instants as ISO 8601 text. Pure.

Three fractional digits, six where there are microseconds, nine where there are nanoseconds. Text is looked up in tables
of days, seconds and milliseconds and joined, which is several times as fast as formatting each instant. Years beyond
four digits have a sign, as ISO 8601 has it; those beyond the calendar that Polars knows are written by moving the time
by whole cycles of 400 years.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

import polars as pl

__all__ = ["has_usual_year", "render_date", "render_datetime", "render_instant"]

MOST_DAYS_IN_TABLE: Final = 60_000
# For fewer the tables take longer to make than the texts.
FEW_TIMES: Final = 2_000
# How many units of a Datetime are a day.
_PER_DAY: Final = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
# Polars' calendar ends some 262,000 years from the epoch, where it panics.
_MOST_DAYS: Final = 95_000_000
_DAYS_OF_400_YEARS: Final = 146_097
# 0001-01-01 and 10000-01-01, as days since the epoch.
_FIRST_DAY, _END_DAY = -719_162, 2_932_897


def has_usual_year(expr: pl.Expr, dtype: pl.Date | pl.Datetime) -> pl.Expr:
    """Return where a Date or Datetime is in the years 1 to 9999; null stays null."""
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":  # they end in the year 2262
        return pl.when(expr.is_not_null()).then(pl.lit(value=True))
    per_day = _PER_DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
    return expr.to_physical().is_between(_FIRST_DAY * per_day, _END_DAY * per_day, closed="left")


def render_instant(expr: pl.Expr) -> pl.Expr:
    """Return a Datetime in UTC as text that ends in Z."""
    return expr.map_batches(lambda times: _render(times, "Z"), return_dtype=pl.String, is_elementwise=True)


def render_datetime(expr: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Return a Datetime as text: in UTC with a Z where it has a zone, as it is where it has none."""
    if dtype.time_zone:
        return render_instant(expr.dt.convert_time_zone("UTC"))
    return expr.map_batches(lambda times: _render(times, ""), return_dtype=pl.String, is_elementwise=True)


def render_date(expr: pl.Expr) -> pl.Expr:
    """Return a Date as text."""
    return expr.map_batches(_render_dates, return_dtype=pl.String, is_elementwise=True)


def _render_dates(dates: pl.Series) -> pl.Series:
    return _render_by_cycles(dates, 1, lambda near: near.cast(pl.String))


def _render(times: pl.Series, suffix: str) -> pl.Series:
    per_day = _PER_DAY[times.dtype.time_unit]  # type: ignore[attr-defined]
    return _render_by_cycles(times, per_day, lambda near: _render_near(near, suffix))


def _render_by_cycles(times: pl.Series, per_day: int, render: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return what `render` makes of the times, those that it can't take moved into its reach and back."""
    units = times.to_physical()
    first, last = units.min(), units.max()
    most = _MOST_DAYS * per_day
    if not isinstance(first, int) or not isinstance(last, int) or (first >= -most and last <= most):
        return render(times)
    units = units.cast(pl.Int64)
    cycle = units // (_DAYS_OF_400_YEARS * per_day)
    # The product may wrap around at the end of the integers, and wraps back in the difference.
    near = (units - cycle * (_DAYS_OF_400_YEARS * per_day)).cast(times.to_physical().dtype).cast(times.dtype)
    text = render(near)
    year = text.str.head(4).cast(pl.Int64) + cycle * 400
    digits = year.abs().cast(pl.String).str.zfill(4)
    sign = pl.when(year < 0).then(pl.lit("-")).when(year > 9_999).then(pl.lit("+")).otherwise(pl.lit(""))
    return pl.select(pl.concat_str(sign, digits, text.str.slice(4))).to_series().alias(times.name)


def _render_near(times: pl.Series, suffix: str) -> pl.Series:
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
