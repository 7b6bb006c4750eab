"""Private places on disk: folders of mode 0700, files of mode 0600, whatever the umask.

A symlink where one of them goes is refused: it could lead a write anywhere. What is checked here stays
true afterwards, because only the owner can change what a folder of mode 0700 holds.
"""

import os
import stat
from pathlib import Path

from etl.errors import StateError
from etl.ledger.failure import explain

__all__ = ["create_private_file", "has_private_file", "make_private_folder", "sync_folder"]


def make_private_folder(folder: Path) -> None:
    """Make `folder`, and the folders above it that are missing, for the owner alone; raises StateError."""
    folder = folder.absolute()
    try:
        missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
        for place in reversed(missing):
            _make_folder(place)
        _keep_private(folder, stat.S_IFDIR, 0o700)
    except OSError as error:
        raise explain(error, folder) from error


def has_private_file(path: Path) -> bool:
    """Whether `path` is there, made private if it wasn't; raises StateError if it is not a regular file."""
    try:
        _keep_private(path, stat.S_IFREG, 0o600)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise explain(error, path) from error
    return True


def create_private_file(path: Path) -> None:
    """Create `path`, empty, in the place of one that is there; raises OSError."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable; raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return  # made by another run this instant
    folder.chmod(0o700)
    sync_folder(folder.parent)


def _keep_private(path: Path, kind: int, mode: int) -> None:
    # Never opened here: closing any handle of a file drops the locks that SQLite holds on it.
    found = path.lstat()
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
    if stat.S_IMODE(found.st_mode) != mode:
        path.chmod(mode)
