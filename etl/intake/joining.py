"""Joins the rows of consecutive small files, so that a plan is applied to thousands of them at once. Pure.

Rule: only where a row becomes the same whatever rows stand beside it: one plan for all of the files, and no function of
the job's own, whose rule nobody can check. Malformed records stay with their own file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from etl.intake.plans import Plans
from etl.intake.window import Window
from etl.values.rows import ROW, MalformedRecord

__all__ = ["Placed", "Stretch", "gather"]

# Polars takes milliseconds to begin: frames larger than this make up for it alone.
SMALL_ROWS: Final = 1_024
SMALL_BYTES: Final = 256 << 10
JOINED_ROWS: Final = 16_384
JOINED_BYTES: Final = 4 << 20


class Placed(NamedTuple):
    """Rows of the file at position `file`."""

    file: int
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive records: of one file with its malformed ones, or of several small files that have none."""

    parts: tuple[Placed, ...]
    malformed: tuple[MalformedRecord, ...] = ()

    @property
    def file(self) -> int:
        """The position of the first file."""
        return self.parts[0].file

    def rows(self) -> Mapping[int, int]:
        """Return how many records there are of each file."""
        rows: dict[int, int] = {}
        for file, frame in self.parts:
            rows[file] = rows.get(file, 0) + frame.height
        rows[self.file] += len(self.malformed)
        return rows

    def frame(self) -> pl.DataFrame:
        """Return the rows as one frame; those of several files have their place in it for a number."""
        if len(self.parts) == 1:
            return self.parts[0].frame
        joined = pl.concat([frame for _, frame in self.parts], rechunk=True)
        return joined.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW))

    def place(self, made: pl.DataFrame) -> pl.DataFrame:
        """Return what was made of `frame()` with the file of each row, and the row's number in it."""
        if len(self.parts) == 1:
            return made.with_columns(pl.lit(self.file, pl.UInt32).alias("file"))
        heights = [frame.height for _, frame in self.parts]
        files = np.repeat(np.array([file for file, _ in self.parts], np.uint32), heights)
        rows = np.concatenate([frame[ROW].to_numpy() for _, frame in self.parts])
        at = made["row"].to_numpy()
        return made.with_columns(pl.Series("row", rows[at]), pl.Series("file", files[at]))


def gather(stretches: Iterator[Stretch], plans: Plans, window: Window) -> Iterator[Stretch]:
    """Yield the stretches in order, small ones joined where one plan is for them, to a bounded size."""
    waiting: list[Placed] = []
    rows = n_bytes = 0
    for stretch in stretches:
        (part,) = stretch.parts
        plan, size = plans.of(part.file), int(part.frame.estimated_size())
        is_small = part.frame.height <= SMALL_ROWS and size <= SMALL_BYTES and not stretch.malformed
        joins = is_small and plan.hook is None and window.watermark is None
        if waiting and not (joins and plan is plans.of(waiting[0].file)):
            yield Stretch(tuple(waiting))
            waiting, rows, n_bytes = [], 0, 0
        if not joins:
            yield stretch
            continue
        waiting.append(part)
        rows, n_bytes = rows + part.frame.height, n_bytes + size
        if rows >= JOINED_ROWS or n_bytes >= JOINED_BYTES:
            yield Stretch(tuple(waiting))
            waiting, rows, n_bytes = [], 0, 0
    if waiting:
        yield Stretch(tuple(waiting))
