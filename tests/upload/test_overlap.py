"""A new load is looked for at the destination before any of it is sent."""

import shutil
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, delivered, row_of, write_job, write_rows

FAST = ("--patience", "0", "--rate", "max")


@pytest.fixture(autouse=True)
def _own_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "marks"))


def run(job: Path, sandbox: SandboxProcess, *options: str) -> Said:
    return call("run", "--quiet", "--endpoint", sandbox.url, *options, job)


def sent(sandbox: SandboxProcess) -> int:
    return sum(1 for _ in sandbox.attempts())


def forget_state(job: Path) -> None:
    shutil.rmtree(job.parent / ".backfill")
    shutil.rmtree(job.parent / "marks")


def test_what_another_machine_sent_stops_the_run_before_it_sends(tmp_path: Path) -> None:
    with delivered(tmp_path) as (job, sandbox):
        forget_state(job)
        found = run(job, sandbox)
        assert found.code == 9
        assert found.err.splitlines()[-3:-1] == [
            "300 of 300 sampled events are there already: sent from another machine, or the state was lost?",
            f"Count what is there as delivered: backfill adopt {job} --endpoint {sandbox.url}; or send all of it "
            f"nevertheless: backfill run {job} --endpoint {sandbox.url} --overlap=send",
        ]
        assert sent(sandbox) == 300
        assert run(job, sandbox).code == 9
        assert call("adopt", "--endpoint", sandbox.url, *FAST, job).code == 0
        assert run(job, sandbox).code == 0
        assert sent(sandbox) == 300


def test_the_first_events_of_a_load_begun_elsewhere_are_always_sampled(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=3) as (job, sandbox):
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 8_001)))
        forget_state(job)
        found = run(job, sandbox)
        assert found.code == 9
        assert "3 of 500 sampled events are there already" in found.err
        assert sent(sandbox) == 3
        assert run(job, sandbox, "--overlap=send").code == 0
        assert sent(sandbox) == 8_003


def test_the_job_file_may_say_that_overlap_is_meant(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=20) as (job, sandbox):
        forget_state(job)
        job.write_text(job.read_text().replace('overlap = "check"', 'overlap = "send"'))
        assert run(job, sandbox).code == 0
        assert sent(sandbox) == 40


def test_what_an_adoption_found_otherwise_is_not_sent_unasked(tmp_path: Path) -> None:
    with delivered(tmp_path, "--alter", "5%", rows=100) as (job, sandbox):
        altered = sum(1 for line in sandbox.attempts() if line["fault"])
        forget_state(job)
        assert call("adopt", "--endpoint", sandbox.url, *FAST, job).code == 9
        found = run(job, sandbox)
        assert found.code == 9
        assert found.err.splitlines()[-3:-1] == [
            f"Expected a load of which nothing is at the destination, found {altered} of its events there "
            "otherwise than they would be sent",
            f"Take them as they are there: backfill adopt {job} --endpoint {sandbox.url} --as-found; or send all of it "
            f"nevertheless: backfill run {job} --endpoint {sandbox.url} --overlap=send",
        ]
        assert sent(sandbox) == 100


def test_an_adoption_that_was_broken_off_is_not_taken_for_done(tmp_path: Path) -> None:
    with delivered(tmp_path, "--refuse-queries", rows=10) as (job, sandbox):
        forget_state(job)
        assert call("adopt", "--endpoint", sandbox.url, *FAST, job).code == 6
        found = run(job, sandbox)
        line = (
            "Whether some of it is at the destination already can't be told: the key can't read: status 403"
        )
        assert line in found.out.splitlines()
        assert found.code == 0


def test_events_of_others_in_the_same_time_are_told_in_one_line(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=30) as (_, sandbox):
        other = tmp_path / "other"
        other.mkdir()
        second = write_job(other, map(row_of, range(1_001, 1_011)), overlap="check")
        found = run(second, sandbox)
        assert found.code == 0
        line = "Beside it the destination holds 30 events of the same types from the same time"
        assert line in found.out.splitlines()


def test_each_new_load_is_looked_for_and_a_load_that_goes_on_is_not(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=10) as (job, sandbox):
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 31)))
        assert run(job, sandbox, "--limit", "5").code == 0
        assert run(job, sandbox).code == 0
        assert sent(sandbox) == 30
        write_rows(tmp_path / "elsewhere.csv", map(row_of, range(31, 41)))
        other = tmp_path / "other"
        other.mkdir()
        assert run(write_job(other, map(row_of, range(31, 41))), sandbox).code == 0
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 51)))
        found = run(job, sandbox)
        assert found.code == 9
        assert "10 of 20 sampled events are there already" in found.err
        assert sent(sandbox) == 40
