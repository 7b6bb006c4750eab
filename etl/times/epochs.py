"""Reads times that are numbers: epochs in four units, and the serial days of spreadsheets. Pure.

Whole numbers and decimals are read exactly, finer digits than microseconds cut off; numbers with an exponent are read
as floats. Excel's serial days are local times: 1 is 1900-01-01 in a calendar that has a 29 February 1900.
"""

from datetime import datetime
from typing import Final

import polars as pl

from etl.times.patterns import EPOCH_UNITS
from etl.times.zones import OUT_OF_RANGE, UNPARSABLE, TimeFormat, localize, times_and_problems

__all__ = ["MOST_MICROS", "parse_epochs", "parse_excel", "plain_numbers"]

_DECIMAL: Final = r"^([+-]?)([0-9]+)\.([0-9]*)$"
# What people's programs put between thousands.
_GROUPING: Final = (",", "[.]", "['’]", "[ \u00a0\u202f]")
_GROUPED_OR_COMMA: Final = r"\d[,.'’ \u00a0\u202f]\d{3}[,.'’ \u00a0\u202f]\d{3}|^[+-]?\d{5,},\d+$"
_COMMA: Final = r"^([+-]?\d{5,}),(\d+)$"
_MICROS_PER_DAY: Final = 86_400_000_000
_EXCEL_ZERO: Final = datetime(1899, 12, 30)
# Excel's calendar has a day that never was: before it, the serial numbers are off by one.
_FIRST_SURE_DAY, _LAST_DAY = 61, 2_958_466
# Instants beyond the year 9999 are no times of a row, and Polars can't write them.
MOST_MICROS: Final = 253_402_300_800_000_000


def plain_numbers(texts: pl.Series) -> pl.Series:
    """Return numbers as a program writes them: without signs between thousands, with a point before the fraction."""
    stripped = texts.str.strip_chars()
    if not stripped.str.contains(_GROUPED_OR_COMMA).any():
        return stripped
    plain = stripped
    for sign in _GROUPING:
        fraction = "[.]" if sign == "," else "[,]" if sign == "[.]" else "[.,]"
        grouped = plain.str.contains(rf"^[+-]?\d{{1,3}}(?:{sign}\d{{3}}){{2,}}(?:{fraction}\d+)?$")
        plain = pl.select(pl.when(grouped).then(plain.str.replace_all(sign, "")).otherwise(plain)).to_series()
    return plain.str.replace(_COMMA, "$1.$2")


def parse_epochs(texts: pl.Series, pattern: str) -> pl.DataFrame:
    """Return `time` and `problem` of the texts of an epoch format."""
    stripped = plain_numbers(texts)
    micros, is_number = _read_micros(stripped, pattern)
    usable = pl.select(pl.when(micros.abs() < MOST_MICROS).then(micros)).to_series()
    times = usable.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    problem = pl.select(
        pl.when(texts.is_null() | times.is_not_null())
        .then(0)
        .when(is_number)
        .then(OUT_OF_RANGE)
        .otherwise(UNPARSABLE)
    ).to_series()
    return times_and_problems(times, problem)


def parse_excel(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Return `time` and `problem` of serial days, to the millisecond, which is what a spreadsheet keeps."""
    days = plain_numbers(texts).cast(pl.Float64, strict=False)
    is_sure = (days.is_finite() & (days >= _FIRST_SURE_DAY) & (days < _LAST_DAY)).fill_null(value=False)
    millis = pl.select(
        pl.when(is_sure).then((days * (_MICROS_PER_DAY // 1_000)).round().cast(pl.Int64, strict=False))
    ).to_series()
    naive = (
        pl.select(pl.lit(_EXCEL_ZERO) + millis.cast(pl.Duration("ms"))).to_series().cast(pl.Datetime("us"))
    )
    read = localize(naive, texts.is_not_null(), form)
    outside = (days.is_finite() & ~is_sure).fill_null(value=False)
    return read.with_columns(
        pl.when(outside).then(pl.lit(OUT_OF_RANGE, pl.UInt8)).otherwise(pl.col("problem")).alias("problem")
    )


def _read_micros(texts: pl.Series, pattern: str) -> tuple[pl.Series, pl.Series]:
    """Return the microseconds of each text, null where there are none, and whether it is a number at all."""
    micros_per_unit = EPOCH_UNITS[pattern]
    whole = texts.cast(pl.Int64, strict=False)
    micros = _scale(whole, micros_per_unit)
    if micros.null_count() == texts.null_count():
        return micros, micros.is_not_null()
    exact = pl.select(pl.coalesce(micros, _read_decimals(texts, micros_per_unit))).to_series()
    floats = texts.cast(pl.Float64, strict=False)
    has_exponent = texts.str.contains(r"[eE]").fill_null(value=False)
    near = floats * micros_per_unit
    usable = has_exponent & near.is_finite() & (near.abs() < MOST_MICROS)
    rounded = pl.select(pl.when(usable).then(near.round()).cast(pl.Int64, strict=False)).to_series()
    return pl.select(pl.coalesce(exact, rounded)).to_series(), floats.is_finite().fill_null(value=False)


def _scale(whole: pl.Series, micros_per_unit: float) -> pl.Series:
    if micros_per_unit < 1:
        return whole // round(1 / micros_per_unit)
    factor = int(micros_per_unit)
    return pl.select(
        pl.when(whole.is_between(-(MOST_MICROS // factor), MOST_MICROS // factor)).then(whole * factor)
    ).to_series()


def _read_decimals(texts: pl.Series, micros_per_unit: float) -> pl.Series:
    parts = texts.to_frame("text").select(pl.col("text").str.extract_groups(_DECIMAL)).unnest("text")
    parts.columns = ["sign", "whole", "fraction"]
    digits = {1_000_000.0: 6, 1_000.0: 3}.get(micros_per_unit, 0)
    whole = _scale(parts["whole"].cast(pl.Int64, strict=False), micros_per_unit)
    if not digits:
        fine = whole * 0
    else:
        fine = parts["fraction"].str.slice(0, digits).str.pad_end(digits, "0").cast(pl.Int64, strict=False)
    total = whole + fine
    return pl.select(pl.when(parts["sign"] == "-").then(-total).otherwise(total)).to_series()
