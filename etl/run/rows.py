"""From files to events and rejects: read and transform joined, several batches at once."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from etl.job.model import Job
from etl.read.source import Source, open_source
from etl.rows import MalformedRecord, Transformed, json_flag
from etl.transform.compile import compile_plan
from etl.transform.plan import Plan

__all__ = ["TransformedBatch", "open_rows", "transform_rows"]

# Polars leaves a core idle between the steps of a plan: two plans at once fill it.
PLANS_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class TransformedBatch:
    """What became of some consecutive records of the file at position `file` of the source."""

    file: int
    transformed: Transformed
    malformed: tuple[MalformedRecord, ...]


def open_rows(job: Job, started: datetime, *, with_source: bool = True, fetched: Path | None = None) -> tuple[Source, Plan]:
    """Open the job's files and compile its mapping for them; raises `InputError` and `JobError`.

    Remote files are fetched into `fetched`, or beside the job file. Without `with_source` the events don't carry their original columns, which takes a good part of the time.
    """
    source = open_source(job, fetched)
    flags = {name: json_flag(name) for name in source.schema} if source.has_json_flags else {}
    return source, compile_plan(job, source.schema, json_flags=flags, started=started, with_source=with_source)


def transform_rows(source: Source, plan: Plan, files: Iterator[int] | range) -> Iterator[TransformedBatch]:
    """Yield what becomes of the records of `files`, in order."""
    waiting: deque[tuple[int, tuple[MalformedRecord, ...], Future[Transformed]]] = deque()
    with ThreadPoolExecutor(PLANS_AT_ONCE, "transform") as pool:
        for file in files:
            for batch in source.batches(file):
                waiting.append((file, batch.malformed, pool.submit(plan.apply, batch.frame)))
                if len(waiting) > PLANS_AT_ONCE:
                    yield _take(waiting)
        while waiting:
            yield _take(waiting)


def _take(waiting: deque[tuple[int, tuple[MalformedRecord, ...], Future[Transformed]]]) -> TransformedBatch:
    file, malformed, transformed = waiting.popleft()
    return TransformedBatch(file, transformed.result(), malformed)
