"""What a `format` of createdAt may be, and what strptime patterns say about the zone. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from etl.panics import without_panic_text
from etl.times.wording import compile_wording, read_wording
from etl.times.zones import (
    LEAP_SECOND,
    UNPARSABLE,
    UTC_TIME,
    TimeFormat,
    localize,
    times_and_problems,
)

__all__ = [
    "EPOCH_UNITS",
    "EXCEL",
    "ISO",
    "check_pattern",
    "is_pattern",
    "lacks_year",
    "literal_offset",
    "mend_fraction",
    "parse_pattern",
    "says_zone",
]

ISO: Final = "iso8601"
EXCEL: Final = "excel"
# Microseconds in one unit.
EPOCH_UNITS: Final = {"epoch_s": 1_000_000.0, "epoch_ms": 1_000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
_OFFSET_CODES: Final = ("%z", "%:z", "%#z", "%::z", "%s", "%+", "%Z")
# A zone that the pattern spells out, at its end and after a code: "%H:%M:%SZ", "%H:%M:%S.%f +0000", "%T UTC".
_LITERAL_ZONE: Final = re.compile(r"(?:%[A-Za-z]|\d\}?|f)\s*(?:(Z|UTC|GMT)|([+-])(\d\d):?(\d\d))$")
_SECOND_CODES: Final = {"S": "60", "T": ".+?:60", "X": ".+?:60", "r": ".+?:60 .+?", "c": ".+?:60 .+?"}


def is_pattern(pattern: str) -> bool:
    """Whether a format is a strptime pattern rather than a name."""
    return pattern not in (ISO, EXCEL, *EPOCH_UNITS)


def says_zone(pattern: str) -> bool:
    """Whether texts of this format say their own offset."""
    if not is_pattern(pattern):
        return pattern in EPOCH_UNITS
    codes = pattern.replace("%%", "")
    return any(code in codes for code in _OFFSET_CODES) or literal_offset(pattern) is not None


def literal_offset(pattern: str) -> timedelta | None:
    """Return the offset from UTC that a strptime pattern spells out at its end, or None."""
    match = _LITERAL_ZONE.search(pattern) if is_pattern(pattern) else None
    if match is None:
        return None
    if match[1]:
        return timedelta(0)
    offset = timedelta(hours=int(match[3]), minutes=int(match[4]))
    return -offset if match[2] == "-" else offset


def mend_fraction(pattern: str) -> str | None:
    """Return the pattern that was meant where one has Python's `%f`, which Polars reads as nanoseconds; else None."""
    parts = pattern.split("%%")
    mended = [part.replace(".%f", "%.f").replace("%f", "%6f") for part in parts]
    return None if mended == parts else "%%".join(mended)


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with a format, or None. A pattern must read back what it writes."""
    if not is_pattern(pattern):
        return None
    if "%" not in pattern:
        return "it names no part of a time: there is no % in it"
    if mend_fraction(pattern) is not None:
        return "%f counts nanoseconds, so half a second, .5, would be read as 0.000000005"
    if "%Z" in pattern.replace("%%", "") and compile_wording(pattern) is None:
        return "beside %Z, the name of a zone, it has what can't be read there"
    sample = pl.Series([datetime(2021, 11, 23, 14, 35, 56, tzinfo=UTC)], dtype=UTC_TIME)
    try:
        with without_panic_text():
            read = sample.dt.strftime(pattern).str.to_datetime(pattern, strict=False, time_unit="us")[0]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        return (str(error).splitlines() or ["it isn't understood"])[0]
    if read is None:
        return "it doesn't read back what it writes"
    return None if (read.year, read.month, read.day) == (2021, 11, 23) else "it doesn't hold a whole date"


def lacks_year(pattern: str) -> bool:
    """Whether a strptime pattern is whole but for its year."""
    return bool(is_pattern(pattern) and check_pattern(pattern) and not check_pattern(f"%Y {pattern}"))


def parse_pattern(texts: pl.Series, form: TimeFormat) -> pl.DataFrame:
    """Return `time` and `problem` of texts written as a strptime pattern says.

    What strptime leaves unread is read by its words: it knows English, and ignores the names of zones.
    """
    stripped = texts.str.strip_chars()
    has_zone = says_zone(form.pattern)
    parsed = _parse_strptime(stripped, form.pattern)
    leap = _find_leap_seconds(stripped, parsed, form.pattern)
    if leap.any():
        parsed = pl.select(pl.when(~leap).then(parsed)).to_series()
    unread = stripped.is_not_null() & parsed.is_null() & ~leap
    if unread.any() and (wording := compile_wording(form.pattern)) is not None:
        places = unread.arg_true()
        said = read_wording(stripped.gather(places), wording, form.timezone)
        ahead = (said["offset"] * 60_000_000).cast(pl.Duration("us"))
        worded = said["naive"] - ahead if has_zone and literal_offset(form.pattern) is None else said["naive"]
        parsed = parsed.scatter(places, worded)
    if has_zone:
        utc = (parsed - (literal_offset(form.pattern) or timedelta(0))).dt.replace_time_zone("UTC")
        read = times_and_problems(utc, (texts.is_not_null() & utc.is_null()).cast(pl.UInt8) * UNPARSABLE)
    else:
        read = localize(parsed, texts.is_not_null(), form)
    if not leap.any():
        return read
    return read.with_columns(
        pl.when(leap).then(pl.lit(LEAP_SECOND, pl.UInt8)).otherwise(pl.col("problem")).alias("problem")
    )


def _parse_strptime(texts: pl.Series, pattern: str) -> pl.Series:
    """Return what strptime reads, without a zone: in UTC where the pattern has an offset; nothing where it names a
    zone, which strptime would ignore.
    """
    if "%Z" in pattern.replace("%%", ""):
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(texts))
    parsed = texts.str.to_datetime(pattern, strict=False, time_unit="us")
    if parsed.dtype != pl.Datetime("us"):
        parsed = parsed.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return parsed


def _find_leap_seconds(texts: pl.Series, parsed: pl.Series, pattern: str) -> pl.Series:
    """Where the text's seconds are 60, which the parser makes the next minute's first second."""
    if not _names_seconds(pattern):  # a 60 there is of another part, as in 1960
        return pl.repeat(value=False, n=len(texts), eager=True)
    maybe = (parsed.dt.second() == 0) & texts.str.contains("60", literal=True)
    if not maybe.fill_null(value=False).any():
        return pl.repeat(value=False, n=len(texts), eager=True)
    return (maybe & texts.str.contains(_leap_second_shape(pattern))).fill_null(value=False)


def _names_seconds(pattern: str) -> bool:
    return any(code[-1] in _SECOND_CODES for code in re.findall(r"%([-_0.:#]*\d?[A-Za-z+%])", pattern))


def _leap_second_shape(pattern: str) -> str:
    shape = ""
    for code, literal in re.findall(r"%([-_0.:#]*\d?[A-Za-z+%])|(.)", pattern, re.DOTALL):
        if literal:
            shape += re.escape(literal)
        elif code[-1] in _SECOND_CODES:
            shape += _SECOND_CODES[code[-1]]
        else:
            shape += (
                "%" if code == "%" else r"\d{4}" if code == "Y" else r"\d{1,2}" if code in "mdHMIy" else ".*?"
            )
    return f"^{shape}$"
