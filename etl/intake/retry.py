"""Stages rejects again, as a load of their own: rows keep their file and row number, and no reject is taken twice.

The load's folder says which rejects it took, and the ledger that the load is there: so the two are true at once, and
whatever becomes of a row is told by its newest load alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import polars as pl

from etl.errors import InputError
from etl.intake.clock import NEVER, doubt_clock, writing_times
from etl.intake.delivered import find_delivered
from etl.intake.plans import compile_plans
from etl.intake.records import format_of, has_json, text_frame, typed_frame
from etl.intake.staging import describe_load
from etl.intake.taking import RetryRequest, TakenRow, take_rejects
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.read.files import fingerprint
from etl.read.kinds import TYPED
from etl.read.source import Source, open_source
from etl.stage.load import LoadWriter, OnCorrection
from etl.state.corrections import note_corrections
from etl.state.place import JobPlace
from etl.state.rejects import TAKEN_SCHEMA, count_rejects
from etl.transform.compile import compile_plan
from etl.values.reject import RejectCode
from etl.values.rows import Transformed, json_flag
from etl.values.staged import SourceFile

__all__ = ["Rehearsal", "RetryRequest", "StagedRetry", "rehearse_retry", "stage_retry", "transform_taken"]

ROWS_AT_ONCE: Final = 8_192


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
    job: Job,
    place: JobPlace,
    ledger: Ledger,
    request: RetryRequest,
    *,
    started: datetime,
    wall_clock: Callable[[], float],
) -> StagedRetry:
    """Stage the rejects that `request` means; raises `InputError`, `JobError` and `StateError` as staging does."""
    taken = take_rejects(job, place, ledger, request)
    if not taken.rows:
        return StagedRetry(None, tuple(taken.notes()), tuple(taken.left), tuple(taken.undone))
    number = ledger.next_load_number
    files = sorted({row.key.file for row in taken.rows})
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
        writer.note_taken(pl.DataFrame([row.key for row in taken.rows], schema=TAKEN_SCHEMA, orient="row"))
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
    done = [transformed for _, transformed in transform_taken(job, place.folder, ledger, taken.rows, started)]
    return Rehearsal(
        taken=len(taken.rows),
        events=sum(transformed.events.height for transformed in done),
        skipped=sum(transformed.skipped for transformed in done),
        rejects=count_rejects(transformed.rejects for transformed in done),
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
    job: Job, folder: Path, ledger: Ledger, rows: list[TakenRow], started: datetime
) -> Iterator[tuple[str, Transformed]]:
    """Yield what becomes of the rows, file by file, by row number."""
    text = [row for row in rows if format_of(job, row.key.file) not in TYPED]
    typed = [row for row in rows if format_of(job, row.key.file) in TYPED]
    yield from _transform_text(job, text, started)
    yield from _transform_typed(job, folder / "fetched", ledger, typed, started)


def _transform_text(job: Job, rows: list[TakenRow], started: datetime) -> Iterator[tuple[str, Transformed]]:
    if not rows:
        return
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    flagged = has_json(job, ((row.key.file, row.values) for row in rows))
    flags = {name: json_flag(name) for name in columns} if flagged else {}
    start = NEVER if doubt_clock(started, ()) else started
    plan = compile_plan(job, dict.fromkeys(columns, pl.String()), json_flags=flags, started=start)
    for file, some in _by_file(rows):
        for at in range(0, len(some), ROWS_AT_ONCE):
            numbered = [(row.key.row, row.values) for row in some[at : at + ROWS_AT_ONCE]]
            yield file, plan.apply(text_frame(job, file, numbered, columns, json_flags=flagged))


def _transform_typed(
    job: Job, fetched: Path, ledger: Ledger, rows: list[TakenRow], started: datetime
) -> Iterator[tuple[str, Transformed]]:
    """Typed values are read again from the file itself: no text of them gives back every one exactly."""
    if not rows:
        return
    source = open_source(job, fetched)
    start = NEVER if doubt_clock(started, writing_times(source.files)) else started
    plans = compile_plans(job, source, started=start)
    known = ledger.known_files()
    for file, some in _by_file(rows):
        index = _find_unchanged(source, known[file])
        yield (
            file,
            plans.of(index).apply(
                typed_frame(source, index, [(row.key.row, row.values, row.edited) for row in some])
            ),
        )


def _by_file(rows: list[TakenRow]) -> Iterator[tuple[str, list[TakenRow]]]:
    def place(row: TakenRow) -> tuple[str, int]:
        return row.key.file, row.key.row

    for file, some in groupby(sorted(rows, key=place), key=lambda row: row.key.file):
        yield file, list(some)


def _find_unchanged(source: Source, before: SourceFile) -> int:
    for index, file in enumerate(source.files):
        if file.name == before.path and fingerprint(file).sha256 == before.sha256:
            return index
    raise InputError(
        f"Expected the file as it was when it was staged, found it gone or changed - {before.path}",
        "Put it back: the typed values of its rows are read from it again",
    )
