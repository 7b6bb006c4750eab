"""Small files are transformed together, and every row becomes what it becomes alone, in its file under its number."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.intake.batches import open_rows, transform_rows
from etl.job.load import parse_job
from etl.job.model import Job
from tests.workbench import call

JOB = """name = "j"
[source]
paths = ["in/*"]
{source}
[event]
entityType = {{ value = "search" }}
type = {{ value = "asked" }}
searchQuery = "q"
createdAt = "at"
[event.properties]
"*" = true
[upload]
endpoint = "http://127.0.0.1:9"
[limits]
max_rejects = "100%"
"""


def write(folder: Path, files: dict[str, str], source: str = "") -> Path:
    (folder / "in").mkdir()
    for name, text in files.items():
        (folder / "in" / name).write_text(text)
    (folder / "j.toml").write_text(JOB.format(source=source))
    return folder / "j.toml"


def job_at(path: Path) -> Job:
    return parse_job(path.read_text(), path)


def become(job: Job, files: list[int] | None = None, *, is_dry: bool = False) -> tuple[list[Any], int]:
    """Return what each row of the files becomes, with its file and number, and in how many batches."""
    source, plans = open_rows(job, datetime(2024, 6, 1, tzinfo=UTC), is_dry=is_dry)
    batches = list(transform_rows(source, plans, range(len(source.files)) if files is None else files))
    told: list[Any] = []
    for batch in batches:
        done = batch.transformed
        told += done.events.select("file", "row", "id", "body").rows()
        told += done.rejects.select("file", "row", "code", "source").rows()
        told += [(batch.file, record.row, record.code, record.raw) for record in batch.malformed]
        made = pl.concat([done.events["file"], done.rejects["file"]]).len() + len(batch.malformed)
        assert sum(batch.rows.values()) == made + done.skipped
    return sorted(told, key=lambda row: row[:2]), len(batches)


def some_files() -> dict[str, str]:
    """One row, several, none that is sound, a reject between, a malformed record, and a file with a column more."""
    good = "2024-01-31T09:30:00Z"
    return {
        "a.csv": f"q,at\na,{good}\n",
        "b.csv": f"q,at\nb,{good}\nb,never\nc,{good}\n",
        "c.csv": "q,at\nx,never\n",
        "d.csv": f"q,at\nd,{good}\nd\ne,{good}\n",
        "e.csv": f"q,at,more\ne,{good},m\n",
        "f.csv": f"q,at\nf,{good}\n",
        "g.ndjson": json.dumps({"q": "g", "at": good, "n": 1}) + "\n",
        "h.ndjson": json.dumps({"q": "h", "at": good, "n": "1"}) + "\n",
        "i.csv": f"q,at\na,{good}\n",
    }


@pytest.mark.parametrize("is_dry", [False, True])
def test_rows_of_many_files_become_what_they_become_alone(tmp_path: Path, is_dry: bool) -> None:
    job = job_at(write(tmp_path, some_files()))
    together, batches = become(job, is_dry=is_dry)
    alone = [row for file in range(9) for row in become(job, [file], is_dry=is_dry)[0]]
    assert together == alone
    assert [row[:2] for row in together] == [
        *(
            (0, 1),
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 1),
            (3, 1),
            (3, 2),
            (3, 3),
            (4, 1),
            (5, 1),
            (6, 1),
            (7, 1),
            (8, 1),
        )
    ]
    assert batches < 9


def test_a_function_of_the_job_sees_one_file_at_a_time(tmp_path: Path) -> None:
    files = {f"{n}.csv": f"q,at\n{n},2024-01-31T09:30:00Z\n" for n in range(3)}
    path = write(tmp_path, files, 'transform = "h.py:count"')
    (tmp_path / "h.py").write_text(
        "import polars as pl\ndef count(rows):\n    return rows.with_columns(q=pl.len().cast(pl.String))\n"
    )
    told, batches = become(job_at(path))
    assert batches == 3
    assert all(json.loads(body)["searchQuery"] == "1" for _, _, _, body in told)


def test_a_run_tells_the_file_of_each_reject(tmp_path: Path) -> None:
    path = write(tmp_path, some_files())
    assert call("run", "--sandbox", path).code == 3
    found = [
        json.loads(line) for line in call("rejects", "--sandbox", path, "--format", "jsonl").out.splitlines()
    ]
    places = sorted((one["file"], one["row"], one["code"]) for one in found)
    assert places == [
        ("in/b.csv", 2, "unparsable_timestamp"),
        ("in/c.csv", 1, "unparsable_timestamp"),
        ("in/d.csv", 2, "malformed_record"),
    ]
    shutil.rmtree(tmp_path / "in")
    assert call("rejects", "--sandbox", path).code == 0
