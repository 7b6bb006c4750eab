"""Which files a job reads: globs, folders, remote objects, members of archives, sheets of workbooks."""

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from etl.errors import InputError
from etl.job.model import Job
from etl.read.archives.unpack import unpack
from etl.read.excel.sheets import choose_sheets
from etl.read.files import SourcePath, explain_os_error
from etl.read.globbing import find_names
from etl.read.inside import is_archive, split_inside
from etl.read.kinds import format_in_name, tell_kind
from etl.read.partitions import find_partitions
from etl.read.remote.fetch import Fetched
from etl.read.remote.pattern import fetch_pattern, is_remote

__all__ = ["resolve_files"]

LOCALE_FIX: Final = "Let names of files be UTF-8: unset PYTHONUTF8, or set LC_ALL=C.UTF-8, and run it again"


def resolve_files(job: Job, fetched: Path | None = None, *, unpacks: bool = True) -> tuple[SourcePath, ...]:
    """Return the files of the job, sorted within each pattern, each once; remote ones are fetched into `fetched`, and
    members of archives unpacked beside it. Without `unpacks` an archive is a file of its own, and nothing is written.

    Raises `InputError` where a pattern matches nothing or a file's kind can't be told, and what fetching and unpacking
    raise.
    """
    found: dict[tuple[Path, str | None], SourcePath] = {}
    folder = fetched or job.folder / ".backfill" / job.name / "fetched"
    shelf = folder.with_name("unpacked") if unpacks else None
    for pattern in job.source.paths:
        outer, inner = split_inside(pattern, job.folder)
        for item in fetch_pattern(outer, folder) if is_remote(outer) else _match(outer, job):
            known = {(item.path.resolve(), sheet) for sheet in (None, inner)}
            if known.isdisjoint(found):
                for file in _look_inside(item, inner, job, shelf):
                    found.setdefault((file.path.resolve(), file.sheet), file)
    return tuple(found.values())


def _look_inside(item: Fetched, inner: str | None, job: Job, shelf: Path | None) -> Iterator[SourcePath]:
    """Yield the file, or where it holds files or sheets those of it that `inner` means; files unpacked to `shelf`."""
    if is_archive(item.name, item.path, names_members=inner is not None):
        if shelf is None:
            yield SourcePath(item.name, item.path, "archive", None)
        else:
            yield from _look_into_archive(item, inner, job, shelf)
        return
    file = _describe(item, job)
    if file.format != "excel":
        yield file
        return
    try:
        sheets = choose_sheets(file.path, file.name, inner or job.source.sheet)
    except OSError as error:
        raise explain_os_error(error, file) from None
    for sheet in sheets:
        yield replace(file, name=f"{file.name}!{sheet}", sheet=sheet)


def _look_into_archive(item: Fetched, inner: str | None, job: Job, shelf: Path) -> Iterator[SourcePath]:
    pattern, sheet = split_inside(inner, job.folder) if inner is not None else (None, None)

    def is_data(name: str) -> bool:
        return bool(job.source.format) or format_in_name(name) is not None

    for member in unpack(item.path, item.name, pattern, shelf, is_data):
        name = f"{item.name}!{member.name}"
        if is_archive(member.name, member.path, names_members=False):
            raise InputError(
                f"Expected files in the archive, found an archive with files of its own - {name}",
                "Unpack the outer one first, and give the folder under [source] paths",
            )
        partitions = find_partitions(tuple(member.name.split("/")))
        yield from _look_inside(Fetched(name, member.path, None, partitions), sheet, job, shelf)


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
