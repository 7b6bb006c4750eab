"""The fix of a cause names the user's own column, key or line."""

from collections import Counter
from pathlib import Path

import pytest

from etl.job.load import parse_job
from etl.rejects.fixes import WHAT, describe_cause
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
SERVER = {RejectCode.SERVER_REJECTED, RejectCode.CONFLICT}


def describe(code: str, field: str = "", column: str = "", *reasons: str) -> Finding:
    return describe_cause(
        JOB, Cause(code, field, column, 1, [Example("a.csv", 4, 5, "why")], Counter(reasons)), 10
    )


@pytest.mark.parametrize("code", [code.value for code in RejectCode if code not in SERVER])
def test_each_code_is_told_in_words_and_has_a_fix(code: str) -> None:
    finding = describe(code, "createdAt", "ts")
    assert code in WHAT
    assert finding.what != code
    assert len(finding.fix) > 15


@pytest.mark.parametrize(
    ("code", "field", "column", "reason", "line", "fix"),
    [
        ("unmapped_value", "type", "action", "expected one of a, found `zap`", 7, 'as in "zap" = "…"'),
        (
            "unparsable_value",
            "properties.n",
            "count",
            "expected a whole number, found `x`",
            10,
            'leave out cast = "int"',
        ),
        ("missing_required", "messageId", "mid", "", 6, "fill `mid` in these rows"),
        (
            "unparsable_timestamp",
            "createdAt",
            "ts",
            "expected a time, found `1700000000`",
            8,
            'format = "epoch_s"',
        ),
        (
            "unparsable_timestamp",
            "createdAt",
            "ts",
            "`x` has no time zone, and the job names none",
            8,
            "timezone = ",
        ),
        (
            "timestamp_out_of_range",
            "createdAt",
            "ts",
            "expected a time, found `1970-01-20T16:13:20Z`",
            8,
            "seconds read as milliseconds",
        ),
        ("malformed_record", "", "", "expected 3 fields, found 2", None, "a.csv line 5"),
    ],
)
def test_the_fix_points_at_the_line_or_the_cell(
    code: str, field: str, column: str, reason: str, line: int | None, fix: str
) -> None:
    finding = describe(code, field, column, *([reason] if reason else []))
    assert finding.job_line == line
    assert fix in finding.fix
