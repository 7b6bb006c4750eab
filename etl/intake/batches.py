"""From files to events and rejects: read and transform joined, several batches at once, and many small files as one."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from etl.errors import JobError
from etl.intake.clock import NEVER, doubt_clock, writing_times
from etl.intake.joining import Placed, Stretch, gather
from etl.intake.plans import Plans, compile_plans
from etl.intake.watermark import Reached
from etl.intake.window import EVERYTHING, Window, drop_first
from etl.job.line_numbers import nearest_name, place_of
from etl.job.model import Job
from etl.read.source import Source, open_source
from etl.transform.plan import Plan
from etl.values.rows import Batch, MalformedRecord, Transformed

__all__ = ["TransformedBatch", "open_rows", "transform_rows"]

# Polars leaves a core idle between the steps of a plan: two plans at once fill it.
PLANS_AT_ONCE: Final = 2
# Events on their way to a part take several times the memory of their rows, and of those of a dry run.
MOST_STAGED_ROWS: Final = 16_384
NOTHING_BEFORE: Final[Mapping[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TransformedBatch:
    """What became of some consecutive records of the file at position `file` of the source, or of files from it on.

    Events and rejects say in `file` of which; `rows` is how many records there are of each. Malformed ones are of
    `file`, where it is the only one. `reached` is how far the watermark column came.
    """

    file: int
    transformed: Transformed
    malformed: tuple[MalformedRecord, ...]
    reached: Reached
    rows: Mapping[int, int]


class _Waiting(NamedTuple):
    stretch: Stretch
    work: Future[tuple[Transformed, Reached]]


def open_rows(
    job: Job,
    started: datetime,
    *,
    with_source: bool = True,
    is_dry: bool = False,
    fetched: Path | None = None,
    most_bytes: int | None = None,
) -> tuple[Source, Plans]:
    """Open the job's files and compile its mapping for them; raises `InputError` and `JobError`.

    Remote files are fetched into `fetched`, or beside the job file. Without `with_source` the events don't carry their
    original columns, which takes a good part of the time; in a dry run they carry digests that tell them apart for ids,
    which take another. With `most_bytes`, of text files only so much is looked at.
    """
    now = started.timestamp() if job.source.mode == "incremental" else None
    source = open_source(job, fetched, now=now, most_bytes=most_bytes)
    _check_watermark(job, source)
    start = NEVER if doubt_clock(started, writing_times(source.files)) else started
    return source, compile_plans(job, source, started=start, with_source=with_source, is_dry=is_dry)


def _check_watermark(job: Job, source: Source) -> None:
    name = job.source.watermark
    if name is not None and name not in source.schema:
        guess = nearest_name(name, source.schema)
        raise JobError(
            f"Expected a column of the source, found `{name}` - {place_of(job, 'source', 'watermark')}",
            f'Set watermark = "{guess or next(iter(source.schema), "updated_at")}", or leave it out',
        )


def transform_rows(
    source: Source,
    plans: Plans,
    files: Iterable[int],
    *,
    window: Window = EVERYTHING,
    after: Mapping[int, int] = NOTHING_BEFORE,
) -> Iterator[TransformedBatch]:
    """Yield what becomes of the records of `files`, in order: all of them, but the first `after[file]` of each.

    Events outside `window` count as skipped.
    """
    waiting: deque[_Waiting] = deque()
    # A dry run's batches are light, so that one more may wait while others are counted.
    most_waiting = PLANS_AT_ONCE + plans.is_dry
    with ThreadPoolExecutor(PLANS_AT_ONCE, "transform") as pool:
        for stretch in gather(_stretches(source, plans, files, after), plans, window):
            work = pool.submit(_apply, plans.of(stretch.file), stretch, window)
            waiting.append(_Waiting(stretch, work))
            if len(waiting) > most_waiting:
                yield _take(waiting)
        while waiting:
            yield _take(waiting)


def _stretches(
    source: Source, plans: Plans, files: Iterable[int], after: Mapping[int, int]
) -> Iterator[Stretch]:
    for file in files:
        for whole in drop_first(source.batches(file), after.get(file, 0)):
            for batch in [whole] if plans.is_dry else _split(whole):
                yield Stretch((Placed(file, batch.frame),), batch.malformed)


def _split(batch: Batch) -> Iterator[Batch]:
    """Return the batch in even parts of at most `MOST_STAGED_ROWS`."""
    height = batch.frame.height
    parts = max(1, -(-height // MOST_STAGED_ROWS))
    return batch.split(height * part // parts for part in range(1, parts + 1))


def _apply(plan: Plan, stretch: Stretch, window: Window) -> tuple[Transformed, Reached]:
    kept = window.drop_old(stretch.frame())
    done = window.cut(plan.apply(kept.frame), kept.dropped)
    return replace(done, events=stretch.place(done.events), rejects=stretch.place(done.rejects)), kept.reached


def _take(waiting: deque[_Waiting]) -> TransformedBatch:
    stretch, work = waiting.popleft()
    # A job's own function may never end: then a signal ends the process (`etl.interrupt`).
    transformed, reached = work.result()
    return TransformedBatch(stretch.file, transformed, stretch.malformed, reached, stretch.rows())
