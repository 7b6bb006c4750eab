"""Which rows of a source are wanted this time: by their number, by their time, by a watermark. Pure.

What is left out counts as skipped, so that the books show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import polars as pl

from etl.job.model import Job
from etl.rows import ROW, Batch, Transformed

__all__ = ["EVERYTHING", "Window", "drop_first", "job_window", "max_reached"]


@dataclass(frozen=True, slots=True)
class Window:
    """Events from `since` on and before `until`; of the column `watermark`, values from `reached` on.

    `reached` is the highest value that an earlier load saw, as text; a value equal to it may be a new row, so it is
    read again, and its id tells. Text compares as text: times in ISO 8601 sort as they should.
    """

    since: datetime | None = None
    until: datetime | None = None
    watermark: str | None = None
    reached: str | None = None

    def drop_old(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the rows that reach the watermark, or have none, and how many don't."""
        if self.watermark is None or self.reached is None:
            return frame, 0
        column = frame.get_column(self.watermark)
        reached = pl.Series([self.reached]).cast(column.dtype, strict=False)[0]
        if reached is None:
            return frame, 0
        kept = frame.filter((column >= reached).fill_null(value=True))
        return kept, frame.height - kept.height

    def highest(self, frame: pl.DataFrame) -> str | None:
        """Return the highest value of the watermark column in `frame`, as text."""
        if self.watermark is None:
            return None
        highest = frame.get_column(self.watermark).max()
        return None if highest is None else str(pl.Series([highest]).cast(pl.String)[0])

    def cut(self, transformed: Transformed, skipped_before: int) -> Transformed:
        """Return `transformed` without the events outside the window, which count as skipped."""
        events = transformed.events
        if self.since is not None:
            events = events.filter(pl.col("created_at") >= self.since)
        if self.until is not None:
            events = events.filter(pl.col("created_at") < self.until)
        left_out = transformed.events.height - events.height
        return replace(transformed, events=events, skipped=transformed.skipped + left_out + skipped_before)


EVERYTHING: Final = Window()


def job_window(job: Job, reached: str | None = None) -> Window:
    """Return the window of a job whose watermark has come as far as `reached`."""
    source = job.source
    return Window(source.since, source.until, source.watermark, reached)


def max_reached(first: str | None, second: str | None) -> str | None:
    """Return the higher of two watermarks; numbers compare as numbers, all else as text."""
    if first is None or second is None:
        return second if first is None else first
    try:
        return max(first, second, key=float)
    except ValueError:
        return max(first, second)


def drop_first(batches: Iterator[Batch], rows: int) -> Iterator[Batch]:
    """Yield `batches` without the first `rows` records of the file."""
    for batch in batches:
        if not rows:
            yield batch
            continue
        frame = batch.frame.filter(pl.col(ROW) > rows)
        malformed = tuple(record for record in batch.malformed if record.row > rows)
        if frame.height or malformed:
            yield Batch(frame, malformed)
