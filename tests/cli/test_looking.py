"""`status` and `rejects`, as the command line says them."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest

from tests.workbench import call, row_of, write_job

ROWS = [row_of(1), row_of(2, at="n/a"), row_of(3, action="=1+1"), row_of(4, action="zoom"), "5,cut"]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_job(tmp_path_factory.mktemp("looking"), ROWS)
    assert call("run", "--sandbox", path).code == 3
    return path


def test_the_status_of_a_job_that_ended_has_its_books_and_its_rejects(job: Path) -> None:
    said = call("status", job, "--sandbox")
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0] == "docs: complete, 100% of 5 rows settled"
    assert "  rejected   4  unmapped_value 2, malformed_record 1, unparsable_timestamp 1" in lines
    assert lines[-1] == f"See them by cause: backfill rejects {job} --sandbox"


def test_the_status_as_json(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.cli.status.STARTING_SECONDS", 0.4)
    status = json.loads(call("status", job, "--sandbox", "--json", "--watch").out)
    assert (status["state"], status["percent"], status["attempts"], status["last_exit_code"]) == (
        "complete",
        100.0,
        1,
        3,
    )
    assert status["rows"] == {
        "read": 5,
        "delivered": 1,
        "rejected": 4,
        "duplicate": 0,
        "skipped": 0,
        "pending": 0,
    }


def test_a_job_that_never_ran_is_said_to_and_nothing_is_made(job: Path) -> None:
    assert call("status", job).out == f"docs: never run\nStart it: backfill run {job}\n"
    assert call("rejects", job).err.startswith("docs: never run, so nothing was rejected\n")
    assert call("retry", job, "--dry-run").err.startswith("docs: never run")
    assert call("reset", job, "--yes").out == "docs: never run, so there is nothing to forget\n"
    assert [path.name for path in (job.parent / ".backfill").iterdir() if path.name == "docs"] == []


def test_rejects_are_grouped_by_cause_with_the_line_of_the_job_file(job: Path) -> None:
    said = call("rejects", job, "--sandbox")
    assert said.out.splitlines()[:4] == [
        "docs: 4 rejects, by code",
        "unmapped_value  2",
        "  log.csv row 3 (line 4): expected one of q, found `=1+1`",
        "  log.csv row 4 (line 5): expected one of q, found `zoom`",
    ]
    assert (
        f'fix: {job} line 9: add them to the map, as in "=1+1" = "…", or give a `default` for all others'
        in said.out
    )


def test_rejects_can_be_filtered(job: Path) -> None:
    one = call("rejects", job, "--sandbox", "--code", "malformed_record", "--format", "jsonl")
    (line,) = map(json.loads, one.out.splitlines())
    assert (line["row"], line["line"], line["raw"], line["source"]) == (5, 6, "5,cut", None)
    assert call("rejects", job, "--sandbox", "--load", "9").code == 2
    assert call("rejects", job, "--sandbox", "--code", "nonsense").code == 2


def test_the_csv_of_the_rejects_opens_as_text_in_a_spreadsheet(job: Path, tmp_path: Path) -> None:
    said = call("rejects", job, "--sandbox", "--format", "csv")
    assert said.out.startswith("\ufeff_load,_file,_row,")
    rows = list(csv.DictReader(io.StringIO(said.out.removeprefix("\ufeff"), newline="")))
    assert [row["action"] for row in rows] == ["q", "'=1+1", "zoom", ""]
    path = tmp_path / "rejects.parquet"
    told = call("rejects", job, "--sandbox", "-o", path)
    assert told.err == f"docs: 4 rejects written to {path}\n"
    assert pl.read_parquet(path)["row"].to_list() == [2, 3, 4, 5]


def test_a_file_that_cannot_be_written_is_a_fault_of_the_disk(job: Path, tmp_path: Path) -> None:
    said = call("rejects", job, "--sandbox", "-o", tmp_path / "no" / "rejects.csv")
    assert said.code == 7
    assert "No such file or directory" in said.err
