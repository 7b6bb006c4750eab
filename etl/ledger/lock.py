"""The lock of a job: one run at a time. The kernel frees it when its holder dies, however it dies.

It is flock(2) on the file `lock`, which stays where it is for ever: removing it would let two runs hold two files
of one name. What the file says about its holder is only for people to read, and never decides who may work: a pid
means nothing in another container. It always fills the same few kilobytes, so that a run which a full disk ends has
room for its last word; whoever only looks leaves that word where it is. A child made by fork alone would share the
lock; children are made by exec, which closes it.
"""

import errno
import fcntl
import json
import os
import secrets
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from etl.errors import BackfillError, JobLocked, StateError
from etl.ledger.failure import explain
from etl.ledger.mounts import filesystem_type, is_network_filesystem, read_mounts
from etl.private import make_private_folder

__all__ = ["LOCK_NAME", "JobLock", "read_holder", "runs_now"]

LOCK_NAME = "lock"
_CANNOT_LOCK = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
_MAX_HOLDER_BYTES = 4096
_POLL_SECONDS = 0.02


class JobLock:
    """Holds the job whose state folder is `folder` while its block runs.

    A second holder gets JobLocked at once, or after `wait_seconds`; a folder that can't be locked, StateError.
    `command` is what the other one is told that this one does: it must hold no secret. `is_run` says that it is a run,
    which what it publishes carries the `token` of. `last_word` is what the run before this one left, if it had to.
    """

    def __init__(
        self,
        folder: Path,
        *,
        command: str = "backfill",
        wait_seconds: float = 0.0,
        is_run: bool = False,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = folder / LOCK_NAME
        self._command = command
        self._wait_seconds = wait_seconds
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._is_run = is_run
        self._handle: int | None = None
        self._holder: dict[str, Any] = {}
        self.token = secrets.token_hex(8)
        self.last_word: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock; raises JobLocked if another run holds it, StateError if it can't be taken here."""
        make_private_folder(self.path.parent)
        # Where the mounts can't be read, whether the folder can be locked shows when it is locked.
        refuse_network_folder(self.path.parent, read_mounts())
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

    def leave_word(self, word: dict[str, Any]) -> None:
        """Keep `word`, how a run ended, in the lock file: it needs no room on a full disk. Never raises."""
        if self._handle is not None:
            with suppress(OSError):
                _write_holder(self._handle, self._holder | {"word": word})
                os.fdatasync(self._handle)

    def _describe(self, before: dict[str, Any]) -> dict[str, Any]:
        word = before.get("word")
        self.last_word = word if isinstance(word, dict) else None
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": self._wall_clock()}
        holder |= {"command": self._command, "is_run": self._is_run, "born": _born(os.getpid())}
        return holder | ({"token": self.token} if self._is_run else {"word": self.last_word})

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
            self._holder = self._describe(_parse(os.pread(handle, _MAX_HOLDER_BYTES, 0)))
            _write_holder(handle, self._holder)
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


def read_holder(folder: Path) -> dict[str, Any]:
    """Return what the lock file of a job says: who holds it or held it last, and the last `word` of its last run, if
    any.
    """
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _parse(os.pread(handle, _MAX_HOLDER_BYTES, 0))
        finally:
            os.close(handle)
    except OSError:
        return {}


def runs_now(holder: dict[str, Any]) -> bool:
    """Whether `holder`, of a lock that is held, is a run: a process of that number which began when this one did."""
    return bool(holder.get("is_run")) and _is_alive(holder)


def _is_alive(holder: dict[str, Any]) -> bool:
    pid, born = holder.get("pid"), holder.get("born")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True  # in another container: nothing can be said
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    return None in (born, now := _born(pid)) or now == born


def _born(pid: int) -> int | None:
    """Return when a process began, in ticks since the machine started; None where the system doesn't tell."""
    try:
        stat_line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat_line.rpartition(b")")[2].split()[19])


def _parse(text: bytes) -> dict[str, Any]:
    try:
        holder = json.loads(text)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _write_holder(handle: int, holder: dict[str, Any]) -> None:
    text = json.dumps(holder).encode()
    # Spaces after it keep the room for a longer word.
    os.pwrite(handle, text.ljust(_MAX_HOLDER_BYTES)[:_MAX_HOLDER_BYTES], 0)
    os.ftruncate(handle, _MAX_HOLDER_BYTES)


def _locked(path: Path) -> JobLocked:
    holder = read_holder(path.parent)
    # It took the lock this instant and has not yet written who it is, or it is another program.
    who = "another process"
    with suppress(ValueError, KeyError, TypeError, OverflowError):
        since = datetime.fromtimestamp(holder["since"], UTC)
        if _is_alive(holder):
            who = f"`{holder['command']}`, pid {holder['pid']} on {holder['host']}, since {since:%Y-%m-%d %H:%M:%S} UTC"
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
