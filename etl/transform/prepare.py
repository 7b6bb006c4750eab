"""The part of a plan that can fail for a row: hook, filter and SQL. Rows that fail are found and set apart. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from etl.transform.hook import Hook

__all__ = ["Prepared", "prepare_rows"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """`frame`: the rows that are wanted, with their sources computed. `failed`: rows with the reason, in `REASON`."""

    frame: pl.DataFrame
    failed: pl.DataFrame | None
    skipped: int


REASON = "\x1freason"


def prepare_rows(
    frame: pl.DataFrame, hook: Hook | None, keep: pl.Expr | None, sources: list[pl.Expr]
) -> Prepared:
    """Return the rows of `frame` after hook and filter, with `sources` as columns; a row that can't be computed fails
    alone.
    """

    def compute(rows: pl.DataFrame) -> pl.DataFrame:
        made = rows if hook is None else hook.run(rows)
        made = made if keep is None else made.filter(keep)
        return made.with_columns(sources) if sources else made

    done, failed = _compute_apart(frame, compute)
    computed = pl.concat(done) if len(done) > 1 else done[0]
    skipped = frame.height - sum(part.height for part in failed) - computed.height
    return Prepared(computed, pl.concat(failed) if failed else None, skipped)


def _compute_apart(
    frame: pl.DataFrame, compute: Callable[[pl.DataFrame], pl.DataFrame]
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Halve what can't be computed until the row that is to blame is alone: a strict CAST fails for a whole frame."""
    done: list[pl.DataFrame] = []
    failed: list[pl.DataFrame] = []
    waiting = [frame]
    while waiting:
        rows = waiting.pop()
        try:
            done.append(compute(rows))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            if rows.height == 0:
                raise
            if rows.height == 1:
                failed.append(rows.with_columns(pl.lit(_reason(error)).alias(REASON)))
                continue
            half = rows.height // 2
            waiting += [rows[half:], rows[:half]]
    if not done:
        done.append(compute(frame.clear()))
    return done, failed


def _reason(error: BaseException) -> str:
    first = (str(error).splitlines() or ["no reason given"])[0]
    return f"the job's SQL or transform can't be computed: {first[:200]}"
