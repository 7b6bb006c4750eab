"""The shape of the ledger file, and the steps that bring an older one up to it.

A step is never edited once released: a change of shape is a new step at the end of `MIGRATIONS`. No table
has an index of its own: SQLite's quick check does not compare an index with its table.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from etl.errors import StateError
from etl.ledger.failure import Damage
from etl.ledger.table import seal_of
from etl.ledger.tables import META, NotedText

__all__ = ["APPLICATION_ID", "MIGRATIONS", "Migration", "migrate", "schema_version"]

APPLICATION_ID = 0x424B464C  # "BKFL", in the header of the file

Migration = Callable[[sqlite3.Connection], None]

_VERSION_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, seal INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE loads (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, staged_at REAL NOT NULL,
        completed_at REAL, read INTEGER NOT NULL, skipped INTEGER NOT NULL, rejected INTEGER NOT NULL,
        duplicate INTEGER NOT NULL, events INTEGER NOT NULL, n_parts INTEGER NOT NULL, mapping TEXT NOT NULL,
        ids_digest TEXT NOT NULL, id_scheme_version INTEGER NOT NULL, ids_kept INTEGER NOT NULL,
        seal INTEGER NOT NULL)""",
    """CREATE TABLE files (
        load INTEGER NOT NULL REFERENCES loads, position INTEGER NOT NULL, path NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, rows INTEGER NOT NULL, seal INTEGER NOT NULL,
        PRIMARY KEY (load, position)) WITHOUT ROWID""",
    """CREATE TABLE parts (
        load INTEGER NOT NULL REFERENCES loads, number INTEGER NOT NULL, events INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, n_duplicate INTEGER NOT NULL,
        n_delivered INTEGER NOT NULL, n_refused INTEGER NOT NULL, seal INTEGER NOT NULL, duplicate BLOB NOT NULL,
        delivered BLOB NOT NULL, refused BLOB NOT NULL, PRIMARY KEY (load, number)) WITHOUT ROWID""",
    """CREATE TABLE refusals (
        load INTEGER NOT NULL, part INTEGER NOT NULL, idx INTEGER NOT NULL, code TEXT NOT NULL,
        reason TEXT NOT NULL, status INTEGER NOT NULL, server_code TEXT, detail TEXT, request_id TEXT,
        attempts INTEGER NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL, seal INTEGER NOT NULL,
        PRIMARY KEY (load, part, idx), FOREIGN KEY (load, part) REFERENCES parts) WITHOUT ROWID""",
    """CREATE TABLE runs (
        number INTEGER PRIMARY KEY, load INTEGER, started_at REAL NOT NULL, ended_at REAL, exit_code INTEGER,
        state TEXT, delivered INTEGER NOT NULL, attempts INTEGER NOT NULL, retries INTEGER NOT NULL,
        seal INTEGER NOT NULL)""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_VERSION_3 = (
    """CREATE TABLE endings (
        run INTEGER PRIMARY KEY, message TEXT NOT NULL, fix TEXT NOT NULL, log TEXT NOT NULL, seal INTEGER NOT NULL)""",
    """CREATE TABLE dismissals (
        number INTEGER PRIMARY KEY, at REAL NOT NULL, reason TEXT NOT NULL, seal INTEGER NOT NULL)""",
    """CREATE TABLE dismissed (
        load INTEGER NOT NULL, file INTEGER NOT NULL, row INTEGER NOT NULL, dismissal INTEGER NOT NULL,
        seal INTEGER NOT NULL, PRIMARY KEY (load, file, row)) WITHOUT ROWID""",
)


def _create_version_1(connection: sqlite3.Connection) -> None:
    for statement in _VERSION_1:
        connection.execute(statement)


def _add_kept_files(connection: sqlite3.Connection) -> None:
    """Know every file of a load, where version 1 knew its parts of events alone: from the next load on."""
    connection.execute(
        """CREATE TABLE kept (
            load INTEGER NOT NULL REFERENCES loads, name TEXT NOT NULL, size_bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (load, name)) WITHOUT ROWID"""
    )
    number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM loads").fetchone()[0]
    META.insert(connection, [NotedText("listed_from", str(number))])


def _add_endings_and_dismissals(connection: sqlite3.Connection) -> None:
    for statement in _VERSION_3:
        connection.execute(statement)


_PROOF = (
    """CREATE TABLE proved (
        load INTEGER NOT NULL REFERENCES loads, part INTEGER NOT NULL, confirmed BLOB NOT NULL,
        found_there BLOB NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (load, part)) WITHOUT ROWID""",
    """CREATE TABLE differences (
        load INTEGER NOT NULL REFERENCES loads, part INTEGER NOT NULL, idx INTEGER NOT NULL, kind TEXT NOT NULL,
        field TEXT NOT NULL, expected TEXT NOT NULL, found TEXT NOT NULL, reason TEXT NOT NULL, seal INTEGER NOT NULL,
        PRIMARY KEY (load, part, idx)) WITHOUT ROWID""",
    """CREATE TABLE verifications (
        number INTEGER PRIMARY KEY, load INTEGER NOT NULL REFERENCES loads, began_at REAL NOT NULL, ended_at REAL,
        sample INTEGER, queries INTEGER NOT NULL, lag_s REAL NOT NULL, asked INTEGER NOT NULL,
        confirmed INTEGER NOT NULL, missing INTEGER NOT NULL, doubled INTEGER NOT NULL, altered INTEGER NOT NULL,
        unknown INTEGER NOT NULL, seal INTEGER NOT NULL)""",
)


def _add_proof(connection: sqlite3.Connection) -> None:
    """Keep what the destination says when it is asked for the events."""
    for statement in _PROOF:
        connection.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (
    _create_version_1,
    _add_kept_files,
    _add_endings_and_dismissals,
    _add_proof,
)


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of the file's shape; 0 for an empty file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the ledger up to the newest shape, inside the transaction that the caller has open.

    Raises StateError for a ledger that a newer backfill wrote, Damage for a shape that was never written.
    """
    version = schema_version(connection)
    if version > len(migrations):
        raise StateError(
            f"Expected a ledger of version {len(migrations)} or older, found version {version} - {path}",
            "Upgrade backfill: a newer one wrote this ledger. It was left as it is",
        )
    if version:
        _check_shape(connection, version)
    if version == len(migrations):
        return
    for step in migrations[version:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute("DELETE FROM meta WHERE key IN ('schema_version', 'schema_seal')")
    META.insert(
        connection,
        [
            NotedText("schema_version", str(len(migrations))),
            NotedText("schema_seal", _shape_seal(connection)),
        ],
    )


def _check_shape(connection: sqlite3.Connection, version: int) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise Damage("it is not a backfill ledger")
    said: dict[str, str] = dict(META.select(connection))
    if said.get("schema_version") != str(version) or said.get("schema_seal") != _shape_seal(connection):
        raise Damage("its tables are not as they were made")


def _shape_seal(connection: sqlite3.Connection) -> str:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
    return str(seal_of("sqlite_master", [cell for row in rows for cell in row]))
