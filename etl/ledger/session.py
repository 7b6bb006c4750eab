"""One connection to a ledger file: durable, exclusive, and shut for good by its first failure.

After a failed fsync the kernel may forget what it could not write and let the next fsync succeed. So the first
error that the disk or SQLite reports ends the session: every later use raises that same error, and nothing more
is written, not even the checkpoint that closing a connection makes.
"""

import ctypes
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import quote

from etl.errors import BackfillError, StateError
from etl.ledger.failure import Damage, explain, may_hide_lost_writes

__all__ = ["Session"]

# SQLite ignores a failure of its own automatic checkpoint, so checkpoints are asked for, and their result read. After
# one, the WAL is written over from its start: until then each commit lets the file grow, which makes its fsync a third
# dearer.
COMMITS_BETWEEN_CHECKPOINTS = 64

_SETTINGS: tuple[tuple[str, str, object], ...] = (
    # Exclusive comes before WAL: then the WAL's index lives in memory, and no shared-memory file is made.
    ("locking_mode", "EXCLUSIVE", "exclusive"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("fullfsync", "ON", 1),
    ("checkpoint_fullfsync", "ON", 1),
    ("foreign_keys", "ON", 1),
    ("wal_autocheckpoint", "0", 0),
    ("cell_size_check", "ON", 1),
    ("trusted_schema", "OFF", 0),
)


class Session:
    """The connection, the lock that lets threads take turns on it, and the failure that ended it, if any."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = connection
        self._failure: BackfillError | None = None
        self._turn = threading.RLock()
        self._commits = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger file at `path`, which exists, and check its structure.

        Raises StateError if it is damaged or the filesystem can't keep it, JobLocked if it is in use.
        """
        try:
            connection = sqlite3.connect(
                f"file:{quote(os.fsencode(path.absolute()))}?mode=rw",
                uri=True,
                isolation_level=None,
                # Python's check is off because `_turn` does its work: one thread at a time, whichever.
                check_same_thread=False,
                timeout=0,
            )
        except sqlite3.Error as error:
            raise explain(error, path) from error
        session = cls(path, connection)
        with session._guarded() as guarded:
            for name, value, expected in _SETTINGS:
                _set(guarded, name, value, expected, path)
            findings = guarded.execute("PRAGMA quick_check(1)").fetchall()
            if findings != [("ok",)]:
                raise Damage(str(findings[0][0]).splitlines()[-1])
        return session

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for reads; raises the failure that ended the session."""
        with self._turn, self._guarded() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for one transaction, which is durable when the block has been left."""
        with self._turn, self._guarded() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._commits += 1
            if self._commits % COMMITS_BETWEEN_CHECKPOINTS == 0:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def checkpoint(self) -> None:
        """Move everything committed into the ledger file itself, durably, and empty the WAL."""
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Checkpoint and close; does nothing where a failure or an earlier call has closed it."""
        with self._turn:
            if self._connection is None:
                return
            self.checkpoint()
            self._shut(
                StateError("Expected an open ledger, found it closed", "This is a bug: please report it")
            )

    def _shut(self, failure: BackfillError, *, lost_writes: bool = False) -> None:
        connection, self._connection, self._failure = self._connection, None, failure
        if connection is not None:
            _abandon(connection) if lost_writes else connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        if self._connection is None:
            assert self._failure is not None
            raise self._failure
        try:
            yield self._connection
        except (sqlite3.Error, OSError, Damage, UnicodeDecodeError) as error:
            # Inner blocks of the same thread pass here first; the first to see the error has shut the session.
            failure = explain(error, self.path)
            self._shut(failure, lost_writes=may_hide_lost_writes(error))
            raise failure from error
        except StateError as failure:
            if self._connection is not None:
                self._shut(failure)
            raise


def _set(connection: sqlite3.Connection, name: str, value: str, expected: object, path: Path) -> None:
    connection.execute(f"PRAGMA {name} = {value}").fetchall()
    found = connection.execute(f"PRAGMA {name}").fetchone()
    if found != (expected,):
        raise StateError(
            f"Expected SQLite to keep {name} = {value}, found `{found[0] if found else 'nothing'}` - {path}",
            "Choose a folder on a local disk with --state-dir: this filesystem can't keep a ledger safely",
        )


def _abandon(connection: sqlite3.Connection) -> None:
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        connection.close()
    else:
        # Nothing else keeps Python 3.11 from closing, and so checkpointing, at the latest when it ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
