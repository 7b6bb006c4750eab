"""Guesses how a column writes its times. Pure.

What the texts leave open is said: whether 3/4 is in March or April, in which year, and in which zone a clock stood.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from etl.guess.layouts.find import MOST_TEXTS, Layout, find_layout
from etl.guess.markers import NO_VALUES
from etl.guess.numbers import guess_number
from etl.times.patterns import parse_pattern
from etl.times.zone_names import DISPUTED
from etl.times.zones import TimeFormat

__all__ = ["TimeGuess", "guess_clock", "guess_time", "looks_like_time"]

ISO: Final = (
    r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s*([Zz]|UTC|GMT|[+-]\d{2}:?(\d{2})?)?\s*$"
)
ISO_WITH_ZONE: Final = r"([Zz]|UTC|GMT|\d{2}\s*[+-]\d{2}:?(\d{2})?)\s*$"
LEAST_SHARE: Final = 0.9
_LOOKS: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,].*)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_DISPUTED: Final = rf"\b({'|'.join(DISPUTED)})\b"


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """How times are written: the job's `format`, whether they say their zone, the share of texts that fit.

    `rivals` are other formats that fit as well, and read `both_ways` of `texts` as another time; `has_clock` is false
    for dates without a time of day, `has_year` for times that don't say theirs; `disputed` is a zone's name that is
    there and means several clocks. `is_whole_days`: a number that has no part of a day.
    """

    format: str
    has_zone: bool
    share: float
    rivals: tuple[str, ...] = ()
    has_clock: bool = True
    has_year: bool = True
    disputed: str | None = None
    both_ways: int = 0
    texts: int = 0

    @property
    def is_number(self) -> bool:
        """Whether the times are numbers, which may as well count something else."""
        return self.format.startswith("epoch") or self.format == "excel"


def looks_like_time(text: str) -> bool:
    """Whether a text looks like a date, with a time or without."""
    return bool(_LOOKS.fullmatch(text.strip()))


def guess_time(values: pl.Series) -> TimeGuess | None:
    """Return how the values are times; None where most of those that stand for anything aren't."""
    filled = values.drop_nulls()
    if not len(filled):
        return None
    if isinstance(filled.dtype, pl.Datetime):
        return TimeGuess("iso8601", filled.dtype.time_zone is not None, 1.0)
    if filled.dtype == pl.Date:
        return TimeGuess("iso8601", has_zone=False, share=1.0, has_clock=False)
    if filled.dtype.is_numeric():
        return _guess_number(filled)
    if filled.dtype != pl.String:
        return None
    texts = filled.str.strip_chars()
    # What stands for no value says nothing of how the others are written.
    texts = texts.filter(~texts.is_in(list(NO_VALUES)))
    if not len(texts):
        return None
    found = _guess_iso(texts) or _guess_number(texts) or _guess_pattern(texts)
    return None if found is None else replace(found, share=found.share * len(texts) / len(filled))


def _guess_iso(texts: pl.Series) -> TimeGuess | None:
    fits = texts.str.contains(ISO)
    if (share := _share(fits)) < LEAST_SHARE:
        return None
    with_zone = _share(texts.filter(fits).str.contains(ISO_WITH_ZONE))
    return TimeGuess("iso8601", with_zone > 0.99, share)


def _guess_number(values: pl.Series) -> TimeGuess | None:
    found = guess_number(values)
    if found is None:
        return None
    return TimeGuess(
        found.format,
        found.format != "excel",
        found.share,
        has_clock=found.format != "excel" or found.has_fractions,
    )


def _guess_pattern(texts: pl.Series) -> TimeGuess | None:
    layout = find_layout(texts.head(MOST_TEXTS).to_list())
    if layout is None or not layout.has_date:
        return None
    times = _read(texts, layout, layout.format)
    if (share := _share(times.is_not_null())) < LEAST_SHARE:
        return None
    # A rival that reads the same instants, or fewer of them, is none.
    found = {rival: _read(texts, layout, rival) for rival in layout.rivals}
    told_apart = {rival: int((others != times).sum()) for rival, others in found.items()}
    rivals = tuple(
        rival
        for rival, others in found.items()
        if told_apart[rival] and _share(others.is_not_null()) >= share - 0.001
    )
    named = texts.str.extract(_DISPUTED) if "%Z" in layout.format else None
    return TimeGuess(
        layout.format,
        layout.has_zone,
        share,
        rivals,
        layout.has_clock,
        layout.has_year,
        disputed=named.drop_nulls().first() if named is not None else None,  # type: ignore[arg-type]
        both_ways=max((told_apart[rival] for rival in rivals), default=0),
        texts=len(texts) if rivals else 0,
    )


def _read(texts: pl.Series, layout: Layout, pattern: str) -> pl.Series:
    """Return the instants as a run would read them; in some year where the texts say none."""
    zone = next(iter(DISPUTED["IST"])) if "%Z" in pattern else "UTC"
    if layout.has_year:
        return parse_pattern(texts, TimeFormat(pattern, zone))["time"]
    dated = pl.select(pl.concat_str(pl.lit("2000"), pl.lit(texts), separator=" ")).to_series()
    return parse_pattern(dated, TimeFormat(f"%Y {pattern}", zone))["time"]


def guess_clock(values: pl.Series) -> str | None:
    """Return how texts write a time of day without a date; None where they don't."""
    filled = values.drop_nulls()
    if filled.dtype != pl.String or not len(filled):
        return None
    layout = find_layout(filled.head(MOST_TEXTS).to_list())
    is_clock = layout is not None and layout.has_clock and not layout.has_date
    return layout.format if layout is not None and is_clock else None


def _share(hits: pl.Series) -> float:
    return int(hits.fill_null(value=False).sum()) / len(hits) if len(hits) else 0.0
