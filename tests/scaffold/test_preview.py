"""Rows are shown beside their events, and no more of the file is read than that takes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl.errors import InputError
from etl.job.load import load_job
from etl.report.preview import Preview
from etl.scaffold.preview import PreviewOptions, preview_job
from tests.workbench import row_of, write_job, write_rows

ROWS = [row_of(1), row_of(2, action="zap"), "3,short", row_of(4, at="never"), row_of(5)]


def preview(job: Path, **options: Any) -> Preview:
    return preview_job(load_job(job), PreviewOptions(**options), started=datetime(2026, 1, 1, tzinfo=UTC))


def fates(found: Preview) -> list[tuple[int, str]]:
    return [(row.row, row.code or row.fate) for row in found.rows]


def test_the_first_rows_come_in_order_with_what_becomes_of_each(tmp_path: Path) -> None:
    found = preview(write_job(tmp_path, ROWS), rows=4)
    assert fates(found) == [
        (1, "event"),
        (2, "unmapped_value"),
        (3, "malformed_record"),
        (4, "unparsable_timestamp"),
    ]
    event = found.rows[0].event
    assert event is not None
    assert (event["searchQuery"], event["createdAt"]) == ("what is 1?", "2024-01-31T09:30:00.000Z")
    assert found.rows[0].cells["query"] == "what is 1?"
    assert found.rows[2].cells == {"": "3,short"}


def test_one_row_is_found_by_its_number(tmp_path: Path) -> None:
    job = write_job(tmp_path, 100_000)
    assert fates(preview(job, rows=1, row=99_999)) == [(99_999, "event")]
    with pytest.raises(InputError, match="Expected row 100001, found 100,000 rows"):
        preview(job, rows=1, row=100_001)


def test_rejects_only_are_looked_for_in_every_file(tmp_path: Path) -> None:
    job = write_job(tmp_path, paths="*.csv")
    write_rows(tmp_path / "a.csv", [row_of(1)] * 9)
    write_rows(tmp_path / "b.csv", ROWS)
    found = preview(job, rows=2, rejects_only=True)
    assert [(row.file, row.row) for row in found.rows] == [("b.csv", 2), ("b.csv", 3)]


def test_no_rejects_is_no_error(tmp_path: Path) -> None:
    assert preview(write_job(tmp_path), rejects_only=True).rows == ()


def test_rows_that_the_filter_leaves_out_are_shown_as_skipped(tmp_path: Path) -> None:
    found = preview(write_job(tmp_path, ROWS, top="[filter]\nsql = \"id <> '00001'\""), rows=2)
    assert fates(found) == [(1, "skipped"), (2, "unmapped_value")]


def test_columns_that_no_field_uses_are_dropped_and_the_others_traced(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    job.write_text(job.read_text().replace('count = { column = "count", cast = "int" }', ""))
    found = preview(job)
    assert found.dropped == ("count",)
    assert found.origins["searchQuery"] == ("query",)
    assert found.origins["entityType"] == ()


def test_only_the_first_file_is_touched_where_it_has_enough(tmp_path: Path) -> None:
    job = write_job(tmp_path, paths="*.csv")
    write_rows(tmp_path / "a.csv", [row_of(n) for n in range(10)])
    write_rows(tmp_path / "b.csv", ["bad"])
    assert preview(job, rows=5).looked_at == 10
