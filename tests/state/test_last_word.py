"""`status` and `loads` say why the last run ended and what next, as it told it, also where its ledger couldn't be
told.
"""

import fcntl
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from etl.ledger.lock import JobLock, read_holder
from etl.sandbox.process import SandboxProcess
from etl.state.status_file import StatusFile
from tests.workbench import call, finish, place_of, row_of, run_here, start, write_job

LIMITED = (
    sys.executable,
    "-P",
    "-c",
    (
        "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
        "os.execvp(sys.argv[2], sys.argv[2:])"
    ),
)


def status(job: Path, *flags: object) -> str:
    said = call("status", "--sandbox", job, *flags)
    assert said.code == 0, said
    return said.out


def test_a_limit_that_was_reached_stands_in_status_and_loads_as_the_run_told_it(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")], max_rejects="0")
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 10
    log = next((place_of(job).folder / "logs").iterdir())
    told = (
        f"Expected at most 0 rejects, found 1 of 2 rows (50.0%) - [limits] max_rejects, {job}\n"
        "Look at the rejects and mend the job or the file, or raise max_rejects, and run again; nothing was sent\n"
        f"Its log: {log}\n"
    )
    assert told in said.err
    assert f"{told}Then go on: backfill run {job} --sandbox\n" in status(job)
    assert call("loads", "--sandbox", job).out.endswith(
        f"Run 1: {told}Then go on: backfill run {job} --sandbox\n"
    )
    standing = json.loads(status(job, "--json"))
    assert (standing["last_exit_code"], standing["log"]) == (10, str(log))


def test_a_full_disk_is_recorded_as_that_though_the_ledger_couldnt_be_written(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 1500)
    arguments = ("run", "--quiet", "--endpoint", sandbox.url, job)
    said = finish(start(*arguments, key=sandbox.api_key, wrapper=(*LIMITED, "60000")))
    assert said.code == 7, said
    message = said.err.splitlines()[0]
    assert message.startswith("Expected room to write, found the disk full - ")
    told = call("status", "--endpoint", sandbox.url, job).out
    assert "killed" not in told
    assert message in told
    assert ", exit 7\n" in told
    assert f"Run 1: {message}\n" in call("loads", "--endpoint", sandbox.url, job).out
    assert finish(start(*arguments, key=sandbox.api_key)).code == 0
    assert "  runs without a load: 1 (exit 7)\n" in call("loads", "--endpoint", sandbox.url, job).out


def test_a_missing_key_is_told_by_status_until_a_run_begins(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 2)
    assert call("run", "--endpoint", sandbox.url, job).code == 6
    told = call("status", "--endpoint", sandbox.url, job).out
    assert "docs: the last run failed\n" in told
    assert "Expected an API key, found none in INKEEPANALYTICS_API_INTEGRATION_KEY, " in told
    assert f"Then go on: backfill run {job} --endpoint {sandbox.url}\n" in told


def test_a_ledger_that_another_program_holds_is_no_run(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 2)
    run_here(job, sandbox)
    path = place_of(job).folder / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        said = call("status", "--sandbox", job)
    assert (said.code, said.out) == (8, "")
    assert said.err == (
        f"Expected the ledger to be free, found it open in another process - {path}\n"
        "Wait for the other command on this job to end, then run this one again\n"
    )


def test_a_lock_that_another_program_holds_is_no_run(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 2)
    process = start("run", "--sandbox", job)
    process.kill()
    finish(process)
    run_here(job, sandbox)
    path = place_of(job).folder / "lock"
    holder = read_holder(path.parent) | {"is_run": True, "pid": process.pid, "born": 1}
    path.write_text(json.dumps(holder))
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = call("status", "--sandbox", job)
    assert said.code == 8
    assert said.err.startswith("Expected the job to be free, found it held by another process - ")


@pytest.mark.parametrize("set_back_seconds", [0, 86_400])
def test_what_a_run_publishes_is_shown_also_where_the_clock_was_set_back(
    tmp_path: Path, set_back_seconds: int
) -> None:
    job = write_job(tmp_path, 2)
    place = place_of(job)
    with JobLock(place.folder, command="backfill run docs.toml", is_run=True) as lock:
        clock = [0.0]
        file = StatusFile(
            place.status, "docs", lambda: 1.7e9 - set_back_seconds, lambda: clock[0], token=lock.token
        )
        file.publish_reading(10, 1)
        clock[0] += 1
        file.publish_reading(20, 2)
        told = status(job)
    assert told.startswith("docs: running, staging, 10.0% of 20 rows settled, pid ")


def test_several_jobs_are_told_at_once_and_the_worst_counts(tmp_path: Path, sandbox: SandboxProcess) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    jobs = []
    for folder in folders:
        folder.mkdir()
        jobs.append(write_job(folder, 2))
        run_here(jobs[-1], sandbox)
    said = call("status", "--sandbox", *jobs)
    assert said.code == 0
    assert said.out.count("docs: complete, 100% of 2 rows settled\n") == 2
    told = json.loads(call("status", "--sandbox", "--json", *jobs).out)
    assert ([one["state"] for one in told["jobs"]], told["exit_code"]) == (["complete", "complete"], 0)
    (place_of(jobs[0]).folder / "ledger.db").write_bytes(b"not a ledger")
    said = call("status", "--sandbox", *jobs)
    assert said.code == 7
    assert said.out.startswith("docs: complete, 100% of 2 rows settled\n")
    assert said.err.startswith("Expected a sound ledger, found it damaged")
    told = json.loads(call("status", "--sandbox", "--json", *jobs).out)
    assert ([one["state"] for one in told["jobs"]], told["exit_code"]) == (["unknown", "complete"], 7)


def test_watch_waits_for_a_run_that_is_just_starting_and_says_so(tmp_path: Path) -> None:
    job = write_job(tmp_path, 400)
    watching = start("status", "--sandbox", "--watch", job)
    assert watching.stderr is not None
    waits = "no run holds the job; waiting up to 10 s for one that is just starting\n"
    assert watching.stderr.readline() == waits
    assert finish(start("run", "--quiet", "--sandbox", "--rate", "200/s", job)).code == 0
    said = finish(watching)
    assert (said.code, said.err) == (0, "")
    assert "docs: running, " in said.out
    assert "docs: complete, 100% of 400 rows settled\n" in said.out


def test_a_webhook_that_fails_is_told_on_standard_error_and_changes_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    job = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")], top='[notify]\nwebhook_env = "HOOK"')
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 3
    assert said.err == "Expected to tell how the run went, found: webhook (HOOK): is not set\n"
    assert "docs: complete, with rejects\n" in said.out


def test_a_sandbox_whose_disk_is_full_says_so_in_one_sentence(tmp_path: Path) -> None:
    job = write_job(tmp_path, 1500)
    said = finish(start("run", "--quiet", "--sandbox", job, wrapper=(*LIMITED, "100000")))
    assert said.code in (5, 7), said
    assert "Traceback" not in said.err
    assert said.err.count("Expected the sandbox to store what it takes, found: ") <= 1
    assert run_again(job) == 0


def run_again(job: Path) -> int:
    return call("run", "--quiet", "--sandbox", job).code


@pytest.mark.parametrize("command", ["run", "retry"])
def test_a_key_file_that_cannot_be_read_is_told_by_status_as_the_run_told_it(
    tmp_path: Path, sandbox: SandboxProcess, command: str
) -> None:
    job = write_job(tmp_path, 2)
    flags = ("--endpoint", sandbox.url, job)
    said = call(command, "--json", "--key-file", tmp_path / "key", *flags)
    assert said.code == 6
    told = json.loads(said.out)
    assert (told["state"], told["exit_code"]) == ("failed", 6)
    standing = json.loads(call("status", "--json", *flags).out)
    assert (standing["state"], standing["last_exit_code"]) == ("failed", 6)
    assert (standing["message"], standing["fix"]) == (told["message"], told["fix"])
    assert told["message"].endswith(f" - {tmp_path}/key")


def test_a_sandbox_that_does_not_start_is_told_by_status(tmp_path: Path) -> None:
    job = write_job(tmp_path, 2)
    (tmp_path / ".backfill" / "sandbox.db").mkdir(parents=True)
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 7
    told = status(job)
    assert "docs: the last run failed\n" in told
    assert said.err.splitlines()[1].strip() in told


def test_what_runs_out_in_the_middle_of_a_run_is_told_by_status_and_not_as_killed(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    (tmp_path / "scarce.py").write_text(
        "import os, resource\n"
        "def take(rows):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 4096))\n"
        "    return rows\n"
    )
    job = write_job(tmp_path, 2, source='transform = "scarce.py:take"')
    flags = ("--endpoint", sandbox.url, job)
    said = finish(start("run", "--json", *flags, key=sandbox.api_key))
    assert said.code == 7, said
    standing = json.loads(call("status", "--json", *flags).out)
    assert (standing["state"], standing["last_exit_code"]) == ("failed", 7)
    assert "found too many open files" in standing["message"]
    assert standing["fix"] == "Allow more (ulimit -n 1024), then run it again"
