"""Several jobs in one command, and what a command leaves for whoever isn't there."""

import io
import json
from collections.abc import Iterable
from contextlib import redirect_stderr
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from etl.cli.options import Target
from etl.cli.run import _Command
from etl.job.load import load_job
from etl.job.model import parse_rate
from etl.report.several import advice_lines, table_lines
from etl.sandbox.process import SandboxProcess
from etl.send.pacing import NOTHING_CARRIED
from etl.typed import JobName
from etl.upload.run_options import RunOptions, SharedPace
from etl.values.books import Books
from etl.values.outcome import Outcome
from tests.watch.runs import receiving
from tests.watch.test_metrics import samples_of
from tests.workbench import call, finish, row_of, run_here, start, write_job, write_rows


@pytest.fixture
def key(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
    return sandbox.api_key


def named(folder: Path, name: str, rows: int | Iterable[int] = 3, **options: str) -> Path:
    """A job of that name in a folder of its own, whose rows no other has."""
    (folder / name).mkdir()
    numbers = range(1, rows + 1) if isinstance(rows, int) else rows
    job = write_job(
        folder / name, [row_of(n).replace("what", name) for n in numbers], id_spec="{}", **options
    )
    job.write_text(job.read_text().replace('name = "docs"', f'name = "{name}"'))
    return job


def test_one_table_sums_several_jobs_up_and_the_worst_exit_code_counts(
    tmp_path: Path, sandbox: SandboxProcess, key: str
) -> None:
    good, gone = named(tmp_path, "good", 3), named(tmp_path, "gone", paths="gone.csv")
    typo, part = named(tmp_path, "typo"), named(tmp_path, "part", 4)
    typo.write_text(typo.read_text().replace("[source]", "[sauce]"))
    (part.parent / "log.csv").write_text((part.parent / "log.csv").read_text() + "too,short\n")
    said = call("run", "--endpoint", sandbox.url, good, gone, typo, part)
    table = [line.split() for line in said.out.splitlines()[:6]]
    assert table[1:] == [
        ["good", "complete", "3", "3", "0", "0", "0", "0", "3", "0"],
        ["gone", "aborted", "0", "0", "0", "0", "0", "0", "0", "4"],
        ["docs", "failed", "0", "0", "0", "0", "0", "0", "0", "2"],
        ["part", "complete", "5", "4", "1", "0", "0", "0", "4", "3"],
        ["total", "4", "jobs", "8", "7", "1", "0", "0", "0", "7", "2"],
    ]
    assert said.code == 2, "a wrong job file needs a person more than a missing file or a reject"
    assert "part: 1 malformed_record; see them by cause: backfill rejects " in said.out
    assert said.err.startswith("gone: Expected files, found none that match `gone.csv`")
    assert "docs: Expected" in said.err
    assert "Rename it to `source`" in said.err
    assert said.out.count("total") == 1


def test_the_json_of_several_jobs_has_each_and_the_worst_exit_code(
    tmp_path: Path, sandbox: SandboxProcess, key: str
) -> None:
    jobs = [named(tmp_path, "one", 2), named(tmp_path, "two", paths="gone.csv")]
    said = call("run", "--json", "--endpoint", sandbox.url, *jobs)
    answer = json.loads(said.out)
    assert [(job["job"], job["exit_code"]) for job in answer["jobs"]] == [("one", 0), ("two", 4)]
    assert answer["exit_code"] == said.code == 4


def test_the_pace_is_kept_across_the_jobs_of_a_command(
    tmp_path: Path, sandbox: SandboxProcess, key: str
) -> None:
    # Far apart, so that a job which began a pace of its own would be seen at once.
    jobs = [named(tmp_path, f"pace{number}", 1) for number in range(3)]
    before = sandbox.stats()["attempts"]
    assert call("run", "--rate", "1/s", "--endpoint", sandbox.url, *jobs).code == 0
    moments = [attempt["at"] for attempt in sandbox.attempts()][before:]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    # Both ends of a gap are those of the server, which answers a few milliseconds sooner or later.
    assert len(gaps) == 2
    assert min(gaps) > 0.9, gaps


def test_no_second_holds_more_than_rate_and_burst_across_two_jobs(
    tmp_path: Path, sandbox: SandboxProcess, key: str
) -> None:
    jobs = [named(tmp_path, f"burst{number}", 30) for number in range(3)]
    before = sandbox.stats()["attempts"]
    assert call("run", "--rate", "50/s", "--endpoint", sandbox.url, *jobs).code == 0
    moments = [attempt["at"] for attempt in sandbox.attempts()][before:]
    for first in moments:
        # 50/s and a burst of 5, and one for the server's own timing.
        assert sum(first <= moment < first + 1 for moment in moments) <= 50 + 5 + 1


def test_a_pause_that_the_server_asked_for_holds_for_the_next_job_too(tmp_path: Path) -> None:
    with SandboxProcess("--rate-limit", "1/s", "--retry-after", "absurd") as strict:
        pace = SharedPace()
        first = run_here(named(tmp_path, "first", 20), strict, pace=pace)
        attempts = strict.stats()["attempts"]
        second = run_here(named(tmp_path, "second", 3), strict, pace=pace)
        assert (first.exit_code, second.exit_code) == (5, 5)
        assert "the server asks to wait" in second.message
        assert (strict.stats()["attempts"], second.books.pending) == (attempts, 3)
        alone = run_here(named(tmp_path, "third", 1), strict)
        assert alone.attempts > 0


def test_another_endpoint_has_a_pace_of_its_own(tmp_path: Path, sandbox: SandboxProcess) -> None:
    from etl.state.place import Destination

    pace = SharedPace()
    run_here(named(tmp_path, "own", 1), sandbox, pace=pace, rate=parse_rate("1/min"))
    here = Destination(sandbox.url, sandbox.api_key)
    assert pace.find(here).due_at > NOTHING_CARRIED.due_at
    assert pace.find(Destination(sandbox.url, "another key")) is NOTHING_CARRIED
    assert pace.find(Destination("https://api.example.org", sandbox.api_key)) is NOTHING_CARRIED


class BrokenDestinations:
    """Finds no destination, as only a bug could."""

    def find_for_run(self, job: object, command: str) -> object:
        raise ZeroDivisionError


def test_a_bug_in_one_job_keeps_no_other_from_running(tmp_path: Path) -> None:
    jobs = (named(tmp_path, "one"), named(tmp_path, "two"))
    broken: Any = BrokenDestinations()
    target = Target(sandbox=False, endpoint=None, state_dir=None)
    command = _Command(broken, RunOptions(), [], target, quiet=True, log_form=None)
    with redirect_stderr(io.StringIO()) as said:
        outcomes = command.run_all([(job, load_job(job)) for job in jobs])
    assert [(outcome.job, outcome.exit_code) for outcome in outcomes] == [("one", 1), ("two", 1)]
    assert said.getvalue().count("Traceback") == 2
    assert [entry.outcome.exit_code for entry in command.metrics] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        command.run_all([(jobs[0], load_job(jobs[0]))])


def test_an_interrupt_ends_the_command_and_says_what_was_not_begun() -> None:
    done = Outcome("a", "interrupted", 130, Books(read=5, delivered=2, pending=3), sent_now=2)
    lines = list(table_lines([done], 130, left=["b.toml", "c.toml"]))
    assert lines[-1] == "not begun: b.toml, c.toml"
    assert lines[-2].split() == ["total", "1", "jobs", "5", "2", "0", "0", "0", "3", "2", "130"]


def test_the_advice_names_the_job_the_reason_and_the_command() -> None:
    outcome = Outcome(
        "a", "aborted", 10, Books(read=2, rejected=2), {"malformed_record": 2}, message="Too many", fix="Mend",
        notes=("a note",), reports=(Path("rejects.csv"),),
    )  # fmt: skip
    assert list(advice_lines(outcome, JobName("my job.toml", sandbox=True))) == [
        "a: a note",
        "a: Too many",
        "Mend",
        "a: 2 malformed_record; see them by cause: backfill rejects 'my job.toml' --sandbox",
    ]


def test_metrics_of_all_jobs_are_in_one_file_also_of_those_that_failed_early(
    tmp_path: Path, sandbox: SandboxProcess, key: str
) -> None:
    good, typo = named(tmp_path, "good2", 3), named(tmp_path, "typo2")
    typo.write_text("name = 3")
    path = tmp_path / "backfill.prom"
    call("run", "--endpoint", sandbox.url, "--metrics-file", path, good, typo)
    found = samples_of(path.read_text())
    assert found["backfill_run_exit_code", "good2"] == 0
    assert found["backfill_run_delivered", "good2"] == 3
    assert found["backfill_run_exit_code", "docs"] == 2
    assert ("backfill_success_timestamp_seconds", "docs") not in found
    assert found["backfill_success_timestamp_seconds", "good2"] > 1_700_000_000


def test_metrics_that_cannot_be_written_change_no_exit_code(
    tmp_path: Path, sandbox: SandboxProcess, key: str
) -> None:
    path = tmp_path / "missing" / "backfill.prom"
    said = call("run", "--endpoint", sandbox.url, "--metrics-file", path, named(tmp_path, "unmeasured"))
    assert said.code == 0
    assert said.err == f"Expected to write the metrics, found: No such file or directory - {path}\n"


def test_the_page_of_a_run_draws_its_sending(tmp_path: Path, sandbox: SandboxProcess, key: str) -> None:
    page = tmp_path / "run.html"
    job = named(tmp_path, "drawn", 40)
    assert call("run", "--endpoint", sandbox.url, "--html", page, "--rate", "100/s", job).code == 0
    text = page.read_text()
    assert "drawn: the run" in text
    assert "Throughput, latency and concurrency" in text
    refused = call("run", "--endpoint", sandbox.url, "--html", page, job, job)
    assert (refused.code, refused.err.splitlines()[0]) == (2, "Expected one job with --html, found several")
    nowhere = call("run", "--endpoint", sandbox.url, "--html", tmp_path / "no" / "run.html", job)
    assert nowhere.code == 7


def test_with_a_log_format_standard_error_holds_the_log_alone(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = named(tmp_path, "logged", 3)
    process = start("run", "--endpoint", sandbox.url, "--log-format", "json", job, key=sandbox.api_key)
    said = finish(process)
    assert said.out.startswith("logged: complete\n")
    assert [json.loads(line)["event"] for line in said.err.splitlines()][-1] == "finished"
    write_rows(job.parent / "log.csv", [row_of(9)])
    again = finish(start("run", "--endpoint", sandbox.url, "--log-format", "json", job, key=sandbox.api_key))
    assert again.code == 4
    assert "Expected the file as it was when it was staged" in again.out
    assert [json.loads(line)["level"] for line in again.err.splitlines()] == ["info", "error"]


def test_a_run_without_a_terminal_says_nothing_until_it_is_done(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    said = finish(start("run", "--endpoint", sandbox.url, named(tmp_path, "still", 3), key=sandbox.api_key))
    assert (said.code, said.err) == (0, "")


def test_whom_the_job_names_is_told_of_a_failure_before_anything_was_read(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    top = '[notify]\nwebhook_env = "K_HOOK"\nheartbeat_env = "K_BEAT"'
    with receiving() as hook, receiving() as beat:
        job = named(tmp_path, "told", 3, top=top)
        environ = {"K_HOOK": hook.url, "K_BEAT": f"{beat.url}/id"}
        assert run_here(job, sandbox, environ=environ).exit_code == 0
        assert (beat.paths, hook.paths) == (["/id/start", "/id"], [])
        (job.parent / "log.csv").unlink()
        assert run_here(job, sandbox, environ=environ).exit_code == 4
        assert beat.paths[2:] == ["/id/start", "/id/fail"]
        [notice] = hook.requests
    assert "backfill told: aborted, exit 4" in json.loads(notice.body)["text"]


def test_old_loads_are_cleared_as_the_job_says(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = named(tmp_path, "kept", top="[state]\nkeep_loads = 2", paths="log-*.csv")
    for night in range(1, 5):
        (job.parent / f"log-{night}.csv").write_text(
            f"id,at,action,query,count\n{row_of(night).replace('what', 'kept')}\n"
        )
        assert run_here(job, sandbox).exit_code == 0
    [loads] = job.parent.glob(".backfill/*/loads")
    assert sorted(path.name for path in loads.iterdir()) == ["000003", "000004"]
