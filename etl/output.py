"""Files that a person names, as with `-o`: written whole or not at all.

Unlike the state's own files they may be reached by a symlink, and be a pipe or a device, which can only be written
through.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal

from etl.errors import StateError
from etl.private import replace_private

__all__ = ["REPORT_FORMS", "ReportForm", "check_output", "form_in_name", "open_output", "write_output"]

ReportForm = Literal["jsonl", "csv", "parquet"]
# How reports are written, by the suffix of their files.
REPORT_FORMS: Final[dict[str, ReportForm]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}


def form_in_name(path: Path) -> ReportForm | None:
    """Return how a report is written that a person names so; None where the name doesn't say it."""
    return REPORT_FORMS.get(path.suffix.lower())


@contextmanager
def open_output(path: Path, what: str, *, shared: bool = False) -> Iterator[BinaryIO]:
    """Lend the file that becomes the one at `path` once the block ends well; raises `StateError`, which calls it
    `what`.

    It is for the owner alone, for reports hold what the rows hold; a `shared` one has the mode that the umask says.
    """
    try:
        target = _find_target(path)
        if target is None:
            with _open_stream(path) as out:
                yield out
            return
        with replace_private(target, durable=False) as out:
            if shared:
                os.fchmod(out.fileno(), 0o666 & ~_umask())
            yield out
    except OSError as error:
        raise _explain(error, path, what) from None


def write_output(path: Path, text: str, what: str, *, shared: bool = False) -> None:
    """Write `text` to the file at `path`; otherwise as `open_output`."""
    with open_output(path, what, shared=shared) as out:
        out.write(text.encode(errors="replace"))


def check_output(path: Path | None, what: str) -> None:
    """Raise `StateError`, before any work, where the file at `path` can't be written as far as can be told."""
    if path is None:
        return
    try:
        target = _find_target(path)
        if target is not None and not target.parent.is_dir():
            number = errno.ENOTDIR if target.parent.exists() else errno.ENOENT
            raise OSError(number, os.strerror(number))
        if not os.access(path if target is None else target.parent, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _explain(error, path, what) from None


def _find_target(path: Path) -> Path | None:
    """Return the file to put in place, symlinks followed; None where there is a pipe or a device. Raises OSError."""
    if path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid()):
        raise OSError(errno.EPERM, "a symlink of another user")
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    if stat.S_ISDIR(kind):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    return Path(os.path.realpath(path)) if stat.S_ISREG(kind) else None


def _open_stream(path: Path) -> BinaryIO:
    # A pipe that nobody reads would hold us for ever.
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    os.set_blocking(handle, True)
    return os.fdopen(handle, "wb")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _explain(error: OSError, path: Path, what: str) -> StateError:
    return StateError(
        f"Expected to write {what}, found: {error.strerror or error} - {path}", _fix(error, path)
    )


def _fix(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError) and path.parent != Path():
        return f"Make the folder, mkdir -p {path.parent}, or name another place"
    return "Name another place"
