"""Private places on disk: folders made with mode 0700, files of mode 0600, whatever the umask.

A symlink where one of them goes is refused or replaced, never followed: it could lead a write anywhere. What is checked
here stays true afterwards, because only the owner can change what a folder of mode 0700 holds. A folder that was there
before keeps its mode: somebody may have others look into it, and the files of ours in it are the owner's alone.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from etl.errors import StateError

__all__ = [
    "absolute_folder",
    "create_private_file",
    "explain_os_error",
    "has_private_file",
    "make_private_folder",
    "open_private",
    "replace_private",
    "sync_folder",
]

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_RUN_AGAIN = (
    "then run the same command again: what was recorded is safe, and only events answered in the last moments "
    "may be sent again, with the same ids"
)


def make_private_folder(folder: Path) -> None:
    """Make `folder` and the folders above it, those that are missing for the owner alone; raises StateError."""
    folder = absolute_folder(folder)
    try:
        missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
        for place in reversed(missing):
            _make_folder(place)
        _check_kind(folder, folder.lstat(), stat.S_IFDIR)
    except OSError as error:
        raise explain_os_error(error, folder) from error


def absolute_folder(folder: Path) -> Path:
    """Return the whole path of `folder`; raises StateError where it hangs on a working directory that was deleted."""
    try:
        return folder.absolute()
    except OSError as error:
        raise StateError(
            f"Expected a working directory, found: {error.strerror} - {folder}",
            "Change to a folder that is there, or name the whole path, and run it again",
        ) from None


def has_private_file(path: Path) -> bool:
    """Whether `path` is there, made private if it wasn't; raises StateError if it is not a regular file."""
    try:
        # Never opened here: closing any handle of a file drops the locks that SQLite holds on it.
        found = path.lstat()
        _check_kind(path, found, stat.S_IFREG)
        if stat.S_IMODE(found.st_mode) != 0o600:
            path.chmod(0o600)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise explain_os_error(error, path) from error
    return True


def open_private(path: Path) -> BinaryIO:
    """Return a new, empty file at `path`, open to write and read; one that is there is replaced. Raises OSError."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "w+b")


def create_private_file(path: Path) -> None:
    """Create an empty file at `path`; one that is there is replaced. Raises OSError."""
    open_private(path).close()


@contextmanager
def replace_private(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Lend a file that replaces the one at `path` as a whole, once the block ends well. Raises OSError.

    `durable`: what was written survives a power loss from then on. An error leaves `path` as it was, and nothing beside
    it.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        with open_private(aside) as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        aside.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable; raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain_os_error(error: OSError, path: Path) -> StateError:
    """Return what a person should read when `error` befell `path`, a file or folder of the state."""
    reason = error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return StateError(
            f"Expected room to write, found the disk full - {path}", f"Free some space there, {_RUN_AGAIN}"
        )
    if error.errno in _NO_PERMISSION:
        return StateError(
            f"Expected leave to read and write, found `{reason}` - {path}",
            "Make it writable for the user who runs this (it may be another user's, or mounted read-only), "
            f"{_RUN_AGAIN}",
        )
    return StateError(
        f"Expected the disk to read and write, found `{reason}` - {path}",
        f"Check the disk and its free space, {_RUN_AGAIN}",
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return  # made by another run this instant
    folder.chmod(0o700)
    sync_folder(folder.parent)


def _check_kind(path: Path, found: os.stat_result, kind: int) -> None:
    noun = "folder" if kind == stat.S_IFDIR else "file"
    if stat.S_ISLNK(found.st_mode):
        raise StateError(
            f"Expected a {noun} of our own, found a symlink - {path}",
            "Remove the symlink, or choose another folder with --state-dir",
        )
    if stat.S_IFMT(found.st_mode) != kind:
        raise StateError(
            f"Expected a {noun}, found something else - {path}",
            "Move it away, or choose another folder with --state-dir",
        )
