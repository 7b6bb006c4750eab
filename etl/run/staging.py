"""Stages what is new: from the job's files into a load that the ledger knows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from etl.errors import InputError
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.read.files import SourcePath, explain_os_error, fingerprint
from etl.run.mapping import mapping_fingerprint
from etl.run.rows import open_rows, transform_rows
from etl.stage.load import LoadWriter, Staged
from etl.staged import LoadKind, SourceFile, StagedLoad

__all__ = ["describe_load", "stage_new_rows"]


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
    prints = [_take_print(file) for file in source.files]
    new = _find_new(source.files, prints, ledger.known_files())
    if not new:
        return None
    number = ledger.next_load_number
    numbers_repeats = job.event.id.duplicates == "number"
    with LoadWriter(folder, number, numbers_repeats=numbers_repeats) as writer:
        read = rejected = 0
        for batch in transform_rows(source, plan, iter(new)):
            writer.add(new.index(batch.file), batch.transformed, batch.malformed)
            done = batch.transformed
            rejected += done.rejects.height + len(batch.malformed)
            read += done.events.height + done.rejects.height + done.skipped + len(batch.malformed)
            show(read, rejected)
        for index in new:
            _check_unchanged(source.files[index], prints[index])
        staged = writer.finish()
    files = tuple(
        replace(prints[index], rows=staged.rows_of_file.get(position, 0))
        for position, index in enumerate(new)
    )
    ledger.record_load(describe_load(number, "files", job, staged, files, wall_clock()))
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


def _take_print(file: SourcePath) -> SourceFile:
    found = fingerprint(file)
    return SourceFile(file.name, found.size, found.mtime_ns, found.sha256, 0)


def _find_new(
    files: tuple[SourcePath, ...], prints: list[SourceFile], known: dict[str, SourceFile]
) -> list[int]:
    """Return the positions of the files that no load has; raises `InputError` for one that changed since."""
    new: list[int] = []
    for position, (file, found) in enumerate(zip(files, prints, strict=True)):
        before = known.get(file.name)
        if before is None:
            new.append(position)
        elif before.sha256 != found.sha256:
            when = datetime.fromtimestamp(before.mtime_ns / 1e9, UTC)
            raise InputError(
                f"Expected the file as it was when it was staged ({before.size:,} bytes, {when:%Y-%m-%d %H:%M:%S} UTC), "
                f"found it changed ({found.size:,} bytes) - {file.name}",
                "Put the file back, or give the changed one a new name: its rows are then staged beside what was delivered",
            )
    return new


def _check_unchanged(file: SourcePath, before: SourceFile) -> None:
    try:
        state = file.path.stat()
    except OSError as error:
        raise explain_os_error(error, file) from None
    if (state.st_size, state.st_mtime_ns) != (before.size, before.mtime_ns):
        raise InputError(
            f"Expected the file to stay as it is while it is read, found it changed - {file.name}",
            "Wait until whatever writes it is done, then run the same command again",
        )
