"""The part of the Python API that yields a job's typed events, as its files and its mapping give them now.

Rule: as `etl.api`. Nothing is staged and nothing sent; memory holds a few thousand rows, whatever the files hold.
"""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import polars as pl

from etl.api_inspect import JobLike, job_of
from etl.errors import InputError
from etl.event import Event, parse_body
from etl.intake.batches import TransformedBatch, open_rows, transform_rows
from etl.intake.window import job_window
from etl.job.model import Job
from etl.state.place import JobPlace
from etl.values.reject import RejectCode
from etl.values.rows import malformed_frame

__all__ = ["EventReader", "RejectedRow", "RowsLeftOut", "events"]


class RowsLeftOut(UserWarning):
    """Some rows of a job became no event, and nobody asked to be told of each."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that becomes no event: where it is, why, and what stood there, by column or as the text of the record."""

    file: str
    row: int
    line: int | None
    code: RejectCode
    field: str
    column: str
    reason: str
    found: str | None
    source: dict[str, Any] | None
    raw: str | None


class EventReader(Iterator[Event]):
    """The typed events of a job, one after the other, and the books of the rows that were read for them so far.

    `read` rows became `yielded` events, `skipped` were left out by the filter or the window, and `rejected` counts by
    code those that become no event. Once all are read, read = yielded + skipped + all rejected.
    """

    def __init__(self, job: Job, on_reject: Callable[[RejectedRow], object] | None) -> None:
        self.read = 0
        self.yielded = 0
        self.skipped = 0
        self.rejected: Counter[RejectCode] = Counter()
        self._job, self._on_reject = job, on_reject
        self._events = self._find()

    def __iter__(self) -> "EventReader":
        """Return itself: it can be gone through once."""
        return self

    def __next__(self) -> Event:
        """Return the next event."""
        event = next(self._events)
        self.yielded += 1
        return event

    def close(self) -> None:
        """Read no further; what was opened is closed."""
        self._events.close()

    def _find(self) -> Generator[Event, None, None]:
        fetched = JobPlace.of(self._job, None, "").folder / "fetched"
        source, plans = open_rows(self._job, datetime.now(UTC), with_source=False, fetched=fetched)
        names = [file.name for file in source.files]
        for batch in transform_rows(source, plans, range(len(names)), window=job_window(self._job)):
            self.read += sum(batch.rows.values())
            self.skipped += batch.transformed.skipped
            self._take_rejects(batch, names)
            for file, row, body in batch.transformed.events.select("file", "row", "body").iter_rows():
                try:
                    event = parse_body(body)
                except RecursionError:
                    raise InputError(
                        f"Expected an event to hold, found one nested too deeply - {names[file]} row {row}",
                        "Leave the column that holds it out of [event]; a run does send it",
                    ) from None
                yield event
        if self.rejected and self._on_reject is None:
            codes = ", ".join(f"{code.value} {count:,}" for code, count in self.rejected.most_common())
            warnings.warn(
                f"{self.rejected.total():,} of {self.read:,} rows became no event: {codes}. "
                "See each: events(job, on_reject=print)",
                RowsLeftOut,
                stacklevel=3,
            )

    def _take_rejects(self, batch: TransformedBatch, names: list[str]) -> None:
        rejects = batch.transformed.rejects
        if batch.malformed:
            file = pl.lit(batch.file, pl.UInt32).alias("file")
            rejects = pl.concat([rejects, malformed_frame(batch.malformed).with_columns(file)]).sort("row")
        for found in rejects.iter_rows(named=True):
            row = _rejected_row(found, names)
            self.rejected[row.code] += 1
            if self._on_reject is not None:
                self._on_reject(row)


def events(job: JobLike, *, on_reject: Callable[[RejectedRow], object] | None = None) -> EventReader:
    """Return an iterator over the typed events that the rows of `job` become: what a run would send, in order.

    `on_reject` is called with each row that becomes no event; without it a `RowsLeftOut` warning at the end says how
    many there were, and `rejected` of the iterator counts them by code. Two rows of one id are two events here, of
    which a run sends one. Raises, when the first event is asked for, `JobError` and `InputError` as `validate` does.
    """
    return EventReader(job_of(job), on_reject)


def _rejected_row(found: dict[str, Any], names: list[str]) -> RejectedRow:
    source = found["source"]
    given = found | {
        "file": names[found["file"]],
        "code": RejectCode(found["code"]),
        "source": None if source is None else json.loads(source),
    }
    return RejectedRow(**{field.name: given[field.name] for field in fields(RejectedRow)})
