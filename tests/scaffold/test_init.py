"""From files alone to a job file that runs, unedited, and delivers every good row with its own time."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl.errors import InputError, JobError
from etl.job.load import parse_job
from etl.report.init import Start
from etl.report.progress import SilentProgress
from etl.scaffold.init import StartOptions, start_job
from etl.scaffold.naming import name_job
from etl.validation.survey import DryOptions, validate_job
from etl.values.findings import Validation, render_time
from tests.guess.exports import EXPORTS
from tests.workbench import ROOT, SHARED_DATA, call

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLES = ROOT / "sample_data"


def start(folder: Path, *files: Path, **options: Any) -> Start:
    return start_job([str(file) for file in files], StartOptions(folder / "job.toml", **options), started=NOW)


def validate(made: Start) -> Validation:
    return validate_job(parse_job(made.text, made.path), DryOptions(), SilentProgress())


def check(made: Start) -> set[str]:
    return {decision.key for decision in made.decisions if decision.sureness == "check"}


@pytest.mark.parametrize("name", EXPORTS)
def test_each_export_is_recognised_and_every_row_becomes_an_event(tmp_path: Path, name: str) -> None:
    export = EXPORTS[name]
    file = tmp_path / "export.json"
    file.write_text("\n".join(map(json.dumps, export.rows)) + "\n", encoding="utf-8")
    made = start(tmp_path, file)
    assert made.preset == name
    assert made.trial.problem == ""
    assert (made.trial.read, made.trial.events) == (len(export.rows), len(export.rows))
    found = validate(made)
    assert found.outcome.books.pending == len(export.rows)
    assert found.forecast is not None
    assert render_time(found.forecast.first_at) == export.first_at
    assert {(kind.entity_type, kind.type): kind.events for kind in found.forecast.kinds} == export.kinds
    assert start(tmp_path, file, preset=name).text == made.text


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the real logs are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "rows", "first_at", "doubts"),
    [
        ("gitter_datascience.tsv", 7636, "2015-07-31T16:12:09Z", {"type"}),
        ("gitter_berlin.tsv", 130, "2015-07-02T14:35:59Z", {"type"}),
        ("search_log.tsv", 23, "2012-02-15T19:53:16Z", {"type"}),
    ],
)
def test_a_real_log_becomes_a_job_that_takes_every_row(
    tmp_path: Path, name: str, rows: int, first_at: str, doubts: set[str]
) -> None:
    made = start(tmp_path, SHARED_DATA / name, timezone="America/Los_Angeles")
    assert check(made) == doubts
    found = validate(made)
    assert (found.outcome.books.read, found.outcome.books.pending) == (rows, rows)
    assert found.forecast is not None
    assert render_time(found.forecast.first_at) == first_at


@pytest.mark.parametrize(
    ("files", "entities", "rejects"),
    [
        (["chat-messages-2024-q1.csv", "chat-messages-2024-q2.csv"], {"message"}, 7),
        (["conversations-2024.parquet"], {"conversation"}, 4),
        (["search-2023-03.tsv.gz", "search-2023-11.tsv.gz"], {"search"}, 10),
        (["widget-events.ndjson"], {"message", "conversation", "search"}, 7),
    ],
)
def test_a_sample_becomes_a_job_that_rejects_no_good_row(
    tmp_path: Path, files: list[str], entities: set[str], rejects: int
) -> None:
    made = start(tmp_path, *(SAMPLES / file for file in files), timezone="America/Los_Angeles")
    found = validate(made)
    assert found.forecast is not None
    assert {kind.entity_type for kind in found.forecast.kinds} == entities
    assert found.outcome.books.rejected == rejects


def test_what_the_file_cannot_tell_is_marked_in_the_job_file(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text(
        "query,when\n" + "".join(f"how {n},2/{n}/2012 11:53:16 AM\n" for n in range(13, 28)), encoding="utf-8"
    )
    made = start(tmp_path, file)
    assert check(made) == {"type", "createdAt"}
    assert made.text.count("# CHECK:") == 2
    assert "zone" in made.text


def test_semicolons_and_a_western_encoding_are_found(tmp_path: Path) -> None:
    file = tmp_path / "such.csv"
    rows = [f"wie lösche ich Schlüssel {n}?;2024-01-{n:02d}T10:00:00Z;{n},5\n" for n in range(1, 29)]
    file.write_text("query;ts;punkte\n" + "".join(rows), encoding="windows-1252")
    made = start(tmp_path, file)
    job = parse_job(made.text, made.path)
    assert (job.source.csv.separator, job.source.csv.encoding) == (";", "windows-1252")
    assert validate(made).outcome.books.pending == 28


def test_json_without_rows_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "chats.json"
    file.write_text('{\n"ids": [1]}', encoding="utf-8")
    with pytest.raises(InputError, match="Expected a list of objects, or one object a line, found neither"):
        start(tmp_path, file)


def test_an_unknown_preset_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="Did you mean mixpanel"):
        start(tmp_path, SAMPLES / "widget-events.ndjson", preset="mixpannel")


def test_a_preset_that_does_not_fit_says_which_columns_are_missing(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"found no `properties\.time`"):
        start(tmp_path, SAMPLES / "widget-events.ndjson", preset="mixpanel")


def test_a_file_without_rows_or_without_being_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        start(tmp_path, tmp_path / "gone.csv")
    (tmp_path / "head.csv").write_text("query,ts\n", encoding="utf-8")
    made = start(tmp_path, tmp_path / "head.csv")
    assert made.trial.read == 0


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("logs/search 2023.tsv.gz", "search-2023"),
        ("s3://b/k/events.ndjson?x=1", "events"),
        ("ü.csv", "my-job"),
    ],
)
def test_a_job_is_named_after_its_file(file: str, name: str) -> None:
    assert name_job(file) == name


def test_times_before_the_usual_limit_are_taken_where_they_are_many_and_asked_about(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text(
        "id,date\n" + "".join(f"{year},{year}-05-{year % 28 + 1:02d}\n" for year in range(1912, 2012))
    )
    made = start(tmp_path, old, timezone="UTC")
    assert "createdAt" in check(made)  # the dates have no time of day
    assert (
        "# CHECK: 88 times of the sample are before 2000, as early as 1912-05-09: is that so?\n"
        'not_before = "1912-01-01"\n'
    ) in made.text
    assert validate(made).outcome.books.pending == 100


def test_a_few_zeros_exported_as_dates_stay_rejects(tmp_path: Path) -> None:
    zeros = tmp_path / "zeros.csv"
    zeros.write_text(
        "id,at\n" + "".join(f"{n},{'1970-01-01' if n % 5 else '2020-01-01'}T00:00:00Z\n" for n in range(50))
    )
    made = start(tmp_path, zeros)
    assert "not_before" not in made.text
    assert made.trial.rejects == {"timestamp_out_of_range": 40}


def test_files_whose_times_nothing_reads_end_with_a_code_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "weeks.csv").write_text("id,when\n" + "".join(f"{n},week {n} of spring\n" for n in range(9)))
    said = call("init", tmp_path / "weeks.csv", "-o", tmp_path / "weeks.toml")
    assert said.code == 11
    assert (
        "check createdAt: no column of the sample holds times that can be read: `when` has `week 0 of spring`, "
        "`week 1 of spring`, `week 2 of spring`\n"
    ) in said.out
    assert (tmp_path / "weeks.toml").exists()


def test_a_time_that_more_rows_have_is_taken_instead(tmp_path: Path) -> None:
    rows = "".join(
        f"{n},{'' if n % 3 else '2020-01-01T10:00:00Z'},2020-01-01T10:00:0{n % 10}Z\n" for n in range(60)
    )
    (tmp_path / "two.csv").write_text("id,created_at,logged\n" + rows)
    made = start(tmp_path, tmp_path / "two.csv")
    assert parse_job(made.text, made.path).event.createdAt.column == "logged"
    assert made.trial.events == 60


def test_a_log_without_a_year_is_read_by_that_in_its_name(tmp_path: Path) -> None:
    months = ["Dec"] * 5 + ["Jan"] * 5
    rows = (f"{n},{month} {n + 1:2d} 10:00:{n:02d}\n" for n, month in enumerate(months))
    (tmp_path / "app-2019.csv").write_text("id,at\n" + "".join(rows))
    made = start(tmp_path, tmp_path / "app-2019.csv", timezone="UTC")
    assert "createdAt" in check(made)
    found = validate(made)
    assert found.outcome.books.pending == 10
    assert found.forecast is not None
    assert (render_time(found.forecast.first_at), render_time(found.forecast.last_at)) == (
        "2019-12-01T10:00:00Z",
        "2020-01-10T10:00:09Z",
    )


def test_of_a_large_file_of_objects_only_the_head_is_looked_at(tmp_path: Path) -> None:
    line = '{"id": "%d", "at": "2024-01-31T09:30:00Z"}\n'
    with (tmp_path / "big.ndjson").open("w") as file:
        file.write("".join(line % number for number in range(400_000)))
        file.truncate(10 << 30)
    began = time.process_time()
    made = start(tmp_path, tmp_path / "big.ndjson")
    assert time.process_time() - began < 10  # all of it would take minutes
    assert (made.trial.problem, made.trial.events) == ("", 20_000)
