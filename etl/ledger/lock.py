"""The lock of a job: one run at a time. The kernel frees it when its holder dies, however it dies.

It is flock(2) on the file `lock`, which stays where it is for ever: removing it would let two runs hold two files
of one name. What the file says about its holder is only for people to read, and never decides anything: a pid
means nothing in another container. A child made by fork alone would share the lock; children are made by exec,
which closes it.
"""

import errno
import fcntl
import json
import os
import socket
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from etl.errors import BackfillError, JobLocked, StateError
from etl.ledger.failure import explain
from etl.ledger.mounts import filesystem_type, is_network_filesystem
from etl.private import make_private_folder

__all__ = ["LOCK_NAME", "JobLock"]

LOCK_NAME = "lock"
_CANNOT_LOCK = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
_MAX_HOLDER_BYTES = 4096
_POLL_SECONDS = 0.02


class JobLock:
    """Holds the job whose state folder is `folder` while its block runs.

    A second holder gets JobLocked at once, or after `wait_seconds`; a folder that can't be locked, StateError.
    `command` is what the other one is told that this one does: it must hold no secret.
    """

    def __init__(
        self,
        folder: Path,
        *,
        command: str = "backfill",
        wait_seconds: float = 0.0,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = folder / LOCK_NAME
        self._command = command
        self._wait_seconds = wait_seconds
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock; raises JobLocked if another run holds it, StateError if it can't be taken here."""
        make_private_folder(self.path.parent)
        refuse_network_folder(self.path.parent, _read_mountinfo())
        tries_left = round(self._wait_seconds / _POLL_SECONDS)
        while not self._try():
            if tries_left <= 0:
                raise _locked(self.path)
            tries_left -= 1
            self._sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Free the lock; does nothing if it isn't held."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _try(self) -> bool:
        try:
            handle = _open_lock_file(self.path)
        except OSError as error:
            raise _unusable(error, self.path) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_still(self.path, handle):  # removed between our opening and our locking it
                os.close(handle)
                return self._try()
            _write_holder(handle, self._command, self._wall_clock())
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            raise _unusable(error, self.path) from error
        self._handle = handle
        return True


def refuse_network_folder(folder: Path, mountinfo: str) -> None:
    """Raise StateError if `folder` lies on a network filesystem, by the text of `/proc/self/mountinfo`."""
    kind = filesystem_type(str(folder.resolve()), mountinfo)
    if is_network_filesystem(kind):
        raise StateError(
            f"Expected a local disk, found a network filesystem ({kind}) - {folder}",
            "Choose a folder on a local disk with --state-dir: over a network, locks and fsync can't be relied on",
        )


def _read_mountinfo() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ""  # not Linux: whether the folder can be locked shows when it is locked


def _open_lock_file(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    if stat.S_IMODE(found.st_mode) != 0o600:
        os.fchmod(handle, 0o600)
    return handle


def _is_still(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _write_holder(handle: int, command: str, now: float) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": now, "command": command}
    text = json.dumps(holder).encode()[:_MAX_HOLDER_BYTES]
    os.pwrite(handle, text, 0)
    os.ftruncate(handle, len(text))


def _locked(path: Path) -> JobLocked:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            holder = json.loads(os.pread(handle, _MAX_HOLDER_BYTES, 0))
        finally:
            os.close(handle)
        since = datetime.fromtimestamp(holder["since"], UTC)
        who = f"`{holder['command']}`, pid {holder['pid']} on {holder['host']}, since {since:%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        who = "another process"  # it took the lock this instant, and has not yet written who it is
    return JobLocked(
        f"Expected the job to be free, found it held by {who} - {path}",
        "Wait for it to end, or stop it with Ctrl-C or SIGTERM. Never remove the file: it frees itself",
    )


def _unusable(error: OSError, path: Path) -> BackfillError:
    if error.errno == errno.ELOOP:
        return StateError(
            f"Expected a lock file of our own, found a symlink - {path}",
            "Remove the symlink, or choose another folder with --state-dir",
        )
    if error.errno in _CANNOT_LOCK:
        return StateError(
            f"Expected a file that can be locked, found `{error.strerror}` - {path}",
            "Choose a folder on a local disk with --state-dir: this one can't keep two runs apart",
        )
    return explain(error, path)
