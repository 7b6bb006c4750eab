"""Separator, quote, escape and the place of the table are told from the records; the columns from their cells."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.guess.columns import guess_null_values, name_columns
from etl.guess.delimited import read_dialect
from etl.guess.dialect import SEPARATORS, Cut, cut_records, guess_cut
from etl.guess.heads import has_header

ROWS = [
    (f"u{number}", f"2024-01-{number % 28 + 1:02d} 10:00", f"what, is; {number}|?", str(number))
    for number in range(40)
]
NAMES = ("user", "time", "query", "n")
PLAIN = "a,at,n\n" + "".join(f"x{number},2024-01-0{number} 10:00,{number}.5\n" for number in range(1, 9))


def write(rows: list[Any], separator: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue()


def shape_of(text: str, usual: str = ",") -> dict[str, Any]:
    dialect, _ = read_dialect(text, "utf-8", usual, is_whole=True)
    found = {"separator": dialect.separator} if dialect.separator != usual else {}
    return {**found, **dialect.shape, **({"columns": dialect.columns} if dialect.columns is not None else {})}


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("usual", [",", "\t"])
def test_the_separator_is_found_whatever_the_name_promises(separator: str, usual: str) -> None:
    assert guess_cut(write(ROWS, separator), usual)[0] == Cut(separator)


@settings(deadline=None)
@given(st.lists(st.lists(st.text('ab"\n'), min_size=3, max_size=3), min_size=3, max_size=20))
def test_records_that_the_usual_separator_splits_evenly_are_never_split_by_another(rows: Any) -> None:
    assert guess_cut(write(rows, ","), ",")[0].separator == ","


@settings(deadline=None)
@given(st.lists(st.lists(st.text("ab ,\"'\n\\", max_size=5), min_size=2, max_size=4), min_size=1, max_size=8))
def test_records_are_cut_as_they_were_written(rows: Any) -> None:
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    assert [record.cells for record in cut_records(text, Cut(","), 100)] == [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (PLAIN, {}),
        ("sep=;\n" + PLAIN.replace(",", ";"), {"separator": ";", "skip_lines": 1}),
        ("Searches of May\n\nmade by hand\n" + PLAIN, {"skip_lines": 3}),
        ("Searches of May,,\n,,\n" + PLAIN, {"skip_lines": 2}),
        ("who,when,\n" + PLAIN, {"skip_lines": 1}),
        (PLAIN.replace("\n", "\n-,[UTC],[m]\n", 1), {"skip_below_header": 1}),
        (PLAIN.replace("\n", "\n-----\n", 1), {"skip_below_header": 1}),
        (PLAIN + "Total,,36\n", {"comment": "Total"}),
        (PLAIN + "(8 rows)\n", {"comment": "("}),
        ("# made by x\n# for y\n" + PLAIN + "# end\n", {"comment": "#"}),
        ("#" + PLAIN, {"comment": "#", "header_prefix": "#"}),
        ("#Version: 1.0\n#Fields: " + PLAIN, {"comment": "#", "header_prefix": "#Fields: "}),
        ("#fields\t" + PLAIN.replace(",", "\t"), {"separator": "\t", "comment": "#", "header_prefix": "#fields\t"}),
        (PLAIN.replace("\n", ",b,c\n", 1), {"short_records": "fill"}),
        ('a, "b", c\n' + '1, "x, y", 3\n' * 9, {"skip_initial_space": True}),
        ('a,b\n' + '1,"he said \\"no\\", twice"\n' * 9, {"escape": "\\"}),
        ("a,b\n" + "'1','it is, so'\n" * 9, {"quote": "'"}),
        (
            PLAIN.replace("\n", ",\n").replace(",\n", "\n", 1),
            {"skip_lines": 1, "columns": ("a", "at", "n", "column_4")},
        ),
    ],
)  # fmt: skip
def test_what_stands_around_the_rows_is_said_in_the_job(text: str, shape: dict[str, Any]) -> None:
    assert shape_of(text) == shape


def test_a_header_that_comes_again_is_noticed() -> None:
    dialect, remarks = read_dialect(PLAIN + PLAIN, "utf-8", ",", is_whole=True)
    assert dialect.repeated == "a"
    assert remarks[-1] == "the header comes again between the rows"


def test_a_header_is_told_from_rows() -> None:
    assert has_header([NAMES, *ROWS])[0]
    assert not has_header(ROWS)[0]
    assert not has_header([("a", "b"), ("x", "b"), ("a", "b")])[0]


def test_columns_without_names_are_named_after_what_they_hold() -> None:
    rows = [
        (
            f"{number:024x}",
            "2016-09-17T11:02:18.303Z",
            "room/one",
            f"how do I reset {number * 37}" + "?" * (number % 9),
            "7",
        )
        for number in range(30)
    ]
    assert name_columns(rows) == ("id", "time", "code", "text", "number")


def test_null_markers_are_whole_cells_and_doubtful_ones_need_numbers_beside_them() -> None:
    rows = [["NULL", "NA", str(number)] for number in range(10)] + [["x", "FR", "n/a"]]
    assert guess_null_values(rows) == ("", "NULL", "n/a")
