"""Which files and rows no load has yet. Pure, but for the fingerprints it asks for.

A file is known by its content: an unchanged one is never read again. In an incremental job one that grew is read for its new
rows; one that changed in place, shrank or vanished is an error that names it, or is taken as `on_change` says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from etl.errors import InputError
from etl.job.model import Job
from etl.read.files import Fingerprint, SourcePath, fingerprint
from etl.read.growing import can_grow
from etl.staged import SourceFile

__all__ = ["Take", "find_new"]


@dataclass(frozen=True, slots=True)
class Take:
    """A file to stage: its position in the source, and how many of its first rows an earlier load has."""

    index: int
    after_row: int = 0


def find_new(
    job: Job,
    files: Sequence[SourcePath],
    known: Mapping[str, SourceFile],
    take_print: Callable[[SourcePath, int | None], Fingerprint] = fingerprint,
) -> list[Take]:
    """Return what to stage of `files`; `known` is each file as its newest load saw it, by name.

    Raises `InputError` for a file that changed in a way that the job doesn't allow.
    """
    takes = [
        take for index, file in enumerate(files) if (take := _compare(job, index, file, known, take_print))
    ]
    if job.source.mode == "incremental" and job.source.on_change == "error":
        names = {file.name for file in files}
        for name in known:
            if name not in names:
                raise InputError(
                    f"Expected the file that was staged before, found it gone - {name}",
                    'Put it back, or say that files may go: on_change = "ignore" under [source]',
                )
    return takes


def _compare(
    job: Job,
    index: int,
    file: SourcePath,
    known: Mapping[str, SourceFile],
    take_print: Callable[[SourcePath, int | None], Fingerprint],
) -> Take | None:
    before = known.get(file.name)
    if before is None:
        return Take(index)
    now = take_print(file, file.end)
    if now.sha256 == before.sha256:
        return None
    if job.source.mode == "incremental":
        has_grown = can_grow(file) and now.size > before.size
        if has_grown and take_print(file, before.size).sha256 == before.sha256:
            return _take_new_rows(job, index, file, before)
        if (
            file.end is not None
            and now.size < before.size
            and take_print(file, before.size).sha256 == before.sha256
        ):
            return None  # what was staged is all there; the line after it is being written
        if job.source.on_change != "error":
            return Take(index) if job.source.on_change == "restage" else None
    raise InputError(
        f"Expected the file as it was when it was staged ({before.size:,} bytes, {_show(before.mtime_ns)}), "
        f"found it changed ({now.size:,} bytes) - {file.name}",
        _fix(job),
    )


def _take_new_rows(job: Job, index: int, file: SourcePath, before: SourceFile) -> Take:
    if job.event.id.duplicates == "number":
        raise InputError(
            f'Expected a file that is whole when it is staged, as `duplicates = "number"` needs, found it grown - {file.name}',
            'Write new rows to new files, or set duplicates = "collapse" in `id`',
        )
    return Take(index, before.rows)


def _fix(job: Job) -> str:
    named = "Put the file back, or give the changed one a new name: its rows are then staged beside what was delivered"
    if job.source.mode == "once":
        return f'{named}. For files that grow: mode = "incremental" under [source]'
    return f'{named}. Or say what is meant: on_change = "restage" or "ignore" under [source]'


def _show(mtime_ns: int) -> str:
    return f"{datetime.fromtimestamp(mtime_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
