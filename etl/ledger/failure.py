"""What went wrong with the state folder, in words that say what is safe and what to do. Opens nothing."""

import errno
import sqlite3
from pathlib import Path

from etl.errors import BackfillError, JobLocked, StateError
from etl.private import explain_os_error
from etl.typed import type_command

__all__ = ["Damage", "explain", "may_hide_lost_writes"]

_DAMAGED = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_CONSTRAINT,
}
_SHUT = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


class Damage(Exception):  # noqa: N818 - a finding inside this package, turned into a StateError at its edge
    """The ledger holds something that was never written to it."""


def may_hide_lost_writes(error: BaseException) -> bool:
    """Whether a later fsync may claim success for what this failure lost, so nothing more may be written."""
    return _sqlite_code(error) == sqlite3.SQLITE_IOERR


def explain(error: BaseException, path: Path) -> BackfillError:
    """Return what a person should read when `error` befell `path`, a file or folder of the state folder."""
    if isinstance(error, OSError):
        return explain_os_error(error, path)
    code = _sqlite_code(error)
    if code == sqlite3.SQLITE_FULL:
        return explain_os_error(OSError(errno.ENOSPC, _text(error)), path)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return JobLocked(
            f"Expected the ledger to be free, found it open in another process - {path}",
            "Wait for the other command on this job to end, then run this one again",
        )
    if isinstance(error, Damage | UnicodeDecodeError) or code in _DAMAGED or "decode to UTF-8" in str(error):
        return StateError(
            f"Expected a sound ledger, found it damaged ({_text(error)}) - {path}",
            f"Put back a copy of {path.parent} from a backup, or start the job over: "
            f"{type_command('reset')}; it sends every event again with the same ids",
        )
    number = errno.EACCES if code in _SHUT else errno.EIO
    return explain_os_error(OSError(number, _text(error)), path)


def _sqlite_code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    return None if code is None else code & 0xFF  # an extended code has its family in the low byte


def _text(error: BaseException) -> str:
    # Python can't even quote an SQLite message that repeats bytes of a damaged schema.
    return "a name in it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
