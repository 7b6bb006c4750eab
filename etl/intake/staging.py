"""Stages what is new: from the job's files into a load that the ledger knows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import polars as pl

from etl.errors import InputError
from etl.intake.batches import TransformedBatch, open_rows, transform_rows
from etl.intake.clock import doubt_clock, writing_times
from etl.intake.delivered import find_delivered, note_came_again
from etl.intake.filters import note_filter, of_skipped
from etl.intake.fingerprint import mapping_fingerprint
from etl.intake.hopeless import check_hope
from etl.intake.incremental import Take, find_new
from etl.intake.plans import Plans
from etl.intake.watermark import NOWHERE, Reached
from etl.intake.window import ANY_TIME, Window, job_window
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.read.files import Fingerprint, SourcePath, explain_os_error, fingerprint
from etl.read.growing import NoWholeLine
from etl.read.source import Source
from etl.stage.load import LoadWriter, Staged
from etl.state.corrections import note_corrections
from etl.state.open_job import OpenJob
from etl.values.extent import Span, Watermark
from etl.values.rows import Transformed
from etl.values.staged import LoadKind, SourceFile, StagedLoad

__all__ = ["StagedNow", "describe_load", "stage_new_rows"]


class StagedNow(NamedTuple):
    """The number of the load that was staged, or None where nothing was new, and how many files were read."""

    load: int | None
    files: int
    clock_doubt: str | None = None


def stage_new_rows(
    opened: OpenJob,
    show: Callable[[int, int], None],
    *,
    started: datetime,
    wall_clock: Callable[[], float],
    take_skipped: bool = False,
) -> StagedNow:
    """Stage the rows that no load has yet. With `take_skipped`, also rows of known files that an earlier filter
    skipped.

    `show` is told how many rows are read so far, and how many of them are rejects.

    Raises `InputError` for files that are missing, unreadable, or changed since they were staged, `JobError` for a
    mapping that doesn't fit them, `StateError` where the disk won't have the parts.
    """
    job, folder, ledger = opened.job, opened.folder, opened.ledger
    known = ledger.known_files()
    reads = of_skipped(job, ledger) if take_skipped else job
    if reads is None:
        return StagedNow(None, len(known))
    try:
        source, plans = open_rows(reads, started, fetched=folder / "fetched")
    except NoWholeLine as nothing:
        find_new(job, (), known, waiting=nothing.waiting)  # raises where there was more before
        return StagedNow(None, len(nothing.waiting))
    seen = _span_seen(ledger) if known else ANY_TIME
    span = Span(job.source.since, job.source.until)
    widens = not span.within(seen)
    takes_all = take_skipped or widens
    takes = find_new(job, source.files, known, waiting=source.waiting, takes_all=takes_all)
    if take_skipped:
        # What is new of a file must not count as skipped: the next run takes it first.
        takes = [take for take in takes if _is_staged(take, source, known)]
    before = _reached(job, ledger)
    window = job_window(job, NOWHERE if takes_all else before)
    number = ledger.next_load_number
    batches = _batches(source, plans, takes, window, skips_malformed=take_skipped)
    written = _write_load(opened, number, source, batches, takes, show) if takes else None
    if written is None:
        return StagedNow(None, len(source.files) + len(source.waiting))
    # Before the load is there: what it left out must never be taken for read.
    ledger.notes.span.put(number, span if widens else span.narrowed_by(seen))
    note_filter(ledger, number, job)
    names = [file.path for file in written.files]
    note_corrections(ledger, number, written.staged.corrections, names)
    note_came_again(job, folder, ledger, number, written.staged.came_again, names)
    ledger.record_load(describe_load(number, "files", job, written.staged, written.files, wall_clock()))
    # Killed before this, the next run reads more than it needs, and finds duplicates.
    if job.source.watermark is not None:
        reached = before.up_to(written.reached.no_later_than(started))
        ledger.notes.watermark.put(number, Watermark(job.source.watermark, *reached))
    return StagedNow(number, len(takes), doubt_clock(started, writing_times(source.files)))


def _is_staged(take: Take, source: Source, known: Mapping[str, SourceFile]) -> bool:
    before = known.get(source.files[take.index].name)
    return before is not None and take.seen is not None and take.seen.sha256 == before.sha256


class _Written(NamedTuple):
    staged: Staged
    files: tuple[SourceFile, ...]
    reached: Reached


def _write_load(
    opened: OpenJob,
    number: int,
    source: Source,
    batches: Iterable[TransformedBatch],
    takes: list[Take],
    show: Callable[[int, int], None],
) -> _Written | None:
    """Write `batches`, what becomes of the rows of `takes`; None where what was appended is no whole record yet."""
    job = opened.job
    prints = [
        take.seen or fingerprint(source.files[take.index], source.files[take.index].end) for take in takes
    ]
    order = {take.index: position for position, take in enumerate(takes)}
    read, rejected, reached = 0, 0, NOWHERE
    with LoadWriter(
        opened.folder,
        number,
        numbers_repeats=job.event.id.duplicates == "number",
        delivered_ids=find_delivered(job, opened.folder, opened.ledger),
        on_correction=job.source.on_correction,
        has_little_room=source.keeps_much,
    ) as writer:
        for batch in batches:
            done = batch.transformed
            if batch.malformed:
                writer.add(order[batch.file], done, batch.malformed)
            else:
                writer.add_placed(
                    _renumber_files(done, order), {order[file]: n for file, n in batch.rows.items()}
                )
            rejected += done.rejects.height + len(batch.malformed)
            read += sum(batch.rows.values())
            reached = reached.up_to(batch.reached)
            show(read, rejected)
            check_hope(read, rejected, job.limits.max_rejects, job.path)
        files = tuple(
            _conclude_file(source, take, seen, writer.rows_of_file(position))
            for position, (take, seen) in enumerate(zip(takes, prints, strict=True))
        )
        if not writer.has_read and job.source.mode == "incremental":
            return None
        return _Written(writer.finish(), files, reached)


def _batches(
    source: Source, plans: Plans, takes: list[Take], window: Window, *, skips_malformed: bool
) -> Iterator[TransformedBatch]:
    """Yield the rows of `takes`, transformed; `skips_malformed` leaves out records that an earlier load rejected."""
    after = {take.index: take.after_row for take in takes}
    for batch in transform_rows(source, plans, after, window=window, after=after):
        if skips_malformed and batch.malformed:
            skipped = batch.transformed.skipped + len(batch.malformed)
            yield replace(batch, transformed=replace(batch.transformed, skipped=skipped), malformed=())
        else:
            yield batch


def _renumber_files(done: Transformed, order: Mapping[int, int]) -> Transformed:
    """Return `done` with each file's position in the load for that in the source."""
    if all(file == position for file, position in order.items()):
        return done
    position = pl.col("file").replace_strict(list(order), list(order.values()), return_dtype=pl.UInt32)
    return replace(
        done, events=done.events.with_columns(position), rejects=done.rejects.with_columns(position)
    )


def _reached(job: Job, ledger: Ledger) -> Reached:
    """Return how far the watermark column has come, by the newest load that noted it and wasn't discarded."""
    for load in reversed(ledger.loads()):
        noted = ledger.notes.watermark.of(load.number)
        if noted is not None and noted.column == job.source.watermark:
            return Reached(noted.number, noted.micros)
    return NOWHERE


def _span_seen(ledger: Ledger) -> Span:
    """Return the span of which every row of the known files has been read; all of it where no load noted one."""
    for load in reversed(ledger.loads()):
        if (span := ledger.notes.span.of(load.number)) is not None:
            return span
    return ANY_TIME


def describe_load(
    number: int, kind: LoadKind, job: Job, staged: Staged, files: tuple[SourceFile, ...], now: float
) -> StagedLoad:
    """Return what the ledger records of a load that was staged at `now`."""
    return StagedLoad(
        number=number,
        kind=kind,
        staged_at=now,
        read=staged.read,
        skipped=staged.skipped,
        rejected=staged.rejected,
        files=files,
        parts=staged.parts,
        mapping=mapping_fingerprint(job),
        ids_digest=staged.ids_digest,
        kept=staged.kept,
    )


def _conclude_file(source: Source, take: Take, before: Fingerprint, rows: int) -> SourceFile:
    """Return what the ledger remembers of a file that was just read; raises `InputError` if it changed meanwhile."""
    file = source.files[take.index]
    size = source.read_size(take.index)
    if size is None:
        _check_unchanged(file, before)
        size, digest = before.size, before.sha256
    else:
        digest = fingerprint(file, before.size).sha256
        if digest != before.sha256:
            raise _changed_meanwhile(file)
        if size != before.size:
            digest = fingerprint(file, size).sha256
    return SourceFile(file.name, size, before.mtime_ns, digest, take.after_row + rows)


def _check_unchanged(file: SourcePath, before: Fingerprint) -> None:
    try:
        state = file.path.stat()
    except OSError as error:
        raise explain_os_error(error, file) from None
    if (state.st_size, state.st_mtime_ns) != (before.size, before.mtime_ns):
        raise _changed_meanwhile(file)


def _changed_meanwhile(file: SourcePath) -> InputError:
    return InputError(
        f"Expected the file to stay as it is while it is read, found it changed - {file.name}",
        "Wait until whatever writes it is done, then run the same command again",
    )
