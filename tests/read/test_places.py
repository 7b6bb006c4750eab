"""Where a row is from is mapped like a column: the same in a folder, in an archive of it, and when it is retried."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl.job.load import load_job
from etl.sandbox.process import SandboxProcess
from etl.scaffold.preview import PreviewOptions, preview_job
from etl.values.whence import tell_whence
from tests.read.workbooks import write_xlsx
from tests.workbench import call

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = """
name = "places"
[source]
paths = ["{paths}"]
[event]
entityType = {{ value = "message" }}
type = {{ value = "user_message_submitted" }}
messageId = "id"
createdAt = "at"
{keys}
[event.properties]
channel = {{ source = "folder" }}
file = {{ source = "file", map = {map} }}
row = {{ source = "row" }}
folder = "folder"
[limits]
max_rejects = "100%"
"""
MAP = '{ "a.csv" = "A", "b.csv" = "B" }'


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.csv", ("a.csv", "jobs", None)),
        ("../logs/x/a.csv", ("a.csv", "x", None)),
        ("logs.zip!x/y/a.csv", ("a.csv", "y", None)),
        ("in/logs.tar.gz!a.csv", ("a.csv", "logs", None)),
        ("in/book.xlsx!Jan", ("book.xlsx", "in", "Jan")),
        ("a.zip!in/book.xlsx!Jan", ("book.xlsx", "in", "Jan")),
        ("s3://bucket/in/a.csv", ("a.csv", "in", None)),
        ("https://h/in/logs.zip!a.csv", ("a.csv", "logs", None)),
    ],
)
def test_the_name_of_a_file_tells_where_its_rows_are_from(name: str, wanted: tuple[str | None, ...]) -> None:
    found = tell_whence(name, Path("/home/me/jobs"))
    assert (found["(file)"], found["(folder)"], found["(sheet)"]) == wanted
    assert found["(path)"] == name


def write_logs(folder: Path) -> None:
    for channel, file, rows in (
        ("general", "a.csv", (1, 2)),
        ("help", "a.csv", (3,)),
        ("help", "b.csv", (4, 5)),
    ):
        place = folder / "logs" / channel / file
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"m{n},2024-05-01T08:00:0{n}Z,own {n}" for n in rows]
        place.write_text("\n".join(["id,at,folder", *lines, ""]), encoding="utf-8")


def write_job(folder: Path, paths: str, keys: str = "", mapping: str = MAP) -> Path:
    (folder / "job.toml").write_text(JOB.format(paths=paths, keys=keys, map=mapping), encoding="utf-8")
    return folder / "job.toml"


def bodies(job: Path) -> list[dict[str, Any]]:
    shown = preview_job(load_job(job), PreviewOptions(rows=20), started=NOW)
    return [row.event for row in shown.rows if row.event is not None]


def test_a_folder_of_folders_and_an_archive_of_it_give_the_same_events(tmp_path: Path) -> None:
    write_logs(tmp_path)
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        for file in sorted((tmp_path / "logs").rglob("*.csv")):
            archive.write(file, file.relative_to(tmp_path / "logs").as_posix())
    plain, packed = bodies(write_job(tmp_path, "logs/*/*.csv")), bodies(write_job(tmp_path, "logs.zip"))
    assert plain == packed
    assert [body["properties"] for body in plain] == [
        {"channel": "general", "file": "A", "folder": "own 1", "row": 1},
        {"channel": "general", "file": "A", "folder": "own 2", "row": 2},
        {"channel": "help", "file": "A", "folder": "own 3", "row": 1},
        {"channel": "help", "file": "B", "folder": "own 4", "row": 1},
        {"channel": "help", "file": "B", "folder": "own 5", "row": 2},
    ]


def test_a_retried_row_is_from_where_it_was(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_logs(tmp_path)
    job = write_job(tmp_path, "logs", mapping='{ "a.csv" = "A" }')
    assert call("run", "--quiet", "--sandbox", job).code == 3
    write_job(tmp_path, "logs")
    assert call("retry", "--sandbox", job).code == 0
    rows = json.loads(call("run", "--sandbox", "--json", job).out)["rows"]
    assert rows["read"] == 0
    whole = {json.dumps(body, sort_keys=True) for body in bodies(job)}
    said = call("verify", "--sandbox", job)
    assert (said.code, len(whole)) == (0, 5), said


def test_places_stand_in_ids_and_filters_too(tmp_path: Path) -> None:
    write_logs(tmp_path)
    by_key = bodies(write_job(tmp_path, "logs", 'id = { columns = ["(folder)", "id"] }'))
    assert len({body["id"] for body in by_key}) == 5
    job = write_job(tmp_path, "logs")
    text = job.read_text(encoding="utf-8").replace(
        "[event]", "[filter]\nsql = '''\"(folder)\" = 'help' '''\n[event]"
    )
    job.write_text(text, encoding="utf-8")
    assert json.loads(call("validate", "--json", job).out)["rows"]["skipped"] == 2


def test_the_sheet_of_a_row(tmp_path: Path) -> None:
    rows = [("id", "at", "folder"), ("m1", "2024-05-01T08:00:00Z", "x")]
    write_xlsx(tmp_path / "b.xlsx", sheets={"Jan": rows, "Feb": rows})
    job = write_job(tmp_path, "b.xlsx!*", mapping='{ "b.xlsx" = "book" }')
    text = job.read_text(encoding="utf-8").replace('source = "folder"', 'source = "sheet"')
    job.write_text(text, encoding="utf-8")
    assert [body["properties"]["channel"] for body in bodies(job)] == ["Jan", "Feb"]


def test_two_sources_are_refused(tmp_path: Path) -> None:
    write_logs(tmp_path)
    job = write_job(tmp_path, "logs", 'searchQuery = { column = "id", source = "file" }')
    said = call("validate", job)
    assert said.code == 2
    assert (
        "Expected exactly one of `column`, `value`, `sql`, `source`, found `column` and `source`" in said.err
    )
