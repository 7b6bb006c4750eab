import csv
import json
from pathlib import Path

import polars as pl
import pytest

from etl.intake.taking import RetryRequest
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from etl.state.status import books_of_job
from tests.workbench import call, place_of, row_of, run_here, write_job, write_rows

BAD_ROWS = [
    row_of(1),
    row_of(2, at="n/a"),
    row_of(3, action="zoom"),
    row_of(4, count="007x"),
    row_of(5, action="zoom"),
    "6,cut",
]


def books(job: Path) -> dict[str, int]:
    with Ledger.open_existing(place_of(job).folder) as ledger:
        found = books_of_job(ledger)
    assert found.balances
    return {word: getattr(found, word) for word in ("read", "delivered", "rejected", "pending")}


def edit(job: Path, folder: Path, changes: dict[int, dict[str, str]], *, separator: str = ",") -> Path:
    """Write the rejects as CSV, and change cells by row and column, as a person at a spreadsheet would."""
    path = folder / "edited.csv"
    assert call("rejects", job, "--sandbox", "-o", path).code == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row.update(changes.get(int(row["_row"]), {}))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_after_the_job_was_mended_a_retry_delivers_and_another_sends_nothing(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, BAD_ROWS)
    first = run_here(job, sandbox)
    assert (first.exit_code, first.books.delivered, first.books.rejected) == (3, 1, 5)
    write_job(tmp_path, BAD_ROWS, more=', zoom = "search_result_clicked"')
    before = sandbox.stats()["attempts"]
    retried = run_here(job, sandbox, retry=RetryRequest())
    assert (retried.books.read, retried.books.delivered, retried.books.rejected) == (4, 2, 2)
    assert [note for note in retried.notes if "row 6" in note and "malformed" in note]
    assert books(job) == {"read": 6, "delivered": 3, "rejected": 3, "pending": 0}
    again = run_here(job, sandbox, retry=RetryRequest(code="unmapped_value"))
    assert (again.attempts, again.books.read) == (0, 0)
    assert sandbox.stats()["attempts"] == before + 2
    sent = {json.loads(event["body"])["searchQuery"] for event in sandbox.events()}
    assert {"what is 3?", "what is 5?"} <= sent


def test_a_retried_row_keeps_its_file_and_row_number(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, BAD_ROWS)
    run_here(job, sandbox)
    run_here(job, sandbox, retry=RetryRequest(code="unmapped_value"))
    said = call("rejects", job, "--sandbox", "--format", "jsonl")
    found = {(line["load"], line["file"], line["row"]) for line in map(json.loads, said.out.splitlines())}
    assert found == {
        (1, "log.csv", 2),
        (2, "log.csv", 3),
        (1, "log.csv", 4),
        (2, "log.csv", 5),
        (1, "log.csv", 6),
    }
    everything = call("rejects", job, "--sandbox", "--format", "jsonl", "--all")
    assert len(everything.out.splitlines()) == 7


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_mended_in_a_spreadsheet_are_delivered_once(
    tmp_path: Path, sandbox: SandboxProcess, separator: str
) -> None:
    job = write_job(tmp_path, BAD_ROWS)
    run_here(job, sandbox)
    changes = {
        2: {"at": "2024-02-01T00:00:00Z"},
        4: {"count": "7"},
        6: {"_raw": row_of(6)},
    }
    path = edit(job, tmp_path, changes, separator=separator)
    retried = run_here(job, sandbox, retry=RetryRequest(path))
    assert (retried.books.read, retried.books.delivered, retried.books.rejected) == (5, 3, 2)
    assert books(job) == {"read": 6, "delivered": 4, "rejected": 2, "pending": 0}
    before = sandbox.stats()["attempts"]
    again = run_here(job, sandbox, retry=RetryRequest(path))
    assert (again.books.read, sandbox.stats()["attempts"]) == (0, before)
    assert "retried or dismissed before" in again.notes[0]


def test_rows_mended_in_jsonl_are_delivered_and_the_rest_is_left(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, BAD_ROWS)
    run_here(job, sandbox)
    path = tmp_path / "edited.jsonl"
    call("rejects", job, "--sandbox", "-o", path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [line for line in lines if line["row"] == 3]
    kept[0]["source"]["action"] = "q"
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    retried = run_here(job, sandbox, retry=RetryRequest(path))
    assert (retried.books.read, retried.books.delivered) == (1, 1)
    assert books(job) == {"read": 6, "delivered": 2, "rejected": 4, "pending": 0}


def test_what_a_spreadsheet_damaged_is_undone_and_told_unless_meant(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zoom"), row_of(3, action="zoom")])
    run_here(job, sandbox)
    path = edit(job, tmp_path, {2: {"action": "q", "id": "2"}, 3: {"action": "q", "at": "1/31/2024 9:30"}})
    done = run_here(job, sandbox, retry=RetryRequest(path))
    assert (done.exit_code, done.books.delivered, done.left_out) == (0, 2, ())
    assert done.undone == (
        (
            "log.csv row 2: column `id` was `00002` and came as `2` in line 2 (zeros at the start were dropped): "
            "`00002` is kept"
        ),
        "log.csv row 3: column `at` was `2024-01-31T09:30:00Z` and came as `1/31/2024 9:30` in line 3 (a date was "
        "written another way): `2024-01-31T09:30:00Z` is kept",
    )
    assert done.notes == (
        *done.undone,
        "Where such a change was meant, take every cell as it came: --as-edited",
    )
    sent = [json.loads(event["body"]) for event in sandbox.events()]
    assert {body["createdAt"] for body in sent if body["searchQuery"] == "what is 3?"} == {
        "2024-01-31T09:30:00.000Z"
    }


def test_as_edited_takes_every_cell_as_it_came(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(3, action="zoom")])
    run_here(job, sandbox)
    path = edit(job, tmp_path, {2: {"action": "q", "at": "1/31/2024 9:30"}})
    meant = run_here(job, sandbox, retry=RetryRequest(path, as_edited=True))
    assert (meant.books.read, meant.books.rejected, meant.undone) == (1, 1, ())


@pytest.mark.parametrize(
    ("bad", "mended", "created_at"),
    [
        ("2024-03-10 02:30", "2024-03-10 03:30", "2024-03-10T07:30:00.000Z"),
        ("14/03/2024 09:12", "2024-03-14 09:12", "2024-03-14T13:12:00.000Z"),
        ("2024-11-03 01:30 ", "2024-11-03 00:30", "2024-11-03T04:30:00.000Z"),
        ("45365", "2024-03-14 00:00", "2024-03-14T04:00:00.000Z"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_cell_that_was_the_cause_may_change_in_any_way(
    tmp_path: Path, sandbox: SandboxProcess, bad: str, mended: str, created_at: str, form: str
) -> None:
    job = write_job(tmp_path, [row_of(n, at="2024-01-31 09:30") for n in range(1, 4)] + [row_of(7, at=bad)])
    spec = '{ column = "at", format = "%Y-%m-%d %H:%M", timezone = "America/New_York" }'
    text = job.read_text(encoding="utf-8").replace('{ column = "at" }', spec)
    job.write_text(text.replace('{ columns = ["id"] }', '{ duplicates = "collapse" }'), encoding="utf-8")
    assert run_here(job, sandbox).books.rejected == 1
    if form == "csv":
        path = edit(job, tmp_path, {4: {"at": mended}})
    else:
        path = tmp_path / "edited.jsonl"
        call("rejects", job, "--sandbox", "-o", path)
        path.write_text(path.read_text(encoding="utf-8").replace(f'"at":"{bad}"', f'"at":"{mended}"'))
    done = run_here(job, sandbox, retry=RetryRequest(path))
    assert (done.exit_code, done.books.delivered, done.undone) == (0, 1, ())
    assert created_at in {json.loads(event["body"])["createdAt"] for event in sandbox.events()}


def test_rows_that_are_left_out_are_listed_and_end_with_exit_3(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zoom"), *(f"{n},cut" for n in range(3, 30))])
    run_here(job, sandbox)
    path = edit(job, tmp_path, {2: {"action": "q"}})
    done = run_here(job, sandbox, retry=RetryRequest(path))
    assert (done.exit_code, done.books.delivered, len(done.left_out)) == (3, 1, 27)
    assert done.left_out[0] == (
        "log.csv row 3: the record is as malformed as it was; mend its text (`raw`) or fill in its columns in line 3"
    )
    assert done.notes[20] == "… and 7 more rows were left out; all of them: --json"
    assert done.to_json()["left_out"] == list(done.left_out)
    again = run_here(job, sandbox, retry=RetryRequest(path))
    assert (again.exit_code, len(again.left_out)) == (3, 27)


def test_the_same_file_again_is_settled_and_ends_well(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zoom")])
    run_here(job, sandbox)
    path = edit(job, tmp_path, {2: {"action": "q"}})
    assert run_here(job, sandbox, retry=RetryRequest(path)).exit_code == 0
    again = run_here(job, sandbox, retry=RetryRequest(path))
    assert (again.exit_code, again.left_out) == (0, ())
    assert again.notes == ("log.csv row 2: no open reject of load 1; it was retried or dismissed before",)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, BAD_ROWS)
    run_here(job, sandbox)
    before = sandbox.stats()["attempts"]
    said = call("retry", job, "--sandbox", "--dry-run", "--code", "unmapped_value", "--limit", "1")
    assert said.code == 0
    assert said.out.startswith("docs: 1 rejects would be tried again; nothing is staged or sent\n")
    assert "would be rejected  1  unmapped_value 1" in said.out
    assert sandbox.stats()["attempts"] == before
    assert books(job)["rejected"] == 5


def test_a_limit_takes_up_so_many_and_the_next_retry_the_others(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(n, action="zoom") for n in range(1, 8)])
    run_here(job, sandbox)
    write_job(
        tmp_path, [row_of(n, action="zoom") for n in range(1, 8)], more=', zoom = "search_result_clicked"'
    )
    assert run_here(job, sandbox, retry=RetryRequest(limit=3)).books.delivered == 3
    assert run_here(job, sandbox, retry=RetryRequest()).books.delivered == 4
    assert books(job) == {"read": 7, "delivered": 7, "rejected": 0, "pending": 0}


def test_what_the_server_refused_is_retried_from_the_ledger_too(tmp_path: Path) -> None:
    job = write_job(tmp_path, 30)
    with SandboxProcess("--reject", "100%") as strict:
        first = run_here(job, strict)
    assert (first.books.rejected, first.rejects) == (30, {"server_rejected": 30})
    with SandboxProcess() as mild:
        retried = run_here(job, mild, retry=RetryRequest(code="server_rejected"))
        assert mild.stats()["stored"] == 30
    assert retried.exit_code == 0
    assert books(job) == {"read": 30, "delivered": 30, "rejected": 0, "pending": 0}
    assert place_of(job).rejects_jsonl.read_text() == ""


def test_typed_rows_are_read_again_from_their_file_and_edits_take_its_types(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    frame = pl.DataFrame(
        {
            "id": ["1", "2"],
            "at": ["2024-01-31T09:30:00Z"] * 2,
            "action": ["q", None],
            "query": ["a", "b"],
            "count": [2**62, 3],
        }
    )
    frame.write_parquet(tmp_path / "log.parquet")
    job = write_job(tmp_path, paths="log.parquet")
    assert run_here(job, sandbox).books.rejected == 1
    path = edit(job, tmp_path, {2: {"action": "q", "count": "9"}})
    assert run_here(job, sandbox, retry=RetryRequest(path)).books.delivered == 1
    bodies = [json.loads(event["body"]) for event in sandbox.events()]
    assert {"count": 9} in [body.get("properties") for body in bodies]


def test_an_edited_file_that_is_none_is_refused(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, BAD_ROWS)
    run_here(job, sandbox)
    for text, expected in (
        ("a,b\n1,2\n", "Expected a reject with its load, file and row, found something else in its header"),
        ('{"row": 1}\n', "found something else in line 1"),
    ):
        path = write_rows(tmp_path / "edited", [])
        path.write_text(text)
        said = call("retry", job, "--sandbox", "--from", path)
        assert said.code == 4
        assert expected in said.err
    assert call("retry", job, "--sandbox", "--from", tmp_path / "nothing").code == 4
