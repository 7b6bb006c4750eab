"""A row that comes again with another content under its id: told, listed, and sent or rejected as the job says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.intake.taking import RetryRequest
from etl.job.load import load_job
from etl.report.progress import SilentProgress
from etl.sandbox.process import SandboxProcess
from etl.state.place import Destination
from etl.upload.run import RunOptions
from etl.upload.run import run_job as run
from etl.values.outcome import Outcome
from tests.workbench import call, row_of, run_here, write_job, write_rows

INCREMENTAL = 'mode = "incremental"'


def write_night(folder: Path, rows: list[str], *, on_correction: str = "", **more: Any) -> Path:
    """Write a job over all files of `nights/`, and a new file there."""
    nights = folder / "nights"
    nights.mkdir(exist_ok=True)
    write_rows(nights / f"{len(list(nights.iterdir()))}.csv", rows)
    return write(folder, on_correction, **more)


def write(folder: Path, on_correction: str = "", **more: Any) -> Path:
    says = f'{INCREMENTAL}\non_correction = "{on_correction}"' if on_correction else INCREMENTAL
    return write_job(folder, paths="nights/*.csv", source=says, **more)


def run_job(job: Path, sandbox: SandboxProcess) -> Outcome:
    """Run the job into a sandbox that is the endpoint its file names."""
    return run(load_job(job), Destination(sandbox.url, sandbox.api_key), RunOptions(), SilentProgress())


def counts_of(sandbox: SandboxProcess) -> dict[str, int]:
    """What the sandbox has stored: the property `count` by the query that tells the row."""
    bodies = [json.loads(event["body"]) for event in sandbox.events()]
    return {body["searchQuery"]: body["properties"]["count"] for body in bodies}


def count_of(sandbox: SandboxProcess, number: int) -> int:
    return counts_of(sandbox)[f"what is {number}?"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess() as sandbox:
        yield sandbox


def test_a_row_that_comes_again_with_another_content_is_told_and_listed(
    tmp_path: Path, own: SandboxProcess
) -> None:
    run_here(write_night(tmp_path, [row_of(n) for n in range(1, 51)]), own)
    job = write_night(tmp_path, [row_of(n, count=9 if n == 17 else 1) for n in range(1, 51)])
    second = run_here(job, own)
    assert (second.books.duplicate, second.sent_now, second.exit_code) == (50, 0, 0)
    assert second.notes == (
        "1 of 50 duplicates differs from what was delivered: nights/1.csv row 17",
        "List them: backfill rejects JOB --corrections; send them: backfill retry JOB --corrections",
    )
    assert second.to_json()["corrections"] == {"found": 1, "sent": 0, "rejected": 0, "unknown": 0}
    said = call("rejects", "--sandbox", "--corrections", "--format", "jsonl", job)
    listed = [json.loads(line) for line in said.out.splitlines()]
    assert [(one["row"], one["source"]["count"], one["reason"]) for one in listed] == [
        (17, "9", "its content differs from what was delivered under its id")
    ]
    assert call("rejects", "--sandbox", "--format", "jsonl", job).out == ""
    assert count_of(own, 17) == 1


def test_retry_sends_the_corrections_under_their_ids_and_once(tmp_path: Path, own: SandboxProcess) -> None:
    run_here(write_night(tmp_path, [row_of(n) for n in range(1, 6)]), own)
    job = write_night(tmp_path, [row_of(n, count=9) for n in range(1, 4)])
    run_here(job, own)
    retried = run_here(job, own, retry=RetryRequest(corrections=True))
    assert (retried.books.read, retried.sent_now) == (3, 3)
    assert counts_of(own) == {f"what is {n}?": 9 if n < 4 else 1 for n in range(1, 6)}
    again = run_here(job, own, retry=RetryRequest(corrections=True))
    assert (again.books.read, again.attempts) == (0, 0)
    assert call("rejects", "--sandbox", "--corrections", job).out == "docs: 0 corrections\n"


def test_sent_corrections_are_events_of_their_load_and_become_what_is_compared_with(
    tmp_path: Path, own: SandboxProcess
) -> None:
    run_here(write_night(tmp_path, [row_of(n) for n in range(1, 6)], on_correction="send"), own)
    for count, sent in ((2, 1), (3, 1), (3, 0), (1, 1), (1, 0)):
        rows = [row_of(n, count=count if n == 2 else 1) for n in range(1, 6)]
        done = run_here(write_night(tmp_path, rows, on_correction="send"), own)
        assert (done.sent_now, done.books.duplicate) == (sent, 5 - sent), count
        assert done.to_json()["corrections"] == {"found": sent, "sent": sent, "rejected": 0, "unknown": 0}
        assert count_of(own, 2) == count
    assert len(list(own.events())) == 5


def test_of_several_corrections_in_one_load_the_last_goes(tmp_path: Path, own: SandboxProcess) -> None:
    run_here(write_night(tmp_path, [row_of(1)], on_correction="send"), own)
    job = write_night(tmp_path, [row_of(1, count=count) for count in (5, 6, 5, 7, 7)], on_correction="send")
    done = run_here(job, own)
    assert (done.sent_now, done.books.duplicate) == (1, 4)
    assert done.to_json()["corrections"] == {"found": 4, "sent": 1, "rejected": 0, "unknown": 0}
    assert count_of(own, 1) == 7
    said = call("rejects", "--sandbox", "--corrections", "--all", "--format", "jsonl", job)
    assert [json.loads(line)["row"] for line in said.out.splitlines()] == [1, 2, 3]
    # What was overtaken within the load is no longer open.
    retried = run_here(job, own, retry=RetryRequest(corrections=True))
    assert (retried.books.read, count_of(own, 1)) == (0, 7)


def test_rejected_corrections_are_rejects_with_a_code_and_go_once_the_job_says_so(
    tmp_path: Path, own: SandboxProcess
) -> None:
    run_here(write_night(tmp_path, [row_of(n) for n in range(1, 6)], on_correction="reject"), own)
    rows = [row_of(n, count=9 if n == 2 else 1) for n in range(1, 6)]
    job = write_night(tmp_path, rows, on_correction="reject")
    done = run_here(job, own)
    assert (done.exit_code, done.rejects, done.books.duplicate) == (3, {"conflict": 1}, 4)
    assert done.to_json()["corrections"] == {"found": 1, "sent": 0, "rejected": 1, "unknown": 0}
    assert done.notes == ('Rejected for another content than was delivered (on_correction = "reject"): 1',)
    assert count_of(own, 2) == 1
    write(tmp_path, "send")
    assert run_here(job, own, retry=RetryRequest(code="conflict")).sent_now == 1
    assert count_of(own, 2) == 9


def test_rows_of_one_load_with_one_key_and_another_content_are_told(
    tmp_path: Path, own: SandboxProcess
) -> None:
    rows = [row_of(1), row_of(2), row_of(2, count=8), row_of(2, count=8), row_of(2)]
    done = run_here(write_night(tmp_path, rows), own)
    assert (done.sent_now, done.books.duplicate) == (2, 3)
    assert done.notes[0] == (
        "2 of 3 duplicates differ from what was delivered: nights/0.csv row 3 is the first"
    )
    assert done.to_json()["corrections"] == {"found": 2, "sent": 0, "rejected": 0, "unknown": 0}
    assert count_of(own, 2) == 1


def test_a_row_whose_first_version_was_rejected_is_no_correction(tmp_path: Path, own: SandboxProcess) -> None:
    run_here(write_night(tmp_path, [row_of(1), row_of(2, at="n/a")], on_correction="send"), own)
    job = write_night(tmp_path, [row_of(1), row_of(2, count=9)], on_correction="send")
    done = run_here(job, own)
    assert (done.sent_now, done.to_json()["corrections"]["found"]) == (1, 0)
    assert count_of(own, 2) == 9


def test_an_old_reject_never_overtakes_what_was_delivered_since(tmp_path: Path, own: SandboxProcess) -> None:
    bad = [row_of(1), row_of(2, action="zoom", count=4)]
    run_here(write_night(tmp_path, bad, on_correction="send"), own)
    run_here(write_night(tmp_path, [row_of(2, count=9)], on_correction="send"), own)
    job = write(tmp_path, "send", more=', zoom = "search_result_clicked"')
    done = run_here(job, own, retry=RetryRequest())
    assert (done.sent_now, done.books.duplicate) == (0, 1)
    assert done.to_json()["corrections"]["found"] == 1
    assert count_of(own, 2) == 9


def test_a_later_delivery_closes_an_older_correction(tmp_path: Path, own: SandboxProcess) -> None:
    run_here(write_night(tmp_path, [row_of(1)]), own)
    run_here(write_night(tmp_path, [row_of(1, count=5)]), own)  # told, and left
    job = write_night(tmp_path, [row_of(1, count=9)], on_correction="send")
    assert run_here(job, own).sent_now == 1
    assert run_here(job, own, retry=RetryRequest(corrections=True)).books.read == 0
    assert count_of(own, 1) == 9


@pytest.mark.parametrize(
    "id_spec", ['{ column = "id", verbatim = true }', '{ columns = ["id"], duplicates = "number" }']
)
def test_ids_of_every_kind_but_content_are_compared(
    tmp_path: Path, own: SandboxProcess, id_spec: str
) -> None:
    run_here(write_night(tmp_path, [row_of(n) for n in range(1, 4)], id_spec=id_spec), own)
    job = write_night(tmp_path, [row_of(n, count=n) for n in range(1, 4)], id_spec=id_spec)
    assert run_here(job, own).to_json()["corrections"]["found"] == 2


def test_the_same_content_in_another_order_of_files_and_parts_is_no_correction(
    tmp_path: Path, own: SandboxProcess
) -> None:
    rows = [row_of(n) for n in range(1, 200)]
    run_here(write_night(tmp_path, rows), own)
    done = run_here(write_night(tmp_path, rows[::-1]), own)
    assert (done.books.duplicate, done.to_json()["corrections"]["found"], done.notes) == (199, 0, ())


def test_what_a_later_row_of_the_load_took_back_is_told_and_not_open(
    tmp_path: Path, own: SandboxProcess
) -> None:
    run_here(write_night(tmp_path, [row_of(1)]), own)
    job = write_night(tmp_path, [row_of(1, count=5), row_of(1)])
    assert run_here(job, own).to_json()["corrections"]["found"] == 1
    assert run_here(job, own, retry=RetryRequest(corrections=True)).books.read == 0


def test_validate_tells_what_a_run_would(tmp_path: Path, own: SandboxProcess) -> None:
    for says in ("report", "send", "reject"):
        folder = tmp_path / says
        folder.mkdir()
        write_night(folder, [row_of(n) for n in range(1, 51)])
        job = write(folder, says, upload=f'endpoint = "{own.url}"')
        assert run_job(job, own).sent_now == 50
        write_rows(folder / "nights" / "1.csv", [row_of(n, count=9 if n == 17 else 1) for n in range(1, 51)])
        found = {one["code"]: one for one in json.loads(call("validate", "--json", job).out)["findings"]}
        outcome = {
            "report": "a run tells them and sends none",
            "send": "a run sends them again under their ids",
            "reject": "a run rejects them",
        }[says]
        told = found["corrections"]
        assert told["what"] == f"the content differs from what was delivered under the id; {outcome}"
        assert (told["rows"], told["examples"][0]["file"], told["examples"][0]["row"]) == (
            1,
            "nights/1.csv",
            17,
        )
        assert run_job(job, own).corrections.found == 1
