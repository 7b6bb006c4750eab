"""Which files and rows no load has yet. Reads files only to tell whether they changed.

A file is known by its content: an unchanged one is never read again. In an incremental job one that grew is read for
its new rows; one that changed in place, shrank or vanished is an error that names it, or is taken as `on_change` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from etl.errors import InputError
from etl.job.model import Job
from etl.read.files import Fingerprint, SourcePath, fingerprint
from etl.read.growing import can_grow, rows_can_follow
from etl.values.staged import SourceFile

__all__ = ["Take", "find_new"]


@dataclass(frozen=True, slots=True)
class Take:
    """A file to stage: its position in the source, how many of its rows are staged already, its fingerprint."""

    index: int
    after_row: int = 0
    seen: Fingerprint | None = None


def find_new(
    job: Job,
    files: Sequence[SourcePath],
    known: Mapping[str, SourceFile],
    *,
    waiting: Sequence[SourcePath] = (),
    takes_all: bool = False,
) -> list[Take]:
    """Return what to stage of `files`; `known` is each file as its newest load saw it, by name.

    `waiting` are files of the source that hold no whole line. `takes_all`: also rows that an earlier load has read, as
    their window was narrower. Raises `InputError` for a file that changed in a way that the job doesn't allow.
    """
    takes = []
    for index, file in enumerate(files):
        before = known.get(file.name)
        if before is None:
            take = None if _is_half_written(job, file) else Take(index)
        else:
            take = _compare(job, index, file, before)
        if take is not None and (takes_all or not _is_unchanged(take, before)):
            takes.append(Take(index, 0, take.seen) if takes_all else take)
    for file in waiting:
        if before := known.get(file.name):
            _compare(job, -1, file, before)
    if job.source.mode == "incremental" and job.source.on_change == "error":
        _check_all_there({file.name for file in (*files, *waiting)}, known)
    return takes


def _compare(job: Job, index: int, file: SourcePath, before: SourceFile) -> Take | None:
    """Return which rows of a known file are to be taken, or None where the file is left for later."""
    now = fingerprint(file, file.end)
    if now.sha256 == before.sha256:
        return Take(index, before.rows, now)
    if job.source.mode == "incremental":
        keeps_start = can_grow(file) and fingerprint(file, before.size).sha256 == before.sha256
        if keeps_start and file.end is not None and now.size < before.size:
            return None  # what was staged is all there; the line after it is being written
        if keeps_start and rows_can_follow(file, job, before):
            _check_numbering(job, file)
            return Take(index, before.rows, now)
        if job.source.on_change != "error":
            return Take(index, 0, now) if job.source.on_change == "restage" else None
    raise InputError(
        f"Expected the file as it was when it was staged ({before.size:,} bytes, {_show(before.mtime_ns)}), "
        f"found it changed ({now.size:,} bytes) - {file.name}",
        _fix(job),
    )


def _is_unchanged(take: Take, before: SourceFile | None) -> bool:
    return take.seen is not None and before is not None and take.seen.sha256 == before.sha256


def _is_half_written(job: Job, file: SourcePath) -> bool:
    """Whether a new file must be left until it is whole: its repeats are numbered once and for all."""
    is_open = job.event.id.duplicates == "number" and file.end is not None
    return is_open and fingerprint(file, None).size != file.end


def _check_numbering(job: Job, file: SourcePath) -> None:
    if job.event.id.duplicates == "number":
        raise InputError(
            'Expected a file that is whole when it is staged, as `duplicates = "number"` needs, found it grown - '
            f"{file.name}",
            'Write new rows to new files, or set duplicates = "collapse" in `id`',
        )


def _check_all_there(names: set[str], known: Mapping[str, SourceFile]) -> None:
    for name in known:
        if name not in names:
            raise InputError(
                f"Expected the file that was staged before, found it gone - {name}",
                'Put it back, or say that files may go: on_change = "ignore" under [source]',
            )


def _fix(job: Job) -> str:
    named = "Put the file back, or give the changed one a new name: its rows are then staged beside what was delivered"
    if job.source.mode == "once":
        return f'{named}. For files that grow: mode = "incremental" under [source]'
    return f'{named}. Or say what is meant: on_change = "restage" or "ignore" under [source]'


def _show(mtime_ns: int) -> str:
    return f"{datetime.fromtimestamp(mtime_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
