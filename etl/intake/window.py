"""Which rows of a source are wanted this time: by their number, by their time, by a watermark. Pure.

What is left out counts as skipped, so that the books show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import polars as pl

from etl.intake.watermark import NOWHERE, Reached, order_keys
from etl.job.model import Job
from etl.values.extent import Span
from etl.values.rows import ROW, Batch, Transformed

__all__ = ["ANY_TIME", "EVERYTHING", "Kept", "Window", "drop_first", "job_window"]


class Kept(NamedTuple):
    """The rows of a frame that reach the watermark, how many don't, and how far it came."""

    frame: pl.DataFrame
    dropped: int
    reached: Reached


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows are wanted: events in `span`, and values of the column `watermark` not below `reached`."""

    span: Span
    watermark: str | None = None
    reached: Reached = NOWHERE

    def drop_old(self, frame: pl.DataFrame) -> Kept:
        """Return the rows that aren't below the watermark."""
        if self.watermark is None:
            return Kept(frame, 0, NOWHERE)
        keys = order_keys(frame.get_column(self.watermark))
        kept = frame.filter(~self.reached.is_old(keys))
        return Kept(kept, frame.height - kept.height, Reached.of(keys))

    def cut(self, transformed: Transformed, dropped: int) -> Transformed:
        """Return `transformed` without the events outside the span, which count as skipped, as `dropped` rows do."""
        events = transformed.events
        if self.span.since is not None:
            events = events.filter(pl.col("created_at") >= self.span.since)
        if self.span.until is not None:
            events = events.filter(pl.col("created_at") < self.span.until)
        left_out = transformed.events.height - events.height
        return replace(transformed, events=events, skipped=transformed.skipped + left_out + dropped)


ANY_TIME: Final = Span()
EVERYTHING: Final = Window(ANY_TIME)


def job_window(job: Job, reached: Reached = NOWHERE) -> Window:
    """Return the window of a job whose watermark has come as far as `reached`."""
    source = job.source
    return Window(Span(source.since, source.until), source.watermark, reached)


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
