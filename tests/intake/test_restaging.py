"""A mapping that changes while a load is half sent: what was delivered stays, what is pending is staged again, nothing
goes unsaid.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from etl.intake.taking import RetryRequest
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from etl.state.status import books_of_job
from tests.workbench import call, place_of, row_of, run_here, write_job, write_rows

NEW_YORK = '{ column = "at", format = "%Y-%m-%d %H:%M:%S", timezone = "America/New_York" }'
UTC = NEW_YORK.replace("America/New_York", "UTC")
LOCAL = [row_of(n, at=f"2024-01-31 09:{n // 60:02}:{n % 60:02}") for n in range(1, 101)]
BY_CONTENT = '{ duplicates = "collapse" }'


def write_local(folder: Path, created_at: str, *, rows: list[str] | None = None, **changes: str) -> Path:
    rows = [row.replace("what is", folder.name) for row in (LOCAL if rows is None else rows)]
    job = write_job(folder, rows, **{"id_spec": BY_CONTENT, **changes})
    job.write_text(job.read_text(encoding="utf-8").replace('{ column = "at" }', created_at), encoding="utf-8")
    return job


def bodies(sandbox: SandboxProcess, folder: Path) -> list[dict[str, str]]:
    """What the sandbox, which other tests share, stored of this one."""
    sent = (json.loads(event["body"]) for event in sandbox.events())
    return [body for body in sent if body["searchQuery"].startswith(f"{folder.name} ")]


def times(sandbox: SandboxProcess, folder: Path) -> dict[int, str]:
    """The hour with which each row arrived."""
    found: dict[int, str] = {}
    for body in bodies(sandbox, folder):
        number = int(body["searchQuery"].split()[-1].removesuffix("?"))
        assert number not in found, "one row, twice"
        found[number] = body["createdAt"][11:13]
    return found


def check_books(job: Path) -> dict[str, int]:
    with Ledger.open_existing(place_of(job).folder) as ledger:
        assert all(ledger.books(load.number).balances for load in ledger.loads())
        found = books_of_job(ledger)
    assert found.balances
    return {word: count for word in found.__dataclass_fields__ if (count := getattr(found, word))}


def half_send(folder: Path, sandbox: SandboxProcess) -> Path:
    job = write_local(folder, NEW_YORK)
    first = run_here(job, sandbox, limit=40)
    assert (first.sent_now, first.books.pending) == (40, 60)
    return job


def test_a_mended_zone_is_refused_with_what_was_delivered_and_what_would_go(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = half_send(tmp_path, sandbox)
    write_local(tmp_path, UTC)
    refused = run_here(job, sandbox)
    assert (refused.exit_code, refused.state, refused.attempts) == (2, "aborted", 0)
    first, second, third = refused.message.splitlines()
    assert first == (
        f"Expected the mapping with which load 1 was staged, found [event] or [source] changed - {job}"
    )
    assert second.startswith(
        "40 events were delivered under the old mapping and can't be recalled; 60 would go under the new one, all of "
        "them with another id, as in log.csv row 41: "
    )
    assert third == "40 of those delivered would be sent otherwise now"
    assert "--accept-new-mapping" in refused.fix
    assert check_books(job) == {"read": 100, "delivered": 40, "pending": 60}
    assert not [path for path in (place_of(job).folder / "loads").iterdir() if path.name != "000001"]


def test_accepted_what_is_pending_goes_with_the_mended_times_and_no_row_twice(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = half_send(tmp_path, sandbox)
    write_local(tmp_path, UTC)
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.exit_code, done.sent_now, done.loads) == (0, 60, (1, 2))
    assert (done.books.read, done.books.delivered) == (100, 100)
    assert done.remapped is not None
    assert (done.remapped.delivered, done.remapped.going, done.remapped.new_ids) == (40, 60, 60)
    assert done.remapped.example is not None
    assert done.remapped.example.row == 41
    found = times(sandbox, tmp_path)
    assert [found[n] for n in (1, 40, 41, 100)] == ["14", "14", "09", "09"]
    assert check_books(job) == {"read": 100, "delivered": 100}
    again = run_here(job, sandbox)
    assert (again.exit_code, again.attempts) == (0, 0)


def test_the_command_says_it_before_anything_goes_and_in_the_json(
    tmp_path: Path, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
    job = write_local(tmp_path, NEW_YORK)
    where = ("--endpoint", sandbox.url)
    call("run", job, *where, "--limit", 40)
    write_local(tmp_path, UTC)
    assert call("run", job, *where, "--json").code == 2
    said = call("run", job, *where, "--json", "--accept-new-mapping")
    assert said.err.startswith(
        "docs: The mapping changed: 40 events were delivered under the old mapping and can't be recalled; 60 go under "
        "the new one, all of them with another id, as in log.csv row 41: "
    )
    told = json.loads(said.out)["remapped"]
    assert (told["delivered_before"], told["going"], told["new_ids"]) == (40, 60, 60)
    assert set(told["example"]) == {"file", "row", "old_id", "new_id"}


@pytest.mark.parametrize(
    "change",
    [
        {"upload": 'timeout = "9s"'},
        {"max_rejects": "7"},
        {"more": ', never = "search_result_clicked"'},
        {"source": '[source.csv]\nnull_values = ["", "NEVER"]'},
    ],
)
def test_a_change_that_alters_nothing_that_was_staged_needs_no_flag(
    tmp_path: Path, sandbox: SandboxProcess, change: dict[str, Any]
) -> None:
    job = half_send(tmp_path, sandbox)
    write_local(tmp_path, NEW_YORK, **change)
    done = run_here(job, sandbox)
    assert (done.exit_code, done.sent_now, done.remapped) == (0, 60, None)
    assert check_books(job) == {"read": 100, "delivered": 100}


def test_without_its_file_a_load_is_staged_again_from_the_rows_kept_with_its_parts(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = half_send(tmp_path, sandbox)
    write_local(tmp_path, UTC)
    write_rows(tmp_path / "log.csv", [row_of(7)])
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.sent_now, done.books.pending) == (60, 0)
    assert done.exit_code == 4, "then the job's file is not the one that was staged"
    assert times(sandbox, tmp_path)[100] == "09"
    assert check_books(job) == {"read": 100, "delivered": 100}


def test_without_its_file_rows_that_would_be_read_otherwise_are_left_as_they_are(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = half_send(tmp_path, sandbox)
    write_local(tmp_path, NEW_YORK, source='[source.csv]\nnull_values = ["", "1"]')
    write_rows(tmp_path / "log.csv", [row_of(7)])
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.exit_code, done.attempts) == (4, 0)
    assert done.message == (
        "Expected the file as it was when it was staged, because [source] changed since, found it gone or changed - "
        "log.csv"
    )
    assert check_books(job) == {"read": 100, "delivered": 40, "pending": 60}


def test_a_dialect_that_counts_other_rows_is_refused(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = half_send(tmp_path, sandbox)
    columns = ["id", "at", "action", "query", "count"]
    write_local(tmp_path, UTC, source=f"[source.csv]\nheader = false\ncolumns = {json.dumps(columns)}")
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.exit_code, done.attempts) == (4, 0)
    assert done.message == (
        "Expected the 100 rows that were staged, found 101 as [source] reads them now - log.csv"
    )


def test_every_fate_of_a_row_is_kept_or_decided_anew(tmp_path: Path, sandbox: SandboxProcess) -> None:
    """Delivered, pending, rejected, malformed, duplicate, refused, skipped: the books of each load balance, before and
    after.
    """
    rows = [*LOCAL[:10], LOCAL[2], LOCAL[12], LOCAL[12], row_of(14, at="n/a"), "15,cut", *LOCAL[15:20]]
    job = write_local(tmp_path, NEW_YORK, rows=rows)
    run_here(job, sandbox, limit=4)
    before = check_books(job)
    write_local(tmp_path, UTC, rows=rows, more=', zoom = "search_result_clicked"')
    run_here(job, sandbox, accept_new_mapping=True, limit=3)
    after = check_books(job)
    assert before == {"read": 20, "delivered": 4, "rejected": 2, "duplicate": 2, "pending": 12}
    assert after == {"read": 20, "delivered": 7, "rejected": 2, "duplicate": 2, "pending": 9}
    write_local(tmp_path, NEW_YORK, rows=rows)
    third = run_here(job, sandbox, accept_new_mapping=True)
    assert third.exit_code == 3
    assert check_books(job) == {"read": 20, "delivered": 16, "rejected": 2, "duplicate": 2}
    found = times(sandbox, tmp_path)
    assert list(found.values()).count("09") == 3
    listed = call("rejects", job, "--sandbox", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["row"] for line in listed] == [14, 15]


def test_a_pending_row_with_the_new_id_of_a_delivered_one_is_a_duplicate_wherever_it_stands(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    rows = [row_of(n) for n in range(1, 7)]
    job = write_job(tmp_path, rows, id_spec='{ columns = ["id"] }')
    run_here(job, sandbox, limit=2)
    write_job(tmp_path, rows, id_spec='{ columns = ["at"] }')
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.exit_code, done.sent_now) == (0, 0)
    assert check_books(job) == {"read": 6, "delivered": 2, "duplicate": 4}


def test_repeats_keep_their_numbers_beside_what_was_delivered(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    rows = [LOCAL[0]] * 5
    job = write_local(tmp_path, NEW_YORK, rows=rows, id_spec='{ duplicates = "number" }')
    run_here(job, sandbox, limit=2)
    write_local(tmp_path, UTC, rows=rows, id_spec='{ duplicates = "number" }')
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.exit_code, done.sent_now, done.books.duplicate) == (0, 3, 0)
    assert len(bodies(sandbox, tmp_path)) == 5


def test_a_row_that_comes_again_is_a_duplicate_of_itself_though_it_went_under_its_old_id(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_local(tmp_path, NEW_YORK, source='mode = "incremental"\non_change = "restage"')
    run_here(job, sandbox, limit=40)
    write_local(tmp_path, UTC, source='mode = "incremental"\non_change = "restage"')
    assert run_here(job, sandbox, accept_new_mapping=True).sent_now == 60
    rows = [*LOCAL, row_of(101, at="2024-02-01 00:00:00")]
    write_rows(tmp_path / "log.csv", [row.replace("what is", tmp_path.name) for row in reversed(rows)])
    again = run_here(job, sandbox)
    assert (again.exit_code, again.sent_now, again.books.duplicate) == (0, 1, 100)
    assert len(times(sandbox, tmp_path)) == 101


def test_a_retry_that_is_half_sent_is_staged_again_with_its_mended_rows(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    rows = [row_of(n, action="zoom", at=f"2024-01-31 09:00:{n:02}") for n in range(1, 21)]
    job = write_local(tmp_path, NEW_YORK, rows=rows, upload="concurrency = 1")
    assert run_here(job, sandbox).books.rejected == 20
    listed = tmp_path / "mended.jsonl"
    assert call("rejects", job, "--sandbox", "-o", listed).code == 0
    listed.write_text(listed.read_text(encoding="utf-8").replace('"zoom"', '"q"'), encoding="utf-8")
    with SandboxProcess("--refuse-key-after", "5") as strict:
        stopped = run_here(job, strict, retry=RetryRequest(listed))
    assert (stopped.exit_code, stopped.sent_now) == (6, 5)
    write_local(tmp_path, UTC, rows=rows)
    assert run_here(job, sandbox).exit_code == 2
    done = run_here(job, sandbox, accept_new_mapping=True)
    assert (done.exit_code, done.sent_now) == (0, 15)
    assert set(times(sandbox, tmp_path).values()) == {"09"}
    assert check_books(job) == {"read": 20, "delivered": 20}


def test_after_a_kill_while_sending_it_is_said_that_some_may_have_arrived(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = half_send(tmp_path, sandbox)
    with Ledger.open_existing(place_of(job).folder) as ledger:
        ledger.start_run(1, started_at=1.0)
    write_local(tmp_path, UTC)
    refused = run_here(job, sandbox)
    assert refused.message.splitlines()[-1] == (
        "The run that sent them was killed: the last ones that it sent may have arrived under their old ids, besides"
    )
