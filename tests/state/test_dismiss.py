"""Rejects that stay open are told by each run; `dismiss` closes those that nobody will mend."""

import json
import signal
from pathlib import Path

import pytest

from etl.ledger.lock import JobLock
from etl.sandbox.process import SandboxProcess
from etl.watch.metrics import JobMetrics, metrics_text
from tests.faults.test_disk import needs_strace
from tests.upload.test_closing import Step, under_kill
from tests.workbench import Said, call, finish, place_of, row_of, run_here, start, write_job, write_rows

ROWS = [row_of(1), row_of(2, at="n/a"), row_of(3, action="z"), row_of(4, action="z")]


def job_with_rejects(folder: Path, sandbox: SandboxProcess, *, fails: bool = False) -> Path:
    """A job that has run: rows 2 to 4 were rejected."""
    job = write_job(folder, ROWS, paths="log*.csv")
    write_rows(folder / "log.csv", ROWS)
    if fails:
        job.write_text(job.read_text() + 'open_rejects = "fail"\n')
    assert run_here(job, sandbox).exit_code == 3
    return job


def dismiss(job: Path, *arguments: object) -> Said:
    return call("dismiss", job, "--sandbox", *arguments)


def listed(job: Path, *arguments: object) -> list[dict[str, object]]:
    said = call("rejects", job, "--sandbox", "--format", "jsonl", *arguments)
    return [json.loads(line) for line in said.out.splitlines()]


def test_a_run_with_nothing_new_tells_open_rejects_in_one_line_and_in_json(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 0
    assert said.out == (
        "docs: nothing new to send; every row of its files was settled before\n"
        "3 rejects are open from earlier runs: unmapped_value 2, unparsable_timestamp 1; "
        f"see, retry or dismiss them: backfill rejects {job} --sandbox\n"
    )
    outcome = json.loads(call("run", "--quiet", "--sandbox", "--json", job).out)
    assert outcome["open_rejects"] == {"unmapped_value": 2, "unparsable_timestamp": 1}
    assert outcome["rejects"] == {}


def test_a_clean_load_tells_of_the_rejects_of_earlier_ones(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    write_rows(tmp_path / "log-2.csv", [row_of(5)])
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 0
    assert "3 rejects are open from earlier runs: unmapped_value 2, unparsable_timestamp 1; " in said.out
    write_rows(tmp_path / "log-3.csv", [row_of(6, at="n/a")])
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 3
    assert "4 rejects are open, those of earlier loads included: unmapped_value 2, unp" in said.out


def test_open_rejects_fail_a_run_where_the_job_says_so_until_they_are_closed(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = job_with_rejects(tmp_path, sandbox, fails=True)
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 3
    assert said.out == (
        "docs: nothing new to send; every row of its files was settled before\n"
        "Expected no open rejects, found 3: unmapped_value 2, unparsable_timestamp 1 - "
        f"[limits] open_rejects, {job}\n"
        f"Mend and send them again: backfill retry {job} --sandbox; or close those that nobody will mend: "
        f"backfill dismiss {job} --sandbox --all --reason why\n"
        "3 rejects are open from earlier runs: unmapped_value 2, unparsable_timestamp 1; "
        f"see, retry or dismiss them: backfill rejects {job} --sandbox\n"
    )
    several = call("run", "--quiet", "--sandbox", job, job)
    assert several.code == 3
    assert "docs: 3 rejects are open from earlier runs: " in several.out
    assert dismiss(job, "--all", "--reason", "test rows").code == 0
    assert call("run", "--quiet", "--sandbox", job).code == 0


def test_open_rejects_are_in_the_metrics(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    text = metrics_text([JobMetrics(run_here(job, sandbox), 1.0, 2.0)], "1")
    assert 'backfill_open_rejects{code="unmapped_value",job="docs"} 2' in text.replace(
        'job="docs",code="unmapped_value"', 'code="unmapped_value",job="docs"'
    )


def test_dismissed_rejects_count_as_before_and_are_listed_and_retried_no_more(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    said = dismiss(job, "--code", "unmapped_value", "--reason", "actions of a test")
    assert (said.code, said.out) == (0, "docs: 2 rejects dismissed: unmapped_value 2; 1 is open\n")
    assert [reject["row"] for reject in listed(job)] == [2]
    assert [(reject["row"], reject["dismissed"]) for reject in listed(job, "--all")] == [
        (2, None),
        (3, "actions of a test"),
        (4, "actions of a test"),
    ]
    assert (
        "row 3 (line 4): expected one of q, found `z` (dismissed: actions of a test)"
        in call("rejects", job, "--sandbox", "--all").out
    )
    assert len(place_of(job).rejects_jsonl.read_text().splitlines()) == 1
    rehearsed = call("retry", job, "--sandbox", "--dry-run", "--json")
    assert json.loads(rehearsed.out)["taken"] == 1
    standing = call("status", job, "--sandbox").out
    assert "  rejected   3  unparsable_timestamp 1, dismissed 2\n" in standing
    assert json.loads(call("status", job, "--sandbox", "--json").out)["dismissed"] == 2
    csv = call("rejects", job, "--sandbox", "--all", "--format", "csv").out
    assert csv.splitlines()[0].count("_dismissed") == 1


def test_dismissing_twice_changes_nothing_and_undoing_opens_them_again(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    assert dismiss(job, "--row", 2, "--row", 3, "--reason", "x").code == 0
    again = dismiss(job, "--row", 2, "--reason", "y")
    assert (again.code, again.out) == (0, "docs: 0 rejects dismissed, 1 was dismissed before; 1 is open\n")
    assert listed(job, "--all")[0]["dismissed"] == "x"
    undone = dismiss(job, "--row", 2, "--undo")
    assert undone.out == "docs: 1 reject opened again: unparsable_timestamp 1; 2 are open\n"
    assert [reject["row"] for reject in listed(job)] == [2, 4]
    assert json.loads(dismiss(job, "--all", "--undo", "--json").out) == {
        "job": "docs",
        "reopened": {"unmapped_value": 1},
        "before": 2,
        "open_rejects": {"unmapped_value": 2, "unparsable_timestamp": 1},
        "reason": None,
    }


def test_a_reject_that_was_retried_can_be_dismissed_where_it_is_now_alone(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    assert call("retry", job, "--sandbox", "--code", "unmapped_value").code == 3
    assert dismiss(job, "--row", 3, "--reason", "x").code == 0
    assert [reject["row"] for reject in listed(job)] == [2, 4]


def test_a_row_number_of_several_files_is_asked_for_by_file_or_load(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    write_rows(tmp_path / "log-2.csv", [row_of(5), row_of(6, at="n/a")])
    assert run_here(job, sandbox).exit_code == 3
    said = dismiss(job, "--row", 2, "--reason", "x")
    assert (said.code, said.err) == (
        2,
        "Expected one reject at row 2, found 2: log.csv (load 1), log-2.csv (load 2) - --row\n"
        "Say which is meant: --file FILE, --load N\n",
    )
    assert dismiss(job, "--row", 2, "--file", "log-2.csv", "--reason", "x").code == 0
    assert dismiss(job, "--row", 2, "--load", 1, "--reason", "x").code == 0
    assert dismiss(job, "--row", 2, "--file", "log-3.csv", "--reason", "x").err.endswith(
        "Did you mean log-2.csv?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--reason", "x"], 2, "Expected --code, --row or --all, found none of them"),
        (["--all"], 2, "Expected a reason, found none - --reason"),
        (["--all", "--reason", "  "], 2, "Expected a reason, found none - --reason"),
        (["--all", "--undo", "--reason", "x"], 2, "Expected --undo or --reason, found both"),
        (["--row", 1, "--reason", "x"], 2, "Expected a row that is rejected, found none such: row 1 - --row"),
        (["--code", "mapped", "--reason", "x"], 2, "Invalid value for '--code': 'mapped' is not one of"),
        (["--code", "conflict", "--reason", "x"], 0, "docs: 0 rejects dismissed; 3 are open"),
    ],
)
def test_what_names_no_reject_is_told(
    tmp_path: Path, sandbox: SandboxProcess, arguments: list[object], code: int, told: str
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    said = dismiss(job, *arguments)
    assert said.code == code
    assert told in said.out + said.err
    assert len(listed(job)) == 3


def test_while_a_run_holds_the_job_nothing_is_dismissed(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    with JobLock(place_of(job).folder, command="backfill run docs.toml"):
        assert dismiss(job, "--all", "--reason", "x").code == 8
    assert len(listed(job)) == 3


@needs_strace
@pytest.mark.parametrize(
    "step", [Step("fdatasync", "ledger.db-wal"), Step("rename", ".rejects.csv.new")], ids=str
)
def test_killed_while_it_dismisses_all_or_nothing_is_dismissed_and_the_next_run_mends_the_report(
    tmp_path: Path, sandbox: SandboxProcess, step: Step
) -> None:
    job = job_with_rejects(tmp_path, sandbox)
    arguments = ("dismiss", job, "--sandbox", "--code", "unmapped_value", "--reason", "x")
    said = finish(start(*arguments, wrapper=under_kill(step, place_of(job).folder)))
    assert said.code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert run_here(job, sandbox).exit_code == 0
    assert len(listed(job)) in (1, 3)
    assert len(place_of(job).rejects_jsonl.read_text().splitlines()) == len(listed(job))
