"""Separator, header and null markers are told from the records."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.guess.dialect import (
    SEPARATORS,
    guess_null_values,
    guess_separator,
    has_header,
    name_columns,
    split_sample,
)

ROWS = [
    [f"u{number}", f"2024-01-{number % 28 + 1:02d} 10:00", f"what, is; {number}|?", str(number)]
    for number in range(40)
]


def write(rows: list[list[str]], separator: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("usual", [",", "\t"])
def test_the_separator_is_found_whatever_the_name_promises(separator: str, usual: str) -> None:
    assert guess_separator(write(ROWS, separator), usual)[0] == separator


@given(st.lists(st.lists(st.text('ab "\n'), min_size=3, max_size=3), min_size=3, max_size=20))
def test_records_that_the_usual_separator_splits_evenly_are_never_split_by_another(rows: Any) -> None:
    assert guess_separator(write(rows, ","), ",")[0] == ","


def test_a_header_is_told_from_rows() -> None:
    assert has_header([["user", "time", "query", "n"], *ROWS])[0]
    assert not has_header(ROWS)[0]
    assert not has_header([["a", "b"], ["x", "b"], ["a", "b"]])[0]


def test_columns_without_names_are_named_after_what_they_hold() -> None:
    rows = [
        [
            f"{number:024x}",
            "2016-09-17T11:02:18.303Z",
            "room/one",
            f"how do I reset {number * 37}" + "?" * (number % 9),
            "7",
        ]
        for number in range(30)
    ]
    assert name_columns(rows) == ("id", "time", "code", "text", "number")


def test_null_markers_are_whole_cells_and_doubtful_ones_need_numbers_beside_them() -> None:
    rows = [["NULL", "NA", str(number)] for number in range(10)] + [["x", "FR", "n/a"]]
    assert guess_null_values(rows) == ("", "NULL", "n/a")


def test_the_last_record_that_a_sample_may_cut_is_left_out() -> None:
    assert split_sample("a,b\n1,2\n3", ",") == [["a", "b"], ["1", "2"]]
