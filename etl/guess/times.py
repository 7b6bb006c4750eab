"""Guesses how a column writes its times. Pure.

What the texts leave open is said: whether 3/4 is in March or April, and in which zone a clock stood.
"""

import re
from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.guess.layouts import MOST_TEXTS, find_layout

__all__ = ["TimeGuess", "guess_clock", "guess_time", "looks_like_time"]

ISO: Final = (
    r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s*([Zz]|UTC|GMT|[+-]\d{2}:?(\d{2})?)?\s*$"
)
ISO_WITH_ZONE: Final = r"([Zz]|UTC|GMT|\d{2}[+-]\d{2}:?(\d{2})?)\s*$"
# Digits of an epoch between 2000 and 2100, and what they then count.
EPOCHS: Final = {
    "epoch_s": (946_684_800, 4_102_444_800),
    "epoch_ms": (946_684_800_000, 4_102_444_800_000),
    "epoch_us": (946_684_800_000_000, 4_102_444_800_000_000),
    "epoch_ns": (946_684_800_000_000_000, 4_102_444_800_000_000_000),
}
LEAST_SHARE: Final = 0.9
_LOOKS: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,].*)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """How times are written: the job's `format`, whether they say their zone, the share of texts that fit.

    `rival` is another format that fits as well; `has_clock` is false for dates without a time of day.
    """

    format: str
    has_zone: bool
    share: float
    rival: str | None = None
    has_clock: bool = True


def looks_like_time(text: str) -> bool:
    """Whether a text looks like a date, with a time or without."""
    return bool(_LOOKS.fullmatch(text.strip()))


def guess_time(values: pl.Series) -> TimeGuess | None:
    """Return how the non-null values are times; None where most aren't."""
    filled = values.drop_nulls()
    if not len(filled):
        return None
    if isinstance(filled.dtype, pl.Datetime):
        return TimeGuess("iso8601", filled.dtype.time_zone is not None, 1.0)
    if filled.dtype == pl.Date:
        return TimeGuess("iso8601", has_zone=False, share=1.0, has_clock=False)
    if filled.dtype.is_integer() or filled.dtype.is_float():
        return _guess_epoch(filled.cast(pl.Float64))
    if filled.dtype != pl.String:
        return None
    texts = filled.str.strip_chars()
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() < 0.1 * len(texts):
        return _guess_epoch(numbers) or _guess_pattern(texts)
    fits = texts.str.contains(ISO)
    if (share := _share(fits)) >= LEAST_SHARE:
        with_zone = _share(texts.filter(fits).str.contains(ISO_WITH_ZONE))
        return TimeGuess("iso8601", with_zone > 0.99, share)
    return _guess_pattern(texts)


def _guess_epoch(numbers: pl.Series) -> TimeGuess | None:
    for name, (low, high) in EPOCHS.items():
        if (share := _share(numbers.is_between(low, high))) >= LEAST_SHARE:
            return TimeGuess(name, has_zone=True, share=share)
    return None


def _guess_pattern(texts: pl.Series) -> TimeGuess | None:
    layout = find_layout(texts.head(MOST_TEXTS).to_list())
    if layout is None or not layout.has_date:
        return None
    share = _share(_fits(texts, layout.format))
    if share < LEAST_SHARE:
        return None
    rival = layout.rival if layout.rival and _share(_fits(texts, layout.rival)) >= share - 0.001 else None
    return TimeGuess(layout.format, layout.has_zone, share, rival, layout.has_clock)


def guess_clock(values: pl.Series) -> str | None:
    """Return how texts write a time of day without a date; None where they don't."""
    filled = values.drop_nulls()
    if filled.dtype != pl.String or not len(filled):
        return None
    layout = find_layout(filled.head(MOST_TEXTS).to_list())
    is_clock = layout is not None and layout.has_clock and not layout.has_date
    return layout.format if layout is not None and is_clock else None


def _fits(texts: pl.Series, pattern: str) -> pl.Series:
    return texts.str.to_datetime(pattern, strict=False, time_unit="us").is_not_null()


def _share(hits: pl.Series) -> float:
    return int(hits.fill_null(value=False).sum()) / len(hits) if len(hits) else 0.0
