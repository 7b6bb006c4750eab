"""Decides which of several rows with one id is sent, and which of them differ from what was delivered. Pure."""

import polars as pl

from etl.stage.renamed import RENAMED

__all__ = ["compare_contents"]


def compare_contents(candidates: pl.DataFrame, n_delivered: int, *, sends_corrections: bool) -> pl.DataFrame:
    """Return what becomes of the load's own rows among `candidates` (`part`, `index`, `id`, `content`, in order).

    The first `n_delivered` parts are those of earlier loads, the earliest first. `goes`: it is no duplicate;
    `delivered`: an earlier load delivered its id; `differs`: its content isn't that of the newest delivery, or where
    there is none of the row that goes; `newest`: the last row with its id agrees with it; `unknown`: the delivery kept
    no digest to compare with. An id that was only delivered as another one (`renamed`, where it is there) neither goes
    nor differs: what is under it would be a second event.
    """
    if RENAMED not in candidates.columns:
        candidates = candidates.with_columns(pl.lit(value=False).alias(RENAMED))
    is_own = pl.col("part") >= n_delivered
    place = pl.int_range(pl.len())
    marked = candidates.with_columns(
        own=is_own,
        delivered=(~is_own).any().over("id"),
        before=pl.col("content").filter(~is_own).last().over("id"),
        place=place,
    )
    own = pl.col("own")
    chosen = pl.col("place").filter(own)
    chosen = (chosen.last() if sends_corrections else chosen.first()).over("id")
    rows = marked.with_columns(is_chosen=pl.col("place") == chosen).filter("own")
    of_chosen = pl.col("content").filter(pl.col("is_chosen")).first().over("id")
    reference = pl.when("delivered").then("before").otherwise(of_chosen)
    rows = rows.with_columns(
        differs=(pl.col("content") != reference).fill_null(value=False) & ~pl.col(RENAMED),
        unknown=pl.col("delivered") & pl.col("before").is_null() & ~pl.col(RENAMED),
    )
    corrects = pl.col("differs") if sends_corrections else pl.lit(value=False)
    rows = rows.with_columns(goes=pl.col("is_chosen") & (~pl.col("delivered") | corrects))
    # A row that agrees with the correction that goes out is its duplicate.
    is_told = pl.col("goes") | ~pl.col("goes").any().over("id") | (pl.col("content") != of_chosen)
    return rows.select(
        *("part", "index", "delivered", "unknown", "goes"),
        differs=pl.col("differs") & is_told,
        newest=(pl.col("content") == pl.col("content").last().over("id")).fill_null(value=False),
    )
