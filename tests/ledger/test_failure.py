import errno
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from etl.errors import JobLocked, StateError
from etl.ledger.failure import Damage, explain, may_hide_lost_writes

PATH = Path("/state/docs/ledger.db")


def error_of(*statements: Any) -> sqlite3.Error:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(statements[-1])
        return caught.value


def test_a_full_disk_says_to_free_space_and_what_is_safe() -> None:
    full = error_of(
        "PRAGMA max_page_count = 2", "CREATE TABLE t (x)", "INSERT INTO t VALUES (zeroblob(9000))"
    )
    for error in (full, OSError(errno.ENOSPC, "No space left"), OSError(errno.EDQUOT, "Quota")):
        told = explain(error, PATH)
        assert type(told) is StateError
        assert told.problem == "Expected room to write, found the disk full - /state/docs/ledger.db"
        assert told.fix.startswith("Free some space there, then run the same command again")
        assert "what was recorded is safe" in told.fix


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_cannot_be_written_says_to_make_it_writable(number: int) -> None:
    told = explain(OSError(number, "No"), PATH)
    assert type(told) is StateError
    assert told.fix.startswith("Make it writable")


def test_a_read_only_ledger_says_to_make_it_writable() -> None:
    assert explain(error_of("PRAGMA query_only = 1", "CREATE TABLE t (x)"), PATH).fix.startswith(
        "Make it writable"
    )


def test_damage_says_the_way_out() -> None:
    for error in (Damage("a row"), error_of("CREATE TABLE t (x UNIQUE)", *["INSERT INTO t VALUES (1)"] * 2)):
        told = explain(error, PATH)
        assert "found it damaged" in told.problem
        assert "backup" in told.fix
        assert "backfill reset" in told.fix


def test_a_failing_disk_says_to_check_it() -> None:
    told = explain(OSError(errno.EIO, "Input/output error"), PATH)
    assert (
        told.problem
        == "Expected the disk to read and write, found `Input/output error` - /state/docs/ledger.db"
    )
    assert told.fix.startswith("Check the disk")


def test_only_an_io_error_of_sqlite_may_hide_lost_writes() -> None:
    lost = sqlite3.OperationalError("disk I/O error")
    lost.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    assert may_hide_lost_writes(lost)
    assert not may_hide_lost_writes(error_of("SELECT * FROM nothing"))
    assert not may_hide_lost_writes(OSError(errno.EIO, "x"))


def test_a_busy_ledger_is_another_run() -> None:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert type(explain(busy, PATH)) is JobLocked
