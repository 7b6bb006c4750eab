import os
import stat
from pathlib import Path

import pytest

from etl.errors import JobLocked, StateError
from etl.ledger.opening import create_ledger_file, open_session
from etl.ledger.store import Ledger
from tests.ledger.staged import delivered, open_ledger, staged_load, staged_part, start_child

OPEN_WIDE = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[2], 8))
from etl.ledger.lock import JobLock
from tests.ledger.staged import open_ledger, staged_load, staged_part
folder = Path(sys.argv[1])
with JobLock(folder):
    ledger = open_ledger(folder)
    ledger.record_load(staged_load(1, staged_part(1, 10)))
    ledger.start_run(1, started_at=1)
    for path in (folder.parent, folder, *sorted(folder.iterdir())):
        print(path.name, oct(path.stat().st_mode & 0o7777))
"""


@pytest.mark.parametrize("umask", ["000", "022", "777"])
def test_files_and_folders_are_the_owners_alone_whatever_the_umask(tmp_path: Path, umask: str) -> None:
    child = start_child(OPEN_WIDE, tmp_path / "state" / "docs", umask)
    out, problem = child.communicate(timeout=60)
    assert child.returncode == 0, problem
    assert dict(line.split() for line in out.splitlines()) == {
        "state": "0o700",
        "docs": "0o700",
        "ledger.db": "0o600",
        "ledger.db-wal": "0o600",
        "lock": "0o600",
    }


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o711])
def test_a_folder_that_was_there_keeps_its_mode_and_files_in_it_are_the_owners_alone(
    tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "docs"
    open_ledger(folder).close()
    folder.chmod(mode)
    (folder / "ledger.db").chmod(0o644)
    open_ledger(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert stat.S_IMODE((folder / "ledger.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-journal"])
@pytest.mark.parametrize("dangling", [True, False])
def test_a_symlink_in_the_place_of_a_file_is_refused_and_not_followed(
    tmp_path: Path, name: str, dangling: bool
) -> None:
    folder, target = tmp_path / "docs", tmp_path / "target"
    folder.mkdir()
    if not dangling:
        target.write_bytes(b"precious")
    (folder / name).symlink_to(target)
    for opening in (lambda: open_ledger(folder), lambda: Ledger.open_existing(folder)):
        with pytest.raises(StateError, match="found a symlink"):
            opening()
    assert target.exists() != dangling
    assert dangling or target.read_bytes() == b"precious"


def test_a_symlink_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "docs").symlink_to(tmp_path / "target")
    for opening in (open_ledger, Ledger.open_existing):
        with pytest.raises(StateError, match="found a symlink"):
            opening(tmp_path / "docs")
    assert list((tmp_path / "target").iterdir()) == []


def test_something_else_in_the_place_of_the_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs" / "ledger.db").mkdir(parents=True)
    with pytest.raises(StateError, match="Expected a file, found something else"):
        open_ledger(tmp_path / "docs")
    os.mkfifo(tmp_path / "docs2")
    with pytest.raises(StateError, match="Expected a folder, found something else"):
        open_ledger(tmp_path / "docs2")
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="Not a directory"):
        open_ledger(tmp_path / "file" / "docs")


def test_a_name_that_a_uri_or_a_text_would_garble_works(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"100%41 ?mode=ro#\xff")
    with open_ledger(folder) as ledger:
        ledger.notes.reported = "x"
    with open_ledger(folder) as ledger:
        assert ledger.notes.reported == "x"
    assert (folder / "ledger.db").is_file()


def test_a_ledger_half_made_by_a_killed_run_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "ledger.db.new").write_bytes(b"half")
    with open_ledger(folder) as ledger:
        assert ledger.loads() == ()
    assert sorted(path.name for path in folder.iterdir()) == ["ledger.db"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("locking_mode", "exclusive"),
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("wal_autocheckpoint", 0),
    ],
)
def test_the_connection_is_set_to_survive_a_power_loss(
    tmp_path: Path, setting: str, value: int | str
) -> None:
    session = open_session(create_ledger_file(tmp_path / "docs", {"job": "docs"}))
    with session.reading() as connection:
        assert connection.execute(f"PRAGMA {setting}").fetchone() == (value,)
    session.close()


HOLD = """
import sys
from pathlib import Path
from tests.ledger.staged import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_ledger_that_another_process_has_open_is_busy(tmp_path: Path) -> None:
    child = start_child(HOLD, tmp_path / "docs")
    assert child.stdout.readline() == "open\n"
    with pytest.raises(JobLocked, match="open in another process"):
        Ledger.open_existing(tmp_path / "docs")
    child.kill()
    child.communicate()
    with open_ledger(tmp_path / "docs") as ledger:
        ledger.record_load(staged_load(1, staged_part(1, 1)))
        assert ledger.settle(1, delivered(1, 0)) == (1, 0)
