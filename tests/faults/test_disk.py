"""Disks that fill up, fail, are read-only or hold symlinks; commits that are cut off at each fdatasync."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.trial import trial
from tests.workbench import call


def _has_strace() -> bool:
    """Whether strace is there and may trace a process of ours."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    )


needs_strace = pytest.mark.skipif(not _has_strace(), reason="strace is not installed, or may not trace here")


def under_strace(*faults: str) -> tuple[str, ...]:
    return (
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=fdatasync,fsync",
        *(f"--inject={fault}" for fault in faults),
        "-o",
        os.devnull,
    )


# A limit on the size of files: the kernel refuses to write beyond it, as a full disk refuses to write at all.
LIMITED = (
    sys.executable,
    "-P",
    "-c",
    (
        "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
        "os.execvp(sys.argv[2], sys.argv[2:])"
    ),
)


@pytest.mark.parametrize("most_bytes", [60_000])
def test_where_no_more_can_be_written_it_exits_7_says_what_is_safe_and_resumes(
    tmp_path: Path, most_bytes: int
) -> None:
    with trial(tmp_path / "full", events=2500) as one:
        said = one.run(wrapper=(*LIMITED, str(most_bytes)))
        assert said.code == 7, said
        assert "Traceback" not in said.err
        assert "safe" in said.out + said.err
        one.finish_and_check()


@needs_strace
@pytest.mark.parametrize("nth", [6])
def test_killed_at_a_sync_it_loses_nothing(tmp_path: Path, nth: int) -> None:
    with trial(tmp_path / f"sync{nth}", events=600) as one:
        said = one.run(wrapper=under_strace(f"fdatasync:signal=KILL:when={nth}"))
        assert said.code in (-signal.SIGKILL, 137), said
        one.finish_and_check()


@needs_strace
@pytest.mark.parametrize("call_name", ["fdatasync", "fsync"])
def test_a_sync_that_fails_stops_the_run_with_exit_7_and_no_false_done(
    tmp_path: Path, call_name: str
) -> None:
    with trial(tmp_path / call_name, events=600) as one:
        said = one.run(wrapper=under_strace(f"{call_name}:error=EIO:when=6+"))
        assert said.code == 7, said
        assert "complete" not in said.out
        one.finish_and_check()


def test_state_is_the_owners_alone_whatever_the_umask_and_follows_no_symlink(tmp_path: Path) -> None:
    with trial(tmp_path / "modes", events=300) as one:
        victim = tmp_path / "victim"
        victim.write_text("precious")
        victim.chmod(0o644)
        folder = one.folder / ".backfill" / f"docs@127.0.0.1-{one.sandbox.url.rsplit(':', 1)[1]}"
        folder.mkdir(parents=True, mode=0o700)
        names = ("status.json", "rejects.csv", "rejects.jsonl", ".status.json.new", ".rejects.csv.new")
        for name in names:
            (folder / name).symlink_to(victim)
        said = one.run(umask=0)
        assert said.code == 3, said
        assert victim.read_text() == "precious"
        assert stat.S_IMODE(victim.stat().st_mode) == 0o644
        modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in one.place.rglob("*")}
        assert not [path for path in modes if path.is_symlink()]
        assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
        assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


@pytest.mark.parametrize("name", ["ledger.db", "lock"])
def test_a_symlink_in_the_place_of_the_ledger_or_the_lock_is_refused(tmp_path: Path, name: str) -> None:
    with trial(tmp_path / "link", events=100) as one:
        folder = one.folder / ".backfill" / f"docs@127.0.0.1-{one.sandbox.url.rsplit(':', 1)[1]}"
        folder.mkdir(parents=True)
        (folder / name).symlink_to(tmp_path / "victim")
        said = one.run()
        assert said.code == 7, said
        assert "found a symlink" in said.out
        assert not (tmp_path / "victim").exists()
        assert one.sandbox.stats()["attempts"] == 0


def test_a_damaged_part_is_refused_with_the_way_out_and_nothing_of_it_is_sent(tmp_path: Path) -> None:
    with trial(tmp_path / "part", events=500) as one:
        said = call("run", "--sandbox", "--limit", "1", one.job)
        assert said.code == 0, said
        part = next((one.folder / ".backfill").glob("docs@sandbox/loads/000001/events-*.parquet"))
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
        said = call("run", "--sandbox", one.job)
        assert said.code == 7
        assert "Expected the staged part as it was written, found it changed" in said.err
        assert "backfill reset" in said.err
