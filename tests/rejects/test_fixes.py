"""The fix of a cause names the user's own column, key or line."""

from collections import Counter
from pathlib import Path

import pytest

from etl.job.load import parse_job
from etl.rejects.fixes import WHAT, describe_cause, explain_fixes
from etl.rejects.tally import Cause
from etl.values.findings import Example, Finding
from etl.values.reject import RejectCode

JOB = parse_job(
    """name = "a"
[source]
paths = ["a.csv"]
[event]
entityType = "entity"
messageId = "mid"
type = { column = "action", map = { a = "b" } }
createdAt = { column = "ts", format = "epoch_ms" }
[event.properties]
n = { column = "count", cast = "int" }
""",
    Path("a.toml"),
)


def describe(code: str, field: str = "", column: str = "", *found: str) -> Finding:
    return describe_cause(
        JOB, Cause(code, field, column, 1, [Example("a.csv", 4, 5, "why")], Counter(found)), 10
    )


@pytest.mark.parametrize("code", [code.value for code in RejectCode])
def test_each_code_is_told_in_words_and_has_a_fix(code: str) -> None:
    finding = describe(code, "createdAt", "ts")
    assert code in WHAT
    assert finding.what != code
    assert len(finding.fix) > 15


@pytest.mark.parametrize(
    ("code", "field", "column", "found", "line", "fix"),
    [
        ("unmapped_value", "type", "action", "zap", 7, 'as in "zap" = "…"'),
        (
            "unparsable_value",
            "properties.n",
            "count",
            "x",
            10,
            'leave out cast = "int"',
        ),
        ("missing_required", "messageId", "mid", "", 6, "fill `mid` in these rows"),
        (
            "unparsable_timestamp",
            "createdAt",
            "ts",
            "1700000000",
            8,
            'format = "epoch_s"',
        ),
        (
            "unparsable_timestamp",
            "createdAt",
            "ts",
            "2024-01-31 09:30:00",
            8,
            "timezone = ",
        ),
        (
            "timestamp_out_of_range",
            "createdAt",
            "ts",
            "1970-01-20T16:13:20Z",
            8,
            "seconds read as milliseconds",
        ),
        ("malformed_record", "", "", "", None, "a.csv line 5"),
    ],
)
def test_the_fix_points_at_the_line_or_the_cell(
    code: str, field: str, column: str, found: str, line: int | None, fix: str
) -> None:
    finding = describe(code, field, column, *([found] if found else []))
    assert finding.job_line == line
    assert fix in finding.fix


def test_a_value_that_reads_like_our_own_words_is_a_value() -> None:
    finding = describe("unmapped_value", "type", "action", "has no time zone, found `q`")
    assert (
        finding.what == "the map of `type` doesn't know the value in `action`: `has no time zone, found `q``"
    )
    assert 'as in "has no time zone, found `q`" = "…"' in finding.fix
    assert "which is epoch_ms" in describe("unparsable_timestamp", "createdAt", "ts", "no time zone").fix


def test_a_required_field_that_the_job_maps_nothing_to_is_to_be_mapped() -> None:
    assert describe("missing_required", "searchQuery", "entity").fix.endswith('searchQuery = "your_column"')


def test_the_report_names_the_line_of_the_job_file_before_what_to_mend() -> None:
    findings = [describe("unmapped_value", "type", "action", "zap"), describe("server_rejected")]
    assert explain_fixes(findings) == {
        ("unmapped_value", "type", "action"): (
            'a.toml line 7: add them to the map, as in "zap" = "…", or give a `default` for all others'
        ),
        ("server_rejected", "", ""): "mend the row or its mapping as the server's answer says",
    }


def test_rejected_times_of_another_layout_are_told_with_it() -> None:
    times = [f"{day}/01/2024" for day in range(20, 29)]
    assert describe("unparsable_timestamp", "createdAt", "ts", *times, "n/a").fix == (
        "9 of 10 of the rejected times read as `%d/%m/%Y`: set it as `format` in createdAt where all are written so, "
        "or mend these cells"
    )
