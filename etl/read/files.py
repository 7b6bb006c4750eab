"""Which files a job reads: globs, folders, remote objects, fingerprints. Opens files, parses none."""

import glob
import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from etl.errors import InputError
from etl.job.model import Job
from etl.read.globbing import find_names
from etl.read.kinds import format_in_name, tell_kind
from etl.read.partitions import Partitions, find_partitions
from etl.read.remote.fetch import Fetched
from etl.read.remote.pattern import fetch_pattern, is_remote

__all__ = ["Fingerprint", "SourcePath", "explain_os_error", "fingerprint", "resolve_files"]

LOCALE_FIX = "Let names of files be UTF-8: unset PYTHONUTF8, or set LC_ALL=C.UTF-8, and run it again"


@dataclass(frozen=True, slots=True)
class SourcePath:
    """One file to read: `name` is how the job's reader knows it, `path` is where it is.

    `compression` is `gzip`, `zstd`, `bzip2`, `zip` or None; `partitions` are the columns its folders' names give;
    `etag` is what a remote store knew this version by. `end` is where its whole lines end (in bytes) while somebody is
    still writing it; None where all of it counts.
    """

    name: str
    path: Path
    format: str
    compression: str | None
    partitions: Partitions = ()
    etag: str | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file is recognised by: its size, modification time, SHA-256, and ETag where it is remote."""

    size: int
    mtime_ns: int
    sha256: str
    etag: str | None = None


def resolve_files(job: Job, fetched: Path | None = None) -> tuple[SourcePath, ...]:
    """Return the files of the job, sorted within each pattern, each once; remote ones are fetched into `fetched`.

    Raises `InputError` where a pattern matches nothing or a file's kind can't be told, and what fetching raises.
    """
    found: dict[Path, SourcePath] = {}
    folder = fetched or job.folder / ".backfill" / job.name / "fetched"
    for pattern in job.source.paths:
        for item in fetch_pattern(pattern, folder) if is_remote(pattern) else _match(pattern, job):
            if item.path.resolve() not in found:
                found[item.path.resolve()] = _describe(item, job)
    return tuple(found.values())


def fingerprint(source: SourcePath, size: int | None = None) -> Fingerprint:
    """Return the fingerprint of the file as it is now, or of its first `size` bytes.

    Raises `InputError` where it can't be read.
    """
    try:
        with source.path.open("rb") as file:
            state = os.fstat(file.fileno())
            digest = (
                hashlib.file_digest(file, "sha256").hexdigest() if size is None else _digest_start(file, size)
            )
    except OSError as error:
        raise explain_os_error(error, source) from None
    return Fingerprint(state.st_size if size is None else size, state.st_mtime_ns, digest, source.etag)


def explain_os_error(error: OSError, source: SourcePath) -> InputError:
    """Return the error a person reads for a file that can't be read to its end."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"Expected a file, found nothing - {source.name}", "Put the file back, or mend [source] paths"
        )
    if isinstance(error, PermissionError):
        return InputError(
            f"Expected a readable file, found: permission denied - {source.name}",
            f"Allow reading it: chmod u+r {source.path}",
        )
    if source.compression:
        return InputError(
            f"Expected whole {source.compression} data, found: {reason[:200]} - {source.name}",
            "Copy or export the file again: it is truncated or damaged",
        )
    return InputError(
        f"Expected a readable file, found: {reason[:200]} - {source.name}", "Check the file and its disk"
    )


def _digest_start(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(size, 1 << 20))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()


def _match(pattern: str, job: Job) -> Iterator[Fetched]:
    """Yield the local files that `pattern` means: a file, a glob, or a folder with all that it holds."""
    _check_encoding(pattern, job)
    if pattern.startswith("~"):
        pattern = os.path.expanduser(pattern)  # noqa: PTH111 - a name that isn't somebody's home stays as it is
    where = job.folder / pattern
    is_glob = glob.has_magic(pattern) and not where.exists()  # a name may hold brackets
    names = find_names(pattern, job.folder) if is_glob else [pattern]
    matches = [path for name in names if (path := job.folder / name).exists()]
    root = _fixed_part(where) if is_glob else where
    count = 0
    for match in matches:
        is_folder = match.is_dir()
        if is_folder and is_glob and "=" not in match.name:
            continue
        for path in _walk(match, job) if is_folder else (match,):
            count += 1
            yield Fetched(
                os.path.relpath(path, job.folder), path, None, find_partitions(path.relative_to(root).parts)
            )
    if not count:
        raise InputError(
            f"Expected files, found none that match `{pattern}` - [source] paths, {job.path}",
            _fix_for_no_match(job.folder, pattern),
        )


def _walk(folder: Path, job: Job) -> Iterable[Path]:
    """Return the data files under `folder`; names that start with a dot or underscore are bookkeeping."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    visible = [
        path
        for path in files
        if not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]
    return [path for path in visible if job.source.format or format_in_name(path.name)]


def _fixed_part(where: Path) -> Path:
    """Return the folders of a glob before its first wildcard."""
    fixed: list[str] = []
    for part in where.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _describe(item: Fetched, job: Job) -> SourcePath:
    unknown = SourcePath(item.name, item.path, "", None)
    try:
        item.name.encode()
        state = item.path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise InputError(
                f"Expected a regular file, found something else - {item.name}", "Save its content to a file"
            )
        if not state.st_size and job.source.mode == "incremental":
            return replace(unknown, partitions=item.partitions, etag=item.etag, end=0)
        kind = tell_kind(item.name, item.path, job.source.format)
    except OSError as error:
        raise explain_os_error(error, unknown) from None
    except UnicodeEncodeError:
        shown = os.fsencode(item.name).decode("utf-8", "replace")
        raise InputError(
            f"Expected a file name in UTF-8, found `{shown}` - [source] paths",
            "Rename the file" if sys.getfilesystemencoding() == "utf-8" else LOCALE_FIX,
        ) from None
    return SourcePath(item.name, item.path, kind.format, kind.compression, item.partitions, item.etag)


def _check_encoding(pattern: str, job: Job) -> None:
    """Raise `InputError` where the locale's encoding lacks a letter of the name: no file would ever match."""
    try:
        os.fsencode(pattern)
    except UnicodeEncodeError:
        raise InputError(
            f"Expected a locale that can name `{pattern}`, found one in {sys.getfilesystemencoding()} - "
            f"[source] paths, {job.path}",
            LOCALE_FIX,
        ) from None


def _fix_for_no_match(folder: Path, pattern: str) -> str:
    where = folder / pattern
    if where.is_dir():
        return f"The folder {PurePosixPath(pattern)} holds no file whose name tells its format: check both"
    parent = where.parent
    if glob.has_magic(str(parent)) or parent.is_dir():
        return f"Check the pattern; it is relative to the job file's folder, {folder}"
    return f"Check the folder: {parent} doesn't exist"
