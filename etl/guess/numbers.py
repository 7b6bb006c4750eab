"""Guesses in which unit numbers count times: since 1970, or in the days of a spreadsheet. Pure."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.times.epochs import plain_numbers

__all__ = ["EPOCHS", "NumberGuess", "guess_number"]

# Numbers of an epoch between 2000 and 2100, and what they then count.
EPOCHS: Final = {
    "epoch_s": (946_684_800, 4_102_444_800),
    "epoch_ms": (946_684_800_000, 4_102_444_800_000),
    "epoch_us": (946_684_800_000_000, 4_102_444_800_000_000),
    "epoch_ns": (946_684_800_000_000_000, 4_102_444_800_000_000_000),
}
# Serial days between 2000 and 2050.
_SERIALS: Final = (36_526, 54_789)
LEAST_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class NumberGuess:
    """The job's `format`, the share of the numbers that are such times, and whether any has a part of a day."""

    format: str
    share: float
    has_fractions: bool = True


def guess_number(values: pl.Series) -> NumberGuess | None:
    """Return what the numbers count where most of them may be times."""
    texts = values if values.dtype == pl.String else None
    numbers = (plain_numbers(texts) if texts is not None else values).cast(pl.Float64, strict=False)
    if numbers.null_count() >= (1 - LEAST_SHARE) * len(numbers):
        return None
    for name, (low, high) in EPOCHS.items():
        if (share := _share(numbers.is_between(low, high))) >= LEAST_SHARE:
            return NumberGuess(name, share)
    if (share := _share(numbers.is_between(*_SERIALS))) >= LEAST_SHARE:
        return NumberGuess("excel", share, bool((numbers % 1 > 0).any()))
    return None


def _share(hits: pl.Series) -> float:
    return int(hits.fill_null(value=False).sum()) / len(hits) if len(hits) else 0.0
