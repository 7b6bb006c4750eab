"""Rejects that are tried again come by file and row, some at a time, as they were."""

import json

import polars as pl

from etl.intake.mended import RowKey
from etl.intake.taken_rows import ROWS_AT_ONCE, TakenRow, TakenRows


def frame(load: int, file: str, rows: range, **values: object) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "load": load,
            "file": file,
            "row": list(rows),
            "source": [json.dumps({"row": row} | values) for row in rows],
        }
    )


def test_rows_of_several_loads_come_by_file_and_row_some_at_a_time() -> None:
    rows = TakenRows(
        [
            frame(1, "b.csv", range(1, ROWS_AT_ONCE + 4)),
            frame(2, "a.csv", range(5, 7)),
            frame(1, "a.csv", range(1, 3)),
        ]
    )
    assert (len(rows), rows.files) == (ROWS_AT_ONCE + 7, ["a.csv", "b.csv"])
    chunks = list(rows.chunks())
    assert [(file, len(some)) for file, some in chunks] == [
        ("a.csv", 4),
        ("b.csv", ROWS_AT_ONCE),
        ("b.csv", 3),
    ]
    assert [row.key for row in chunks[0][1]] == [
        RowKey(1, "a.csv", 1),
        RowKey(1, "a.csv", 2),
        RowKey(2, "a.csv", 5),
        RowKey(2, "a.csv", 6),
    ]
    assert len(rows.of_files(["b.csv"])) == ROWS_AT_ONCE + 3


def test_columns_are_those_of_all_rows_and_values_keep_every_digit() -> None:
    rows = TakenRows(
        [frame(1, "a.ndjson", range(1, 2), big=2**70), frame(1, "a.ndjson", range(2, 3), text="x")]
    )
    assert rows.columns() == ["row", "big", "text"]
    [(_, some)] = rows.chunks()
    assert [row.values for row in some] == [{"row": 1, "big": 2**70}, {"row": 2, "text": "x"}]


def test_only_what_a_person_edited_counts_as_edited() -> None:
    edited = TakenRow(RowKey(1, "a", 2), {"a": "1", "b": None}, frozenset({"b"}))
    rows = TakenRows.of([edited, TakenRow(RowKey(1, "a", 1), {"a": "0", "b": "x"})])
    assert rows.edits() == [edited]
    assert rows.keys.rows() == [(1, "a", 1), (1, "a", 2)]
