"""A filter that changed after rows were skipped by it is told, and what it lets in now can be taken in."""

import json
from pathlib import Path

from etl.sandbox.process import SandboxProcess
from tests.state.test_marks import run
from tests.workbench import call, row_of, write_job, write_rows


def take_skipped(job: str) -> str:
    return f"Take them in: backfill run {job} --take-skipped; else they stay skipped"


def write(folder: Path, sandbox: SandboxProcess, sql: str) -> Path:
    return write_job(
        folder,
        paths="nights/*.csv",
        source=f'mode = "incremental"\n[filter]\nsql = "{sql}"' if sql else 'mode = "incremental"',
        upload=f'endpoint = "{sandbox.url}"',
    )


def write_night(folder: Path, name: str, *numbers: int) -> None:
    (folder / "nights").mkdir(exist_ok=True)
    write_rows(folder / "nights" / name, [*(row_of(n, count=n) for n in numbers), f"{numbers[0]},cut"])


def test_a_changed_filter_is_told_and_what_it_lets_in_is_taken_once(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    write_night(tmp_path, "1.csv", *range(1, 11))
    first = run(write(tmp_path, sandbox, "count < '5'"), sandbox)
    assert (first.sent_now, first.books.skipped) == (5, 5)  # as text, 10 comes before 5
    job = write(tmp_path, sandbox, "count < '8'")
    told = "[filter] changed since load 1: 3 rows that were skipped would be events now"
    assert run(job, sandbox).notes[:2] == (told, take_skipped("JOB"))
    findings = json.loads(call("validate", "--json", job).out)["findings"]
    assert [(one["what"], one["fix"]) for one in findings if one["code"] == "filter_changed"] == [
        (told, take_skipped(f"{job}"))
    ]
    taken = run(job, sandbox, take_skipped=True)
    assert (taken.sent_now, taken.books.read, taken.books.rejected) == (3, 11, 0)
    assert all("[filter]" not in note for note in run(job, sandbox).notes)
    assert run(job, sandbox, take_skipped=True).sent_now == 0


def test_new_rows_are_taken_first_and_nothing_is_sent_twice(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_night(tmp_path, "1.csv", *range(21, 26))
    run(write(tmp_path, sandbox, "count <> '23'"), sandbox)
    write_night(tmp_path, "2.csv", *range(31, 36))
    job = write(tmp_path, sandbox, "")
    before = sandbox.stats()["attempts"]
    taken = run(job, sandbox, take_skipped=True)
    assert (taken.sent_now, sandbox.stats()["attempts"] - before) == (6, 6)
    assert taken.exit_code == 3  # the cut record of the new file


def test_a_narrower_filter_lets_in_nothing_and_is_not_told(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_night(tmp_path, "1.csv", *range(41, 46))
    run(write(tmp_path, sandbox, ""), sandbox)
    assert all(
        "[filter]" not in note for note in run(write(tmp_path, sandbox, "count <> '43'"), sandbox).notes
    )
