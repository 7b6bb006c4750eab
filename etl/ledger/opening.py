"""Where a job's ledger lies, how a new one comes to be, and how an existing one is opened.

`ledger.db` either is not there or is whole: a new one is made aside and renamed into place. So an empty file,
or loads without a ledger, is damage and never a fresh start that would send everything again.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from etl.ledger.audit import audit
from etl.ledger.failure import Damage, explain
from etl.ledger.migrations import MIGRATIONS, Migration, migrate, schema_version
from etl.ledger.session import Session
from etl.ledger.tables import META, NotedText
from etl.private import create_private_file, has_private_file, make_private_folder, sync_folder

__all__ = ["LEDGER_NAME", "create_ledger_file", "find_ledger_file", "open_session"]

LEDGER_NAME = "ledger.db"
# SQLite's own companions: a symlink in the place of one would be followed.
_COMPANIONS = ("-wal", "-shm", "-journal")


def find_ledger_file(folder: Path) -> Path | None:
    """Return the ledger file in `folder`, or None where there never was one.

    Raises StateError for a symlink, and for a ledger that is gone though its loads are there.
    """
    if not os.path.lexists(folder):
        return None
    make_private_folder(folder)
    path = folder / LEDGER_NAME
    for companion in _COMPANIONS:
        has_private_file(folder / f"{LEDGER_NAME}{companion}")
    if has_private_file(path):
        return path
    try:
        loads = folder / "loads"
        if loads.is_dir() and any(loads.iterdir()):
            raise Damage("it is missing, though its loads are there")
    except (OSError, Damage) as error:
        raise explain(error, path) from error
    return None


def create_ledger_file(
    folder: Path, meta: dict[str, str], migrations: Sequence[Migration] = MIGRATIONS
) -> Path:
    """Make a ledger in `folder`, whole and durable before its name appears; raises StateError."""
    make_private_folder(folder)
    path, aside = folder / LEDGER_NAME, folder / f"{LEDGER_NAME}.new"
    try:
        create_private_file(aside)
        with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            migrate(connection, aside, migrations)
            META.insert(connection, [NotedText(*one) for one in meta.items()])
            connection.execute("COMMIT")
        aside.rename(path)
        sync_folder(folder)
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error
    return path


def open_session(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Session:
    """Open the ledger at `path`, migrated and checked; raises StateError, or JobLocked if it is in use."""
    session = Session.open(path)
    with session.reading() as connection:
        version = schema_version(connection)
        if version == 0:
            raise Damage("it is empty")
    with session.writing() as connection:
        migrate(connection, path, migrations)
    with session.reading() as connection:
        audit(connection)
    # What a killed run left in the WAL is written anew into the file before anything builds on it: its last
    # fsync may have failed, with the bytes in the page cache alone.
    session.checkpoint()
    with session.reading():
        sync_folder(path.parent)  # SQLite does this for a WAL that it creates, and ignores its failure
    return session
