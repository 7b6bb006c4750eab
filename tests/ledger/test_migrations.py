import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection

import pytest

from etl.errors import StateError
from etl.ledger.entries import staged_entry
from etl.ledger.migrations import MIGRATIONS
from etl.ledger.opening import create_ledger_file, find_ledger_file, open_session
from etl.ledger.tables import LOADS, META
from etl.values.staged import KeptFile
from tests.ledger.staged import delivered, everything, open_ledger, staged_load, staged_part


def add_notes(connection: Connection) -> None:
    connection.execute("CREATE TABLE notes (number INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("INSERT INTO notes SELECT number, 'was ' || state FROM loads")


def fail_halfway(connection: Connection) -> None:
    connection.execute("CREATE TABLE doomed (x)")
    raise sqlite3.OperationalError("halfway")


NEWER = (*MIGRATIONS, add_notes)


def make_ledger(folder: Path) -> tuple[object, ...]:
    with open_ledger(folder) as ledger:
        ledger.record_load(staged_load(1, staged_part(1, 10)))
        ledger.settle(1, delivered(1, 4))
        return everything(ledger)


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_an_older_ledger_is_migrated_step_by_step_and_keeps_what_it_holds(tmp_path: Path) -> None:
    make_ledger(tmp_path / "docs")
    path = find_ledger_file(tmp_path / "docs")
    assert path is not None
    for _ in range(2):  # the second opening has nothing to do
        session = open_session(path, NEWER)
        with session.reading() as connection:
            assert connection.execute("SELECT * FROM notes").fetchall() == [(1, "was open")]
            assert [load.number for load in LOADS.select(connection)] == [1]
            assert ("schema_version", str(len(NEWER))) in list(META.select(connection))
        session.close()
    assert version_of(path) == len(NEWER)


def test_the_files_of_loads_that_version_1_staged_are_taken_as_they_are(tmp_path: Path) -> None:
    path = create_ledger_file(tmp_path / "docs", {"job": "docs", "endpoint": "e"}, MIGRATIONS[:1])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        LOADS.insert(connection, [staged_entry(staged_load(1))])
    kept = KeptFile("rejects-00000.parquet", 3, "e" * 64)
    with open_ledger(tmp_path / "docs", endpoint="e") as ledger:
        ledger.record_load(replace(staged_load(2), kept=(kept,)))
        assert (ledger.lists_files(1), ledger.kept_files(1)) == (False, ())
        assert (ledger.lists_files(2), ledger.kept_files(2)) == (True, (kept,))


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    before = make_ledger(tmp_path / "docs")
    path = find_ledger_file(tmp_path / "docs")
    assert path is not None
    with pytest.raises(StateError, match="halfway"):
        open_session(path, (*NEWER, fail_halfway))
    with open_ledger(tmp_path / "docs") as ledger:
        assert everything(ledger) == before


def test_a_newer_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = create_ledger_file(tmp_path / "docs", {"job": "docs", "endpoint": "e"}, NEWER)
    open_session(path, NEWER).close()
    content = path.read_bytes()
    with pytest.raises(StateError) as caught:
        open_ledger(tmp_path / "docs")
    newest = len(MIGRATIONS)
    assert caught.value.problem == (
        f"Expected a ledger of version {newest} or older, found version {newest + 1} - {path}"
    )
    assert caught.value.fix.startswith("Upgrade backfill")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "tampering",
    [
        "ALTER TABLE loads ADD COLUMN extra",
        "CREATE TRIGGER t AFTER UPDATE ON parts BEGIN DELETE FROM refusals; END",
        "DROP TABLE runs",
        "PRAGMA application_id = 5",
        "DELETE FROM meta WHERE key = 'schema_version'",
        "UPDATE parts SET n_delivered = n_delivered + 1",
        "DELETE FROM parts",
        "UPDATE meta SET value = 'other' WHERE key = 'job'",
    ],
)
def test_a_ledger_that_was_tampered_with_is_refused(tmp_path: Path, tampering: str) -> None:
    make_ledger(tmp_path / "docs")
    with closing(sqlite3.connect(tmp_path / "docs" / "ledger.db")) as connection:
        connection.execute(tampering)
        connection.commit()
    with pytest.raises(StateError, match="damaged"):
        open_ledger(tmp_path / "docs")


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with closing(sqlite3.connect(tmp_path / "docs" / "ledger.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(StateError, match="not a backfill ledger"):
        open_ledger(tmp_path / "docs")
