"""Reads a row's own time: ISO 8601 in its real-world variety, epochs, serial days, strptime patterns. Pure.

"Now" is never filled in. What can't be read is told apart by `problem`, so that each reject says what it is. A leap
second (23:59:60) is a reject: the destination's clock doesn't have it, and the second after it is not when the event
was.
"""

import re
from typing import Final

import polars as pl

from etl.times.epochs import parse_epochs, parse_excel
from etl.times.patterns import EPOCH_UNITS, EXCEL, ISO, parse_pattern
from etl.times.zones import LEAP_SECOND, UNPARSABLE, TimeFormat, localize, times_and_problems

__all__ = ["parse_texts"]

# 2024-01-31T09:30:00.123+01:00, with T, t or a space; without seconds, fraction or time; comma for point; +01, +0100,
# Z, UTC, GMT or no zone; also without - and :, and with the zone's name behind, as Java writes it.
_ISO: Final = (
    r"^\s*(?:(\d{4})-(\d{2})-(\d{2})|(\d{4})(\d{2})(\d{2}))"
    r"(?:(?:[Tt]|\s+)(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])(\d{2})(?::?(\d{2}))?)?(?:\[[A-Za-z0-9_+/-]+\])?\s*$"
)
_PARTS: Final = (
    "year", "month", "day", "year2", "month2", "day2", "hour", "minute", "second", "fraction", "utc", "sign", "hours",
    "minutes",
)  # fmt: skip
# Offsets in use go from -12 to +14 hours.
_MOST_OFFSET_MINUTES: Final = 15 * 60
# Exports use one shape throughout: where the first text has a usual one, all are read by it, several times as fast.
_USUAL: Final = re.compile(
    r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.(\d{3}|\d{6}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


def parse_texts(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Return `time` (Datetime µs UTC, null where unusable) and `problem` (UInt8, 0 where none) of each text.

    And `written`, the time as an event has it, where the texts say it so already: writing it anew takes longer.
    A null text has neither a time nor a problem: it is missing, not wrong.
    """
    if form.pattern == ISO:
        return _parse_iso(texts, form)
    if form.pattern in EPOCH_UNITS:
        return parse_epochs(texts, form.pattern)
    if form.pattern == EXCEL:
        return parse_excel(texts, form)
    return parse_pattern(texts, form)


def _parse_iso(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Try the shape of the first text on all, and the full grammar on what it doesn't fit."""
    first = texts.first(ignore_nulls=True)
    usual = _USUAL.fullmatch(first) if isinstance(first, str) else None
    if usual is None:
        return _parse_grammar(texts, form)
    fits, read = _parse_usual(texts, usual, form)
    missed = texts.is_not_null() & ~(fits & read["time"].is_not_null())
    if not missed.any():
        return read.with_columns(_as_written(texts, usual))
    places = missed.arg_true()
    rest = _parse_grammar(texts.gather(places), form)
    return times_and_problems(
        read["time"].scatter(places, rest["time"]), read["problem"].scatter(places, rest["problem"])
    )


def _as_written(texts: pl.Series, usual: re.Match[str]) -> list[pl.Series]:
    """Return `written`, how `render_instant` writes times that were read from `texts`, where it is there already."""
    separator, fraction, zone = usual[1], usual[2], usual[3]
    if separator != "T" or zone != "Z" or len(fraction or "") > 3:
        return []
    if fraction:
        return [texts.alias("written")]
    return [pl.select(pl.concat_str(texts.str.head(19), pl.lit(".000Z"))).to_series().alias("written")]


def _parse_usual(texts: pl.Series, usual: re.Match[str], form: TimeFormat) -> tuple[pl.Series, pl.DataFrame]:
    """Return where the texts have the shape of `usual`, and what they are read as there.

    The shape is stricter than the parser, which takes unpadded numbers and a 60th second.
    """
    separator, fraction, zone = usual[1], usual[2], usual[3]
    digits = len(fraction) if fraction else 0
    shape = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{separator}[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9]"
    shape += rf"\.[0-9]{{{digits}}}" if digits else ""
    shape += "$" if zone is None else "Z$" if zone == "Z" else "[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]$"
    pattern = f"%Y-%m-%d{separator}%H:%M:%S{f'%.{digits}f' if digits else ''}"
    pattern += "" if zone is None else "Z" if zone == "Z" else "%z"
    fits = texts.str.contains(shape)
    parsed = texts.str.to_datetime(pattern, strict=False, time_unit="us")
    if zone is None:
        return fits, localize(parsed, texts.is_not_null(), form)
    times = parsed.dt.replace_time_zone("UTC") if zone == "Z" else parsed.dt.convert_time_zone("UTC")
    return fits, times_and_problems(times, pl.zeros(len(texts), dtype=pl.UInt8, eager=True))


def _parse_grammar(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    parts = texts.to_frame("text").select(pl.col("text").str.extract_groups(_ISO)).unnest("text")
    parts.columns = list(_PARTS)
    number = {name: pl.col(name).cast(pl.Int32, strict=False) for name in _PARTS}
    fraction = (
        pl.col("fraction").fill_null("").str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int32, strict=False)
    )
    is_leap = (number["second"] == 60).fill_null(value=False)
    offset = (number["hours"] * 60 + number["minutes"].fill_null(0)) * pl.when(pl.col("sign") == "-").then(
        -1
    ).otherwise(1)
    read = parts.select(
        date=pl.concat_str(
            pl.coalesce("year", "year2"),
            pl.coalesce("month", "month2"),
            pl.coalesce("day", "day2"),
            separator="-",
        ),
        micros=(
            (number["hour"].fill_null(0).cast(pl.Int64) * 60 + number["minute"].fill_null(0)) * 60
            + number["second"].fill_null(0)
        )
        * 1_000_000
        + fraction,
        is_clock=number["hour"].fill_null(0).lt(24)
        & number["minute"].fill_null(0).lt(60)
        & number["second"].fill_null(0).lt(60),
        is_leap=is_leap,
        offset=pl.when(pl.col("utc").is_not_null()).then(0).otherwise(offset),
        is_offset=number["minutes"].fill_null(0).lt(60) & offset.abs().fill_null(0).le(_MOST_OFFSET_MINUTES),
    )
    day = read["date"].str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    naive = pl.select(
        pl.when(read["is_clock"] & read["is_offset"]).then(day + read["micros"].cast(pl.Duration("us")))
    ).to_series()
    local = localize(naive, texts.is_not_null(), form)
    ahead = (read["offset"].cast(pl.Int64) * 60_000_000).cast(pl.Duration("us"))
    said = (naive - ahead).dt.replace_time_zone("UTC")
    has_offset = read["offset"].is_not_null()
    times = pl.select(pl.when(has_offset).then(said).otherwise(local["time"])).to_series()
    problem = pl.select(
        pl.when(read["is_leap"])
        .then(LEAP_SECOND)
        .when(~has_offset)
        .then(local["problem"])
        .when(naive.is_null())
        .then(UNPARSABLE)
        .otherwise(0)
    ).to_series()
    return times_and_problems(times, problem)
