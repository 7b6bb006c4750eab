"""Workbooks: the rows of a sheet with times exact, errors told, and numbered as a person sees them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import InputError, JobError
from etl.job.model import ExcelSpec
from etl.read.excel.reader import ExcelReader
from etl.read.excel.workbook import MOST_SHEET_BYTES
from etl.read.files import SourcePath
from etl.read.source import open_source
from etl.sandbox.process import SandboxProcess
from tests.read.sources import gather, job_over
from tests.read.workbooks import write_workbook, write_xls, write_xlsx
from tests.workbench import ROOT, call

Cells = Sequence[Sequence[Any]]
HEAD = ("id", "at", "query", "n")
WHEN = datetime(2024, 1, 31, 9, 30)
ROWS: list[tuple[Any, ...]] = [
    HEAD,
    *((f"e{n}", WHEN + timedelta(hours=n), f"what is {n}?", n) for n in range(1, 6)),
]


def read(path: Path, **spec: Any) -> tuple[list[tuple[Any, ...]], list[Any]]:
    source = SourcePath(path.name, path, "excel", None)
    return gather(ExcelReader(source, ExcelSpec.model_validate(spec, strict=False), uses=frozenset).batches())


@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".ods"])
def test_each_kind_of_workbook_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    rows, malformed = read(write_workbook(tmp_path / f"book{suffix}", ROWS))
    mark = "T" if suffix == ".ods" else " "  # as OpenDocument itself writes it
    assert rows[:2] == [
        (1, "e1", f"2024-01-31{mark}10:30:00", "what is 1?", "1"),
        (2, "e2", f"2024-01-31{mark}11:30:00", "what is 2?", "2"),
    ]
    assert (len(rows), malformed) == (5, [])


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=20), st.booleans()
)
def test_a_time_is_read_to_the_millisecond(times: list[datetime], from_1904: bool) -> None:
    wanted = [at.replace(microsecond=at.microsecond // 1000 * 1000) for at in times]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.xlsx"
        rows, _ = read(write_xlsx(path, [["at"], *([at] for at in wanted)], date_1904=from_1904))
    assert [datetime.fromisoformat(row[1]) for row in rows] == wanted


@pytest.mark.parametrize("from_1904", [False, True])
def test_every_kind_of_cell_is_its_text(tmp_path: Path, from_1904: bool) -> None:
    cells = [
        "007",
        12,
        1.5,
        True,
        "=6*7",
        time(9, 30, 5),
        timedelta(days=1, hours=12, seconds=3),
        "2024-01-31",
        1e15,
    ]
    head = [f"c{n}" for n in range(len(cells))]
    path = write_xlsx(tmp_path / "cells.xlsx", [head, cells], date_1904=from_1904)
    assert read(path)[0] == [
        (1, "007", "12", "1.5", "true", "42", "09:30:05", "36:00:03", "2024-01-31", "1000000000000000")
    ]


def test_elapsed_times_beside_words_stay_elapsed(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", [["t"], [timedelta(hours=30)], ["n/a"], [timedelta(minutes=5)]])
    assert [row[1] for row in read(path)[0]] == ["30:00:00", "n/a", "00:05:00"]


def test_rows_are_numbered_as_the_sheet_numbers_them(tmp_path: Path) -> None:
    cells: Cells = [["Report"], [], ["id", "n"], ["a", 1], [], ["b", 2]]
    source = open_source(
        job_over(tmp_path, str(write_xlsx(tmp_path / "b.xlsx", cells)), excel=ExcelSpec(skip_rows=1))
    )
    (batch,) = source.batches(0)
    assert batch.frame.rows() == [(1, 4, "a", "1"), (2, 6, "b", "2")]


JOB = """
name = "book"
[source]
paths = ["{paths}"]
{source}
[event]
entityType = {{ value = "search" }}
type = {{ value = "search_query_submitted" }}
searchQuery = "query"
createdAt = {{ column = "at", timezone = "UTC" }}
[event.properties]
n = {{ column = "n", cast = "int" }}
[limits]
max_rejects = "90%"
"""


def write_job(folder: Path, paths: str, source: str = "") -> Path:
    path = folder / "book.toml"
    path.write_text(JOB.format(paths=paths, source=source), encoding="utf-8")
    return path


def test_an_error_in_a_column_that_counts_is_a_reject_that_can_be_mended(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    bad = [
        (*HEAD, "unused"),
        ("e1", WHEN, "#REF!", 1, 1),
        ("e2", WHEN, "fine", 2, "#N/A"),
        ("e3", "soon", "x", 3, 1),
    ]
    job = write_job(tmp_path, str(write_xlsx(tmp_path / "book.xlsx", bad).name))
    assert call("run", "--quiet", "--sandbox", job).code == 3
    rejects = [
        json.loads(line) for line in call("rejects", "--sandbox", "--format", "jsonl", job).out.splitlines()
    ]
    assert [(one["file"], one["row"], one["line"], one["code"], one["reason"]) for one in rejects] == [
        ("book.xlsx!Data", 1, 2, "malformed_record", "the cell of column `query` holds the error #REF!"),
        ("book.xlsx!Data", 3, 4, "unparsable_timestamp", rejects[1]["reason"]),
    ]
    assert rejects[0]["raw"] == "e1,2024-01-31 09:30:00,#REF!,1,1"
    assert "null_values = [" in call("rejects", "--sandbox", job).out
    rejects[0]["raw"] = rejects[0]["raw"].replace("#REF!", '"what, now?"')
    rejects[1]["source"]["at"] = "2024-02-01 08:00:00"
    (tmp_path / "mended.jsonl").write_text("\n".join(map(json.dumps, rejects)), encoding="utf-8")
    said = call("retry", "--sandbox", "--from", tmp_path / "mended.jsonl", job)
    assert (said.code, "delivered  2" in said.out) == (0, True), said
    nulls = write_job(tmp_path, "book.xlsx", '[source.excel]\nnull_values = ["", "#REF!"]')
    assert json.loads(call("validate", "--json", nulls).out)["rejects"] == {
        "missing_required": 1,
        "unparsable_timestamp": 1,
    }


def test_a_sheet_and_the_csv_of_it_give_the_same_ids(tmp_path: Path) -> None:
    for suffix in (".xlsx", ".xls", ".ods"):
        write_workbook(tmp_path / f"rows{suffix}", ROWS)
    lines = [",".join(map(str, row)) for row in ROWS]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = json.loads(call("validate", "--json", write_job(tmp_path, "rows.*")).out)["rows"]
    assert (rows["read"], rows["duplicate"], rows["rejected"]) == (20, 15, 0)


def test_a_workbook_is_a_job_without_an_edit(tmp_path: Path) -> None:
    sheets: dict[str, Cells] = {
        "Notes": [["This is about searches"]],
        "Searches": [["Searches of our docs, 2024"], [], HEAD, *ROWS[1:]],
        "Lookup": [["x"]] * 20,
    }
    write_xlsx(tmp_path / "book.xlsx", sheets=sheets, hidden=["Lookup"])
    said = call("init", tmp_path / "book.xlsx", "-o", tmp_path / "book.toml")
    assert said.code == 0, said.err
    text = (tmp_path / "book.toml").read_text(encoding="utf-8")
    assert '# CHECK: the most rows; the others are "Notes" with 1\nsheet = "Searches"\n' in text
    assert "[source.excel]\nskip_rows = 2   # titles and notes above the rows\n" in text
    assert 'n = { column = "n", cast = "int" }' in text
    found = json.loads(call("validate", "--json", tmp_path / "book.toml").out)
    assert (found["rows"]["read"], found["rows"]["rejected"]) == (5, 0)
    assert "Searches row 1" in call("preview", tmp_path / "book.toml").out


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("two.xlsx", "", "Expected one sheet with rows, found 2: `Jan`, `Feb` - two.xlsx\n"
            'Say which: sheet = "Jan" under [source]; all of them: sheet = "*"\n'),
        ("two.xlsx", 'sheet = "Mar"', "Expected a sheet called `Mar`, found `Jan`, `Feb`, `Hid` - two.xlsx\n"
            'Name one of these: sheet = "NAME" under [source]\n'),
        ("junk.xlsx", "", "Expected a whole workbook, found: Xlsx error: Zip error: invalid Zip archive: Could not "
            "find EOCD - junk.xlsx\nOpen it in a spreadsheet and save it again as .xlsx: it is truncated or damaged\n"),
        ("text.xls", "", "Expected a workbook, found a web page (HTML) - text.xls\nOpen it in a spreadsheet and save "
            'it as .xlsx, or where it is CSV by another name: format = "csv" under [source]\n'),
    ],
)  # fmt: skip
def test_what_is_no_sheet_is_explained(tmp_path: Path, path: str, source: str, said: str) -> None:
    write_xlsx(tmp_path / "two.xlsx", sheets={"Jan": ROWS, "Feb": ROWS[:3], "Hid": ROWS}, hidden=["Hid"])
    (tmp_path / "junk.xlsx").write_bytes(b"PK\x03\x04junk")
    (tmp_path / "text.xls").write_text("<html>", encoding="utf-8")
    came = call("validate", write_job(tmp_path, path, source))
    assert (came.code, came.err) == (4, said)


def test_a_workbook_by_another_name_is_read_or_explained(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "new.xlsx", ROWS).rename(tmp_path / "new.xls")
    assert json.loads(call("validate", "--json", write_job(tmp_path, "new.xls")).out)["rows"]["read"] == 5
    write_xls(tmp_path / "old.xls", ROWS).rename(tmp_path / "old.xlsx")
    said = call("validate", write_job(tmp_path, "old.xlsx"))
    assert (said.code, said.err) == (
        4,
        "Expected a workbook as its name says, found one with a password, or an old .xls - old.xlsx\n"
        "Save a copy without a password, or name it .xls where that is what it is\n",
    )


@pytest.mark.parametrize(
    ("path", "source", "read"),
    [("two.xlsx", 'sheet = "*"', 7), ("two.xlsx!F*", "", 2), ("two.xlsx!Hid", "", 5)],
)
def test_sheets_are_chosen_by_pattern_and_hidden_ones_by_name(
    tmp_path: Path, path: str, source: str, read: int
) -> None:
    write_xlsx(tmp_path / "two.xlsx", sheets={"Jan": ROWS, "Feb": ROWS[:3], "Hid": ROWS}, hidden=["Hid"])
    assert (
        json.loads(call("validate", "--json", write_job(tmp_path, path, source)).out)["rows"]["read"] == read
    )


def test_a_sheet_without_a_header_takes_the_names_of_the_job(tmp_path: Path) -> None:
    path = write_xls(tmp_path / "b.xls", ROWS[1:])
    assert read(path, header=False, columns=HEAD)[0][0][1] == "e1"
    with pytest.raises(JobError, match=r"Expected 4 names, as many as b\.xls has columns, found 2"):
        read(path, header=False, columns=("a", "b"))


def test_a_sheet_that_memory_would_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", ROWS)
    monkeypatch.setattr("etl.read.excel.workbook.MOST_SHEET_BYTES", 100)
    with pytest.raises(InputError, match="Save the sheet as CSV"):
        read(path)
    assert MOST_SHEET_BYTES == 1 << 29


def test_without_the_library_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    job = write_job(tmp_path, write_xlsx(tmp_path / "b.xlsx", ROWS).name)
    code = "import sys; sys.modules['fastexcel'] = None; from etl.cli import main; main()"
    came = subprocess.run(
        [sys.executable, "-c", code, "validate", str(job)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (came.returncode, came.stderr) == (
        2,
        "Expected the library that reads workbooks, found it isn't installed - b.xlsx\n"
        "Install it: pip install 'inkeep-backfill[excel]', or save the sheet as CSV (UTF-8)\n",
    )


@pytest.mark.parametrize("at", [0x1204, 48, 76])
def test_an_xls_whose_sectors_lead_in_a_circle_is_refused_at_once(tmp_path: Path, at: int) -> None:
    path = write_xls(tmp_path / "b.xls", ROWS)
    data = bytearray(path.read_bytes())
    table = 512 + 512 * int.from_bytes(data[76:80], "little")
    place = table + at - 0x1200 if at >= 0x1200 else at
    data[place : place + 4] = (1).to_bytes(4, "little")  # the second sector comes after itself, or twice
    path.write_bytes(data)
    with pytest.raises(InputError, match="Expected a whole workbook, found"):
        read(path)
