"""Ledgers that released versions made, as SQL: they open, say what they said, and work on.

`version-1` is of the first release, `version-4` of the last one whose tables were written out by hand.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from etl.ledger.facts import Ending
from etl.ledger.store import Ledger
from etl.ledger.tables import TABLES
from etl.values.books import Books
from etl.values.staged import KeptFile
from etl.values.verification import DifferenceKind, EventDifference, VerificationCounts
from tests.ledger.staged import delivered, everything, open_ledger, refusal, staged_load, staged_part

RELEASED = Path(__file__).parent / "released"


def put_back(version: str, folder: Path) -> Path:
    """Make the ledger of a released version anew in `folder`."""
    folder.mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        connection.executescript((RELEASED / f"{version}.sql").read_text())
    (folder / "ledger.db").chmod(0o600)
    return folder


@pytest.mark.parametrize("version", ["version-1", "version-4"])
def test_a_released_ledger_says_what_it_said_and_works_on(tmp_path: Path, version: str) -> None:
    folder = put_back(version, tmp_path / "docs")
    with open_ledger(folder) as ledger:
        first, third = ledger.loads()
        assert [(load.number, load.kind, load.state) for load in (first, third)] == [
            (1, "files", "complete"),
            (3, "retry", "open"),
        ]
        assert (first.staged_at, first.completed_at, first.mapping) == (1_700_000_000.25, 20.0, "mapping-1")
        assert ledger.books(1) == Books(read=20, delivered=15, rejected=2, duplicate=1, skipped=2, pending=0)
        assert [file.path for file in ledger.files(1)] == ["a.csv", "b\udcff.csv"]
        assert list(ledger.known_files()) == ["a.csv", "b\udcff.csv"]
        assert [(settled.part, settled.index) for settled in ledger.refusals(1)] == [(2, 3)]
        assert next(ledger.refusals(3)).refusal == refusal()._replace(server_code=None)
        ended, killed = ledger.runs()
        assert (ended.exit_code, ended.state, ended.delivered, ended.attempts) == (3, "complete", 15, 16)
        assert (killed.started_at, killed.ended_at, killed.ending) == (30.5, None, Ending())
        assert ledger.unsettled(3, 1) == [3, 4, 5, 6, 7]
        ledger.settle(3, delivered(1, 2, 3, 4, 5, 6, 7))
        ledger.complete_load(3, completed_at=80.0)
        ledger.record_load(staged_load(4, staged_part(1, 3)))
        before = everything(ledger)
    with open_ledger(folder) as ledger:
        assert everything(ledger) == before
        assert ledger.books(3).delivered == 7


def test_what_a_ledger_of_version_4_knows_besides_is_there(tmp_path: Path) -> None:
    folder = put_back("version-4", tmp_path / "docs")
    with Ledger.open_existing(folder) or pytest.fail("gone") as ledger:
        assert ledger.runs()[0].ending == Ending("why", "so", "logs/1")
        assert ledger.kept_files(1) == (KeptFile("ids-00001.parquet", 3, "e" * 64),)
        assert ledger.load(1).ids_kept is True
        assert (ledger.notes.told_through, ledger.notes.sending_load) == (1, 3)
        assert ledger.dismissals.decisions()[0].reason == "not ours"
        assert [tuple(row) for row in ledger.dismissals.rows()] == [(1, 0, 3, 1), (1, 0, 4, 1)]
        newest = ledger.proofs.newest(1)
        assert newest is not None
        assert (newest.ended_at, newest.lag_seconds) == (60.5, 1.5)
        assert newest.counts == VerificationCounts(4, 2, 1, 0, 1, 0)
        assert list(ledger.proofs.differences(1)) == [
            EventDifference(1, 2, DifferenceKind.MISSING),
            EventDifference(2, 0, DifferenceKind.ALTERED, "type", '"a"', '"b"'),
        ]
        assert (ledger.proofs.confirmed(1), ledger.proofs.found_there(1)) == (
            {1: b"\x03\x00", 2: b"\x00"},
            {1: b"\x00\x00", 2: b"\x10"},
        )


def test_every_table_of_the_file_is_declared_with_all_its_columns(tmp_path: Path) -> None:
    open_ledger(tmp_path / "docs").close()
    with closing(sqlite3.connect(tmp_path / "docs" / "ledger.db")) as connection:
        made = {
            name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} - {"seal"}
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert {table.name: set(table.columns) for table in TABLES} == made
