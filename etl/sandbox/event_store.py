"""The sandbox's memory: a SQLite file of the events it stored and of every attempt to log one.

Theory of operation. One thread writes, and takes everything that has gathered while its last transaction ran
(group commit): `put` returns after the commit that holds its event. WAL without syncs loses nothing when
the process is killed, only when the machine is. Another thread reads, through its own connection,
so that a long read holds up no event. A read sees every write asked for before it.
"""

import asyncio
import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

from etl.errors import StateError
from etl.sandbox.moments import bucket_start, utc_text

__all__ = ["Arrival", "Attempt", "Repeats", "Store"]

Repeats = Literal["replace", "keep-both", "refuse"]
T = TypeVar("T")

_APPLICATION_ID: Final = 0x73626F78  # "sbox"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    copy INTEGER NOT NULL,          -- 0, or which repeat of the id this is where repeats are kept
    type TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    created_us INTEGER NOT NULL,    -- microseconds since the epoch
    created_at TEXT NOT NULL,       -- as it came, or as it was filled in
    received_at REAL NOT NULL,      -- seconds since the epoch
    changed INTEGER NOT NULL,       -- how often the id came again with other bytes
    body TEXT NOT NULL,             -- exactly as it came
    UNIQUE (id, copy)
);
CREATE TABLE IF NOT EXISTS attempts (
    seq INTEGER PRIMARY KEY,
    id TEXT,                        -- of the event, where the body could be read
    status INTEGER NOT NULL,        -- of the answer; 0: the connection was cut
    fault TEXT,                     -- which fault met it
    stored INTEGER NOT NULL,        -- whether it reached the store
    monotonic REAL NOT NULL,        -- arrival: seconds of the monotonic clock
    at REAL NOT NULL                -- arrival: seconds since the epoch
);
CREATE INDEX IF NOT EXISTS attempts_by_id ON attempts (id);
"""
_INSERT: Final = (
    "INSERT INTO events (id, copy, type, entity_type, created_us, created_at, received_at, changed, body) "
)
_PUT: Final[dict[Repeats, str]] = {
    "replace": _INSERT + "VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, 0, ?7) ON CONFLICT (id, copy) DO UPDATE SET "
    "type = excluded.type, entity_type = excluded.entity_type, created_us = excluded.created_us, "
    "created_at = excluded.created_at, changed = changed + (body <> excluded.body), body = excluded.body",
    "keep-both": _INSERT  # noqa: S608 - constants only
    + "SELECT ?1, (SELECT count(*) FROM events WHERE id = ?1), ?2, ?3, ?4, ?5, ?6, 0, ?7",
    "refuse": _INSERT + "VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, 0, ?7) ON CONFLICT (id, copy) DO NOTHING",
}
_NOTE: Final = "INSERT INTO attempts (id, status, fault, stored, monotonic, at) VALUES (?, ?, ?, ?, ?, ?)"


class Arrival(NamedTuple):
    """One event to store, or `copies` of it beside one another."""

    id: str
    type: str
    entity_type: str
    created_us: int
    created_at: str
    received_at: float
    body: str
    copies: int = 1


class Attempt(NamedTuple):
    """One attempt to log an event, and how it ended."""

    id: str | None
    status: int
    fault: str | None
    stored: bool
    monotonic: float
    at: float


class _Write(NamedTuple):
    arrival: Arrival | None
    attempt: Attempt
    done: "asyncio.Future[bool]"


class Store:
    """Events and attempts in the SQLite file `path`; an existing file is gone on from.

    Raises `StateError` where the file can't be opened, or is something else.
    """

    def __init__(self, path: Path, repeats: Repeats = "replace") -> None:
        self._put = _PUT[repeats]
        self._refuses_repeats = repeats == "refuse"
        self._gathered: list[_Write] = []
        self._flushing: asyncio.Task[None] | None = None
        self._latest: asyncio.Future[bool] | None = None
        try:
            self._connection = _connect(path)
            _claim(self._connection)
            self._reader = _connect(path)
        except (OSError, sqlite3.Error) as error:
            if _is_full(error):
                raise StateError(
                    f"Expected room to write, found the disk full - {path}",
                    "Free some space there; nothing that was stored is lost",
                ) from None
            raise StateError(
                f"Expected a sandbox's store or no file yet, found `{error}` - {path}",
                "Name another file with `--store`, or leave it out for a temporary one",
            ) from None
        self._write_thread = ThreadPoolExecutor(1, "sandbox-write")
        self._read_thread = ThreadPoolExecutor(1, "sandbox-read")

    def put(self, arrival: Arrival, attempt: Attempt) -> "asyncio.Future[bool]":
        """Store an event, and how its attempt ended; the future is done once both are committed.

        It is False where repeats are refused and this is one: then the attempt ended with 409.
        """
        return self._gather(arrival, attempt)

    def note(self, attempt: Attempt) -> "asyncio.Future[bool]":
        """Record an attempt that stored nothing."""
        return self._gather(None, attempt)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `query` reads, after everything that was put before."""
        await self._catch_up()
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, query, self._reader)

    async def close(self) -> None:
        """Commit what is left and close the file."""
        await self._catch_up()
        self._write_thread.shutdown()
        self._read_thread.shutdown()
        self._reader.close()
        self._connection.close()

    def _gather(self, arrival: Arrival | None, attempt: Attempt) -> "asyncio.Future[bool]":
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._gathered.append(_Write(arrival, attempt, done))
        self._latest = done
        if self._flushing is None:
            self._flushing = loop.create_task(self._write_gathered())
        return done

    async def _catch_up(self) -> None:
        # Commits are in order, so the latest write stands for all before it; waiting for the queue to run
        # empty instead could take as long as the load lasts.
        if self._latest is not None:
            await asyncio.wait([self._latest])

    async def _write_gathered(self) -> None:
        loop = asyncio.get_running_loop()
        while self._gathered:
            batch, self._gathered = self._gathered, []
            try:
                results = await loop.run_in_executor(self._write_thread, self._write, batch)
            except sqlite3.Error as error:
                for write in batch:
                    if not write.done.cancelled():
                        write.done.set_exception(error)
                        write.done.exception()
                continue
            for write, result in zip(batch, results, strict=True):
                if not write.done.cancelled():
                    write.done.set_result(result)
        self._flushing = None

    def _write(self, batch: list[_Write]) -> list[bool]:
        with _transaction(self._connection):
            if self._refuses_repeats:
                return [self._write_unless_repeat(write) for write in batch]
            arrivals = [write.arrival for write in batch if write.arrival is not None]
            self._connection.executemany(self._put, [arrival[:-1] for arrival in arrivals])
            again = [arrival[:-1] for arrival in arrivals for _ in range(arrival.copies - 1)]
            self._connection.executemany(_PUT["keep-both"], again)
            self._connection.executemany(_NOTE, [write.attempt for write in batch])
            return [True] * len(batch)

    def _write_unless_repeat(self, write: _Write) -> bool:
        attempt, is_new = write.attempt, True
        if write.arrival is not None and not self._connection.execute(self._put, write.arrival[:-1]).rowcount:
            attempt, is_new = attempt._replace(status=409, stored=False), False
        self._connection.execute(_NOTE, attempt)
        return is_new


def _is_full(error: Exception) -> bool:
    codes = (getattr(error, "errno", None), getattr(error, "sqlite_errorcode", None))
    return errno.ENOSPC in codes[:1] or sqlite3.SQLITE_FULL in codes[1:]


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled it back already
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA synchronous = OFF")
    connection.create_function("utc_text", 1, utc_text, deterministic=True)
    connection.create_function("bucket_start", 2, bucket_start, deterministic=True)
    return connection


def _claim(connection: sqlite3.Connection) -> None:
    """Make the file a store; raises `sqlite3.Error` where it is somebody else's database."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (table_count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if table_count and owner != _APPLICATION_ID:
        raise sqlite3.DatabaseError("a database of something else")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"PRAGMA application_id = {_APPLICATION_ID};" + _SCHEMA)
