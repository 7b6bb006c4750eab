"""Tells which events came again that were delivered under other ids, those of an older mapping. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

__all__ = ["RENAMED", "RenamedAgain", "count_renamed", "mark_renamed"]

RENAMED: Final = "renamed"


class RenamedAgain(NamedTuple):
    """How many events came again, of how many the content differs, and the part and index of the first row."""

    events: int = 0
    changed: int = 0
    first: tuple[int, int] | None = None

    def plus(self, other: "RenamedAgain") -> "RenamedAgain":
        """Return both added up; the first is whichever stands before the other."""
        firsts = [first for first in (self.first, other.first) if first is not None]
        return RenamedAgain(
            self.events + other.events, self.changed + other.changed, min(firsts, default=None)
        )


def mark_renamed(candidates: pl.DataFrame, renamed: Sequence[int], n_delivered: int) -> pl.DataFrame:
    """Return `candidates` with a Boolean, `renamed`: its id was delivered as another one alone, never as itself.

    The first `n_delivered` parts are those of earlier loads, and of these `renamed` hold ids that are of now.
    """
    is_earlier, is_renamed = pl.col("part") < n_delivered, pl.col("part").is_in(list(renamed))
    delivered_as_itself = (is_earlier & ~is_renamed).any().over("id")
    return candidates.with_columns((is_renamed.any().over("id") & ~delivered_as_itself).alias(RENAMED))


def count_renamed(candidates: pl.DataFrame, n_delivered: int) -> RenamedAgain:
    """Return how many of the marked ids the load has itself."""
    if "content" not in candidates.columns:
        candidates = candidates.with_columns(pl.lit(None, pl.UInt64).alias("content"))
    before = pl.col("content").filter(pl.col("part") < n_delivered).last().over("id")
    own = candidates.with_columns(differs=(pl.col("content") != before).fill_null(value=False)).filter(
        pl.col(RENAMED) & (pl.col("part") >= n_delivered)
    )
    if not own.height:
        return RenamedAgain()
    part, index = own.select("part", "index").row(0)
    changed = own.filter("differs")["id"].n_unique()
    return RenamedAgain(own["id"].n_unique(), changed, (part - n_delivered, index))
