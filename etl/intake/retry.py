"""Stages rejects again, as a load of their own: rows keep their file and row number, and no reject is taken twice.

The load's folder says which rejects it took, and the ledger that the load is there: so the two are true at once, and
whatever becomes of a row is told by its newest load alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from etl.errors import InputError
from etl.intake.clock import NEVER, doubt_clock, writing_times
from etl.intake.delivered import find_delivered
from etl.intake.plans import compile_plans
from etl.intake.records import format_of, has_json, text_frame, typed_frames
from etl.intake.staging import describe_load
from etl.intake.taken_rows import TakenRows
from etl.intake.taking import RetryRequest, take_rejects
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.read.files import fingerprint
from etl.read.kinds import TYPED
from etl.read.source import Source, open_source
from etl.stage.load import LoadWriter, OnCorrection
from etl.state.corrections import note_corrections
from etl.state.open_job import OpenJob
from etl.state.place import JobPlace
from etl.state.rejects import add_counts, count_rejects
from etl.transform.compile import compile_plan
from etl.values.reject import RejectCode
from etl.values.rows import Transformed, json_flag
from etl.values.staged import SourceFile

__all__ = ["Rehearsal", "RetryRequest", "StagedRetry", "rehearse_retry", "stage_retry", "transform_taken"]


@dataclass(frozen=True, slots=True)
class StagedRetry:
    """The load that was staged, None where there was nothing to try again; and what a person should know.

    `left_out` are the rejects that couldn't be taken up, `undone` the cells that were kept as they were, each with its
    reason.
    """

    load: int | None
    notes: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a retry would do: how many rejects it would try again, send, skip, and reject once more by code."""

    taken: int
    events: int
    skipped: int
    rejects: dict[str, int]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    undone: tuple[str, ...]


def stage_retry(
    opened: OpenJob,
    request: RetryRequest,
    *,
    started: datetime,
    wall_clock: Callable[[], float],
) -> StagedRetry:
    """Stage the rejects that `request` means; raises `InputError`, `JobError` and `StateError` as staging does."""
    job, place, ledger = opened.job, opened.place, opened.ledger
    taken = take_rejects(job, place, ledger, request)
    if not taken.rows:
        return StagedRetry(None, tuple(taken.notes()), tuple(taken.left), tuple(taken.undone))
    number = ledger.next_load_number
    files = taken.rows.files
    numbers_repeats = job.event.id.duplicates == "number"
    # The repeats among the rejects are numbered afresh, so that an id of theirs may be that of another row.
    delivered_ids = [] if numbers_repeats else find_delivered(job, place.folder, ledger)
    with LoadWriter(
        place.folder,
        number,
        numbers_repeats=numbers_repeats,
        delivered_ids=delivered_ids,
        on_correction=_on_correction(job, request),
    ) as writer:
        for file, transformed in transform_taken(job, place.folder, ledger, taken.rows, started):
            writer.add(files.index(file), transformed, ())
        writer.note_taken(taken.rows.keys)
        staged = writer.finish()
    if staged.read != len(taken.rows):
        raise AssertionError(f"load {number}: took {len(taken.rows)} rejects, staged {staged.read}")
    known = ledger.known_files()
    described = tuple(
        replace(known[file], rows=staged.rows_of_file.get(at, 0)) for at, file in enumerate(files)
    )
    note_corrections(ledger, number, staged.corrections, files)
    ledger.record_load(describe_load(number, "retry", job, staged, described, wall_clock()))
    return StagedRetry(number, tuple(taken.notes()), tuple(taken.left), tuple(taken.undone))


def rehearse_retry(
    job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest, *, started: datetime
) -> Rehearsal:
    """Return what `stage_retry` would come to, and stage nothing."""
    taken = take_rejects(job, place, ledger, request)
    events = skipped = 0
    rejects: list[dict[str, int]] = []
    for _, done in transform_taken(job, place.folder, ledger, taken.rows, started):
        events += done.events.height
        skipped += done.skipped
        rejects.append(count_rejects([done.rejects]))
    return Rehearsal(
        taken=len(taken.rows),
        events=events,
        skipped=skipped,
        rejects=add_counts(rejects),
        notes=tuple(taken.notes()),
        left_out=tuple(taken.left),
        undone=tuple(taken.undone),
    )


def _on_correction(job: Job, request: RetryRequest) -> OnCorrection:
    """Return what becomes of a row whose id was delivered with another content.

    A reject may be older than what was delivered since, so that it goes out only where it was held back for its
    content.
    """
    if request.corrections:
        return "send"
    mode = job.source.on_correction
    return "report" if mode == "send" and request.code != RejectCode.CONFLICT else mode


def transform_taken(
    job: Job, folder: Path, ledger: Ledger, rows: TakenRows, started: datetime
) -> Iterator[tuple[str, Transformed]]:
    """Yield what becomes of the rows, file by file, by row number, some at a time."""
    typed = [file for file in rows.files if format_of(job, file) in TYPED]
    text = [file for file in rows.files if file not in typed]
    if text:
        yield from _transform_text(job, rows.of_files(text), started)
    if typed:
        yield from _transform_typed(job, folder / "fetched", ledger, rows.of_files(typed), started)


def _transform_text(job: Job, rows: TakenRows, started: datetime) -> Iterator[tuple[str, Transformed]]:
    columns = rows.columns()
    flagged = has_json(job, rows.files)
    flags = {name: json_flag(name) for name in columns} if flagged else {}
    start = NEVER if doubt_clock(started, ()) else started
    plan = compile_plan(job, dict.fromkeys(columns, pl.String()), json_flags=flags, started=start)
    for file, some in rows.chunks():
        numbered = [(row.key.row, row.values) for row in some]
        yield file, plan.apply(text_frame(job, file, numbered, columns, json_flags=flagged))


def _transform_typed(
    job: Job, fetched: Path, ledger: Ledger, rows: TakenRows, started: datetime
) -> Iterator[tuple[str, Transformed]]:
    """Typed values are read again from the file itself: no text of them gives back every one exactly."""
    source = open_source(job, fetched)
    start = NEVER if doubt_clock(started, writing_times(source.files)) else started
    plans = compile_plans(job, source, started=start)
    known = ledger.known_files()
    for file in rows.files:
        index = _find_unchanged(source, known[file])
        some = rows.of_files([file])
        edits = [(row.key.row, row.values, row.edited) for row in some.edits()]
        for frame in typed_frames(source, index, some.numbers(), edits):
            yield file, plans.of(index).apply(frame)


def _find_unchanged(source: Source, before: SourceFile) -> int:
    for index, file in enumerate(source.files):
        if file.name == before.path and fingerprint(file).sha256 == before.sha256:
            return index
    raise InputError(
        f"Expected the file as it was when it was staged, found it gone or changed - {before.path}",
        "Put it back: the typed values of its rows are read from it again",
    )
