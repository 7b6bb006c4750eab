"""State of another user, a deleted folder, a far clock, pipes and devices in the place of files: one sentence, no
traceback.
"""

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from etl.limited import read_limited
from etl.sandbox.process import SandboxProcess
from tests.faults.soak_streams import commands_with_state
from tests.workbench import Said, call, finish, row_of, start, write_job

# Root without its capabilities is any user: the state of another one is shut to it.
ANY_USER = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
NOT_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root gives files to another user"
)
NO_CLOCK = pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path, [row_of(1), row_of(2, at="n/a")])


def assert_told(said: Said, code: int, *lines: str) -> None:
    assert said.code == code, said.err
    assert "Traceback" not in said.err
    for line in lines:
        assert line in said.err


@NOT_ROOT
@pytest.mark.parametrize("words", commands_with_state())
def test_state_of_another_user_is_told(job: Path, words: str) -> None:
    root = job.parent / ".backfill"
    (root / "docs").mkdir(parents=True)
    os.chown(root, 12345, 12345)
    root.chmod(0o700)
    said = finish(start(*words.split(), job, wrapper=ANY_USER, key="key"))
    if words == "doctor":  # it goes on, and says it in its list
        assert said.code == 7
        return
    assert_told(said, 7, f"Expected leave to read and write, found `Permission denied` - {root}/docs\n")


@NOT_ROOT
def test_the_doctor_goes_on_after_state_of_another_user(job: Path) -> None:
    root = job.parent / ".backfill"
    root.mkdir()
    os.chown(root, 12345, 12345)
    root.chmod(0o700)
    said = finish(start("doctor", "--endpoint", "http://127.0.0.1:1", job, wrapper=ANY_USER, key="key"))
    assert (said.code, said.err) == (7, "")
    assert f"problem  state       can't be written - {root}\n" in said.out
    assert "problem  endpoint    no answer: " in said.out


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:99999", "http://[", "http://127.0.0.1:-1", "", "x"])
@pytest.mark.parametrize("command", ["status", "rejects", "loads", "reset", "doctor", "run", "retry"])
def test_an_endpoint_that_is_none_is_refused_by_every_command(
    job: Path, command: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "key")
    said = call(command, job, "--endpoint", endpoint)
    assert said.code == 2
    # The doctor tells what is wrong with one thing among others.
    told = said.out if command == "doctor" else said.err
    assert "Expected a base URL like `https://api.analytics.inkeep.com`, found " in told
    assert " - --endpoint\n" in told
    assert "Traceback" not in said.err
    assert not (job.parent / ".backfill").exists()


def test_a_working_folder_that_was_deleted_is_told_where_it_is_needed(job: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    wrapper = ("bash", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone))
    said = finish(start("run", "--sandbox", "--state-dir", "state", job, wrapper=wrapper))
    assert_told(
        said,
        7,
        "Expected a working directory, found: No such file or directory - state\n"
        "Change to a folder that is there, or name the whole path, and run it again\n",
    )
    gone.mkdir()
    assert finish(start("run", "--sandbox", job, wrapper=wrapper)).code == 3


@NO_CLOCK
@pytest.mark.parametrize(("at", "code"), [("9999-12-30 00:00:00", 7), ("2261-01-01 00:00:00", 3)])
def test_a_far_clock_is_told_or_counted_with(job: Path, at: str, code: int) -> None:
    said = finish(start("run", "--sandbox", job, wrapper=("faketime", at)))
    assert_told(said, code)
    if code == 7:
        assert said.err == (
            "Expected a clock between the years 1970 and 2262, found it beyond\nSet the clock, then run it again\n"
        )


def test_a_device_without_an_end_is_no_job_no_key_and_no_report(job: Path) -> None:
    assert_told(call("validate", "/dev/zero"), 2, "found: more than 8,000,000 bytes - /dev/zero\n")
    said = call("run", job, "--endpoint", "http://127.0.0.1:1", "--key-file", "/dev/zero")
    assert_told(said, 6, "Expected a readable key file, found: more than 65,536 bytes - /dev/zero\n")


def test_a_pipe_is_read_when_somebody_writes_and_given_up_when_nobody_does(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nothing to read for 0 s"):
        read_limited(pipe, 100, wait_seconds=0.2)

    def write_late() -> None:
        time.sleep(0.2)
        with pipe.open("wb") as out:
            out.write(b"key")
            out.flush()
            time.sleep(0.1)
            out.write(b"\n")

    writer = threading.Thread(target=write_late)
    writer.start()
    assert read_limited(pipe, 100) == b"key\n"
    writer.join()


def test_a_large_file_is_not_read_at_all(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as out:
        out.truncate(1 << 40)
    with pytest.raises(OSError, match="more than 100 bytes"):
        read_limited(path, 100)


@pytest.mark.parametrize("columns", ["1", "0", "²", "-5", "99999999999999999999"])
def test_an_odd_width_of_the_terminal_breaks_nothing(
    job: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for command in ("preview", "validate"):
        said = call(command, job)
        assert said.code in (0, 3)
        assert "2024-01-31" in said.out.replace("\n", "") or command == "preview"
        assert "Traceback" not in said.err


def test_the_shell_can_hand_over_a_key_by_a_pipe(job: Path) -> None:
    line = f'exec "$@" --key-file <(sleep 0.2; echo key) --endpoint http://127.0.0.1:1 {job}'
    said = finish(start("doctor", wrapper=("bash", "-c", line, "bash")))
    assert (said.code, said.err) == (5, "")
    assert "key         there is one" in said.out


def test_several_jobs_share_a_key_that_a_pipe_gives_once(tmp_path: Path, sandbox: SandboxProcess) -> None:
    jobs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        jobs.append(write_job(tmp_path / name, 1))
        jobs[-1].write_text(jobs[-1].read_text().replace('"docs"', f'"{name}"'))
    line = f'exec "$@" --key-file <(echo {sandbox.api_key}) --endpoint {sandbox.url}'
    said = finish(start("run", "--json", *jobs, wrapper=("bash", "-c", line, "bash")))
    assert [one["exit_code"] for one in json.loads(said.out)["jobs"]] == [0, 0]
