import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from etl.errors import JobLocked, StateError
from etl.ledger.lock import JobLock
from tests.ledger.staged import start_child

HOLD = """
import sys
from pathlib import Path
from etl.ledger.lock import JobLock
with JobLock(Path(sys.argv[1]), command="run docs.toml"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "docs"


def test_a_second_run_is_told_at_once_who_holds_the_job(folder: Path) -> None:
    holder = start_child(HOLD, folder)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(JobLocked) as caught:
        JobLock(folder, sleep=lambda _: pytest.fail("it waits")).acquire()
    who = re.escape(f"`run docs.toml`, pid {holder.pid} on {socket.gethostname()}, since ")
    assert re.search(who + r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", caught.value.problem)
    assert str(folder / "lock") in caught.value.problem
    assert caught.value.exit_code == 8
    holder.communicate("")
    with JobLock(folder):
        pass


def test_the_lock_of_a_killed_holder_needs_no_hand(folder: Path) -> None:
    holder = start_child(HOLD, folder)
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert json.loads((folder / "lock").read_text())["pid"] == holder.pid
    with JobLock(folder):
        assert json.loads((folder / "lock").read_text())["pid"] == os.getpid()


def test_of_many_runs_started_together_one_holds_the_job(folder: Path) -> None:
    script = HOLD.replace("sys.stdin.read()", "sys.stdin.readline(); print('done')").replace(
        "with JobLock", "print('ready', flush=True); sys.stdin.readline()\nwith JobLock"
    )
    children = [start_child(script, folder) for _ in range(4)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    firsts = [child.stdout.readline() for child in children]
    assert sorted(firsts) == ["", "", "", "held\n"]
    for child, first in zip(children, firsts, strict=True):
        _, problem = child.communicate("end\n" if first else None)
        assert ("JobLocked" in problem) == (not first)


def test_a_lock_may_be_waited_for(folder: Path) -> None:
    held = JobLock(folder)
    held.acquire()
    slept = []

    def release_after_three(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            held.release()

    with JobLock(folder, wait_seconds=1, sleep=release_after_three):
        assert len(slept) == 3
        with pytest.raises(JobLocked):
            JobLock(folder, wait_seconds=0.1, sleep=slept.append).acquire()
    assert len(slept) == 8


def test_a_lock_is_free_again_after_its_block_and_says_when_it_was_taken(folder: Path) -> None:
    with (
        JobLock(folder, wall_clock=lambda: 1_700_000_000.0),
        pytest.raises(JobLocked, match="since 2023-11-14 22:13:20 UTC"),
    ):
        JobLock(folder).acquire()
    with JobLock(folder) as lock:
        lock.release()
        lock.release()
        with JobLock(folder):
            pass


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"pid": 1}', b"\xff", b'{"pid":1,"host":"h","command":"c","since":1e99}']
)
def test_a_holder_that_has_not_said_who_it_is_still_holds(folder: Path, content: bytes) -> None:
    with JobLock(folder):
        (folder / "lock").write_bytes(content)
        with pytest.raises(JobLocked, match="held by another process"):
            JobLock(folder).acquire()


def test_a_symlink_in_the_place_of_the_lock_is_refused_and_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(StateError, match="found a symlink"):
        JobLock(folder).acquire()
    assert not (tmp_path / "target").exists()


def test_something_else_in_the_place_of_the_lock_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(folder / "lock")
    with pytest.raises(StateError, match="not a regular file"):
        JobLock(folder).acquire()


def test_a_lock_file_open_to_others_is_closed_to_them(folder: Path) -> None:
    with JobLock(folder):
        pass
    (folder / "lock").chmod(0o666)
    with JobLock(folder):
        assert (folder / "lock").stat().st_mode & 0o777 == 0o600


def test_a_child_made_by_exec_does_not_keep_the_lock(folder: Path) -> None:
    lock = JobLock(folder)
    lock.acquire()
    child = start_child("import sys; print('up', flush=True); sys.stdin.read()")
    assert child.stdout.readline() == "up\n"
    lock.release()
    with JobLock(folder):
        pass
    child.communicate("")
