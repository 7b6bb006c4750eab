"""Reads what strptime leaves unread of a pattern: names in other languages, AM and PM in any spelling, zones by name.

A pattern is made a grammar of the parts of a time, and what it matches is put together. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

from etl.times.words import HALVES, MONTHS, WEEKDAYS, fold_word
from etl.times.zone_names import offsets_of

__all__ = ["Wording", "compile_wording", "read_wording"]

_SHORTHANDS: Final = {
    "%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%x": "%m/%d/%y", "%X": "%H:%M:%S",
    "%r": "%I:%M:%S %p", "%e": "%d", "%k": "%H", "%l": "%I", "%h": "%b", "%P": "%p", "%A": "%a", "%B": "%b",
    "%:z": "%z", "%#z": "%z", "%.3f": "%.f", "%.6f": "%.f", "%.9f": "%.f",
}  # fmt: skip
_NUMBERS: Final = frozenset("mdHIMS")
# What strptime reads in one way alone, and people write in many.
_WORDS: Final = frozenset("abpzZ")
_PIECES: Final = {
    "Y": r"(\d{4})",
    "y": r"(\d{2})",
    "j": r"(\d{1,3})",
    "a": r"(\p{L}+)\.?",
    "b": r"(\p{L}+)\.?",
    "p": r"([AaPp]\.?\s?[Mm]\.?|[AaPp]|上午|下午|오전|오후)",
    "z": r"((?:UTC|GMT)?\s?[+−-]\d{1,2}(?::?\d{2})?|[Zz]|UTC|GMT)",
    "Z": r"\(?([A-Za-z]{1,5})\)?",
    ".f": r"(?:\.(\d{1,9}))?",
}
_CODE: Final = re.compile(r"%([-_0.:#]*\d?[A-Za-z+%])|(.)", re.DOTALL)
_OFFSET: Final = r"^(?:UTC|GMT)?\s?(?:([+−-])(\d{1,2}):?(\d{2})?)?$"
_MOST_OFFSET_MINUTES: Final = 15 * 60
_MICROS_PER_MINUTE: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Wording:
    """The grammar of a pattern: an expression with a group for each of `codes`."""

    shape: str
    codes: tuple[str, ...]


@lru_cache(maxsize=64)
def compile_wording(pattern: str) -> Wording | None:
    """Return the grammar of a strptime pattern; None where strptime itself reads all that the pattern may mean."""
    for short, long in _SHORTHANDS.items():
        pattern = "%%".join(part.replace(short, long) for part in pattern.split("%%"))
    parts = [(match[1], match[2]) for match in _CODE.finditer(pattern)]
    shape, codes = "", []
    for at, (code, literal) in enumerate(parts):
        if literal:
            shape += (
                (r"\s*" if _is_before_half(parts, at) else r"\s+")
                if literal.isspace()
                else re.escape(literal)
            )
        elif code == "%":
            shape += "%"
        else:
            beside = parts[at - 1 : at] + parts[at + 1 : at + 2]
            is_packed = any(other in _NUMBERS or other in ("Y", "y") for other, _ in beside)
            digits = re.fullmatch(r"([369])f", code)
            piece = (
                (r"(\d{2})" if is_packed else r"(\d{1,2})")
                if code in _NUMBERS
                else rf"(\d{{{digits[1]}}})"
                if digits
                else _PIECES.get(code)
            )
            if piece is None:
                return None
            shape += (r"\s*" if code == "p" and at and parts[at - 1][0] else "") + piece
            codes.append(".f" if digits else code)
    if not _WORDS & set(codes) or len(set(codes)) != len(codes):
        return None
    return Wording(rf"^{shape}$", tuple(codes))


def _is_before_half(parts: list[tuple[str, str]], at: int) -> bool:
    return parts[at + 1][0] == "p" if at + 1 < len(parts) else False


def read_wording(texts: pl.Series, wording: Wording, timezone: str | None) -> pl.DataFrame:
    """Return `naive` (Datetime µs) and `offset` (minutes ahead of UTC) that each text says; null where it doesn't.

    `timezone` is whose names of zones they are. A second 60 is none that can be read.
    """
    groups = texts.to_frame("text").select(pl.col("text").str.extract_groups(wording.shape)).unnest("text")
    groups.columns = list(wording.codes)
    part = {code: groups[code] for code in wording.codes}
    zero = pl.Series("zero", [0], dtype=pl.Int64).new_from_index(0, len(texts))
    day = _read_day(part)
    hour = _read_hour(part) if "I" in part or "H" in part else zero
    minute, second = (_read_number(part[code]) if code in part else zero for code in "MS")
    micros = (
        part[".f"].fill_null("").str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64, strict=False)
        if ".f" in part
        else zero
    )
    read = pl.DataFrame({"day": day, "hour": hour, "minute": minute, "second": second, "micros": micros})
    is_clock = (pl.col("hour") < 24) & (pl.col("minute") < 60) & (pl.col("second") < 60)
    clock = ((pl.col("hour") * 60 + pl.col("minute")) * 60 + pl.col("second")) * 1_000_000 + pl.col("micros")
    naive = read.select(
        naive=pl.when(is_clock).then(pl.col("day").cast(pl.Datetime("us")) + clock.cast(pl.Duration("us")))
    )
    if "a" in part:
        naive = naive.with_columns(
            pl.when(naive["naive"].dt.weekday() == _look_up(part["a"], WEEKDAYS)).then("naive").alias("naive")
        )
    return naive.with_columns(_read_offset(part, timezone, len(texts)).alias("offset"))


def _read_day(part: Mapping[str, pl.Series]) -> pl.Series:
    """Return the date, null where there is no such day."""
    if "Y" in part:
        year = _read_number(part["Y"])
    else:
        short = _read_number(part["y"]) if "y" in part else None
        if short is None:
            return pl.Series([None], dtype=pl.Date).new_from_index(0, len(next(iter(part.values()))))
        year = short + pl.select(pl.when(short < 69).then(2000).otherwise(1900)).to_series()
    frame = pl.DataFrame({"year": year})
    if "j" in part:
        first = pl.date(pl.col("year"), 1, 1)
        days = frame.with_columns(_read_number(part["j"]).alias("day")).select(
            date=first + pl.duration(days=pl.col("day") - 1), year="year"
        )
        return days.select(pl.when(pl.col("date").dt.year() == pl.col("year")).then("date")).to_series()
    month = _look_up(part["b"], MONTHS) if "b" in part else _read_number(part["m"])
    pieces = frame.with_columns(month.alias("month"), _read_number(part["d"]).alias("day"))
    text = pl.concat_str(pl.col("year", "month", "day").cast(pl.String), separator="-")
    return pieces.select(text.str.to_date("%Y-%m-%d", strict=False)).to_series()


def _read_hour(part: Mapping[str, pl.Series]) -> pl.Series:
    if "I" not in part:
        return _read_number(part["H"])
    hour = _read_number(part["I"])
    half = _look_up(part["p"], HALVES) if "p" in part else hour * 0
    return pl.select(pl.when(hour.is_between(1, 12)).then(hour % 12 + half)).to_series()


def _read_offset(part: Mapping[str, pl.Series], timezone: str | None, height: int) -> pl.Series:
    if "Z" in part:
        # Zones are as a rule in capitals; `cest` is one too.
        return (
            part["Z"]
            .str.to_uppercase()
            .replace_strict(offsets_of(timezone), default=None, return_dtype=pl.Int64)
        )
    if "z" not in part:
        return pl.Series([None], dtype=pl.Int64).new_from_index(0, height)
    texts = part["z"].to_frame("text")
    pieces = texts.select("text", pl.col("text").str.extract_groups(_OFFSET).alias("of")).unnest("of")
    pieces.columns = ["text", "sign", "hours", "minutes"]
    hours, minutes = (pl.col(name).cast(pl.Int64, strict=False).fill_null(0) for name in ("hours", "minutes"))
    ahead = (hours * 60 + minutes) * pl.when(pl.col("sign") == "+").then(1).otherwise(-1)
    is_offset = (minutes < 60) & (ahead.abs() <= _MOST_OFFSET_MINUTES)
    return pieces.select(pl.when(pl.col("text").is_not_null() & is_offset).then(ahead)).to_series()


def _read_number(texts: pl.Series) -> pl.Series:
    return texts.cast(pl.Int64, strict=False)


def _look_up(texts: pl.Series, table: Mapping[str, int]) -> pl.Series:
    """Return the numbers of the words: there are few, however many texts."""
    known = {
        word: number for word in texts.unique() if word and (number := table.get(fold_word(word))) is not None
    }
    return texts.replace_strict(known, default=None, return_dtype=pl.Int64)
