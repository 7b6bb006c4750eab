import polars as pl

from etl.rejects.causes import cause_lines, group_causes


def frame() -> pl.DataFrame:
    rows = [
        {
            "file": "a.csv",
            "row": n,
            "line": None,
            "code": "missing_required",
            "column": "q",
            "reason": f"no {n}",
            "fix": "fill it",
            "status": None,
        }
        for n in range(1, 6)
    ]
    rows.append(
        {
            "file": "b.csv",
            "row": 1,
            "line": 7,
            "code": "server_rejected",
            "column": None,
            "reason": "bad\x1b[31m",
            "fix": "mend",
            "status": 422,
        }
    )
    return pl.DataFrame(rows, infer_schema_length=None)


def test_causes_are_grouped_most_frequent_first_with_examples_and_the_fix() -> None:
    assert list(cause_lines(group_causes([frame(), frame()], "code"))) == [
        "missing_required  10",
        "  a.csv row 1: no 1",
        "  a.csv row 2: no 2",
        "  a.csv row 3: no 3",
        "  … and 7 more",
        "  fix: fill it",
        "server_rejected  2",
        "  b.csv row 1 (line 7): bad␛[31m [422]",
        "  b.csv row 1 (line 7): bad␛[31m [422]",
        "  fix: mend",
    ]


def test_causes_can_be_grouped_by_column_and_by_file() -> None:
    assert [(cause.name, cause.count) for cause in group_causes([frame()], "column")] == [
        ("q", 5),
        ("(the whole record)", 1),
    ]
    assert [(cause.name, cause.count) for cause in group_causes([frame()], "file")] == [
        ("a.csv", 5),
        ("b.csv", 1),
    ]
