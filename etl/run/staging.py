"""Stages what is new: from the job's files into a load that the ledger knows."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from etl.errors import InputError
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.read.files import Fingerprint, SourcePath, explain_os_error, fingerprint
from etl.read.source import Source
from etl.run.incremental import Take, find_new
from etl.run.mapping import mapping_fingerprint
from etl.run.rows import open_rows, transform_rows
from etl.run.window import job_window, max_reached
from etl.stage.load import LoadWriter, Staged
from etl.stage.parts import load_folder, read_ids_at
from etl.staged import LoadKind, SourceFile, StagedLoad

__all__ = ["describe_load", "find_delivered", "stage_new_rows"]

# How far the watermark column of the job has come, as text.
WATERMARK: Final = "watermark"


def stage_new_rows(
    job: Job,
    folder: Path,
    ledger: Ledger,
    show: Callable[[int, int], None],
    *,
    started: datetime,
    wall_clock: Callable[[], float],
) -> int | None:
    """Stage the rows that no load has yet, and return the load's number; None where there is nothing new.

    `show` is told how many rows are read so far, and how many of them are rejects.

    Raises `InputError` for files that are missing, unreadable, or changed since they were staged, `JobError` for a mapping that
    doesn't fit them, `StateError` where the disk won't have the parts.
    """
    source, plan = open_rows(job, started, fetched=folder / "fetched")
    takes = find_new(job, source.files, ledger.known_files())
    if not takes:
        return None
    number = ledger.next_load_number
    prints = {
        take.index: fingerprint(source.files[take.index], source.files[take.index].end) for take in takes
    }
    order = {take.index: position for position, take in enumerate(takes)}
    window = job_window(job, ledger.meta(WATERMARK))
    reached = ledger.meta(WATERMARK)
    with LoadWriter(
        folder,
        number,
        numbers_repeats=job.event.id.duplicates == "number",
        delivered_ids=find_delivered(folder, ledger),
    ) as writer:
        read = rejected = 0
        after = {take.index: take.after_row for take in takes}
        for batch in transform_rows(source, plan, order, window=window, after=after):
            writer.add(order[batch.file], batch.transformed, batch.malformed)
            done = batch.transformed
            rejected += done.rejects.height + len(batch.malformed)
            read += done.events.height + done.rejects.height + done.skipped + len(batch.malformed)
            reached = max_reached(reached, batch.reached)
            show(read, rejected)
        files = tuple(
            _conclude_file(source, take, prints[take.index], writer.rows_of_file(order[take.index]))
            for take in takes
        )
        if not writer.has_read and job.source.mode == "incremental":
            return None  # what was appended isn't a whole record yet
        staged = writer.finish()
    ledger.record_load(describe_load(number, "files", job, staged, files, wall_clock()))
    if reached is not None and job.source.watermark is not None:
        ledger.set_meta(WATERMARK, reached)
    return number


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
    )


def find_delivered(folder: Path, ledger: Ledger) -> list[Callable[[], pl.Series]]:
    """Return, for each part of each complete load, what reads the ids that were delivered from it.

    A row whose id is among them is a duplicate, whichever load had it first.
    """
    return [
        partial(read_ids_at, load_folder(folder, load.number), part.number, part.delivered)
        for load in ledger.loads()
        if load.state == "complete"
        for part in ledger.parts(load.number)
        if part.n_delivered
    ]


def _conclude_file(source: Source, take: Take, before: Fingerprint, rows: int) -> SourceFile:
    """Return what the ledger remembers of a file that was just read; raises `InputError` if it changed meanwhile."""
    file = source.files[take.index]
    size = source.read_size(take.index)
    if size is None:
        _check_unchanged(file, before)
        size, digest = before.size, before.sha256
    else:
        digest = fingerprint(file, size).sha256
    return SourceFile(file.name, size, before.mtime_ns, digest, take.after_row + rows)


def _check_unchanged(file: SourcePath, before: Fingerprint) -> None:
    try:
        state = file.path.stat()
    except OSError as error:
        raise explain_os_error(error, file) from None
    if (state.st_size, state.st_mtime_ns) != (before.size, before.mtime_ns):
        raise InputError(
            f"Expected the file to stay as it is while it is read, found it changed - {file.name}",
            "Wait until whatever writes it is done, then run the same command again",
        )
