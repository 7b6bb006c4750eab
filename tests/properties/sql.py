"""SQL as people and machines write it, right and wrong; and the oracle: an accepted one gives a row the same value
alone.
"""

import json
from typing import Any

import polars as pl
from hypothesis import strategies as st

from etl.errors import JobError
from tests.transform.mapping import bodies_of, job_of, numbered, plan_of

FRAME = pl.DataFrame(
    {
        "a": ["x", "12", None, "", "2024-01-31"],
        "b": ["y;z", "-3", "x", "É", "31/01/2024"],
        "n": [1, None, -3, 0, 2**53],
        "f": [1.5, None, 0.0, -2.25, 1e300],
        "t": [True, False, None, True, True],
        "tags": [["p", "q"], [], None, ["x"], [None]],
        "at": ["2024-01-31T09:30:00Z"] * 5,
    }
)
LEAVES = [
    "a",
    "b",
    "n",
    "f",
    "t",
    "tags",
    "'x'",
    "''",
    "1",
    "0",
    "-2.5",
    "NULL",
    "TRUE",
    "DATE '2024-01-31'",
    "missing",
    '"a"',
    "*",
]
SHAPES = [
    "({})", "NOT {}", "-{}", "LENGTH({})", "UPPER({})", "TRIM({})", "{} || {}", "{} + {}", "{} / {}", "{} % {}",
    "{} = {}",
    "{} < {}", "{} AND {}", "{} OR {}", "{} IS NULL", "{} IN ({}, {})", "{} BETWEEN {} AND {}", "{} LIKE {}",
    "{} REGEXP {}",
    "COALESCE({}, {})", "NULLIF({}, {})", "CASE WHEN {} THEN {} ELSE {} END", "IF({}, {}, {})", "CAST({} AS BIGINT)",
    "TRY_CAST({} AS BIGINT)", "TRY_CAST({} AS DOUBLE)", "CAST({} AS VARCHAR)", "SUBSTRING({}, 1, 2)",
    "SPLIT_PART({}, ';', {})",
    "STRPTIME({}, '%Y-%m-%d')", "DATE({}, '%d/%m/%Y')", "DATE({})", "EXTRACT(year FROM {})", "ROUND({}, 1)",
    "GREATEST({}, {})",
    "ARRAY_LENGTH({})", "ARRAY_TO_STRING({}, ',')", "ARRAY_UNIQUE({})", "UNNEST({})", "{}[1]", "SUM({})", "MAX({})",
    "COUNT(*)",
    "COUNT({})", "FIRST({})", "AVG({})", "STRING_AGG({}, ',')", "CORR({}, {})", "QUANTILE_CONT({}, 0.5)",
    "ROW_NUMBER()",
    "SUM({}) OVER (PARTITION BY {})", "LAG({}) OVER (ORDER BY {})", "RANK() OVER (ORDER BY {})", "({} OVER ())",
    "(SELECT {})",
    "{} IN (SELECT {})", "EXISTS (FROM {})", "({}, {})", "[{}]", "{}.*", "COLUMNS({})", "REPLACE({}, 'x', {})",
    "REVERSE({})",
    "LEFT({}, {})", "INITCAP({})", "MOD({}, {})", "SIGN({})", "SQRT({})", "MEDIAN({})", "ARRAY_AGG({})", "GROUPING({})",
]  # fmt: skip


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_fill, st.sampled_from(SHAPES), st.lists(inner, min_size=3, max_size=3))


def _fill(shape: str, parts: list[str]) -> str:
    left = iter(parts)
    return "".join(
        piece if piece != "{}" else next(left) for piece in shape.replace("{}", "\1{}\1").split("\1")
    )


EXPRESSIONS = st.recursive(st.sampled_from(LEAVES), _grow, max_leaves=8)


def check_sql(sql: str) -> bool:
    """Return whether a job takes the SQL; where it does, each row gives alone what it gives among others."""
    job = job_of(after=f"[event.properties]\np = {{ sql = {json.dumps(sql)} }}")
    rows = numbered(FRAME)
    try:
        plan = plan_of(job, FRAME)
    except JobError:
        return False
    orders = [rows, rows.reverse(), *(rows[n : n + 1] for n in range(rows.height)), rows[:0]]
    made: dict[int, str] = {}
    for frame in orders:
        done = plan.apply(frame)
        assert done.events.height + done.rejects.height == frame.height
        found = dict(zip(done.events["row"], map(_value_in, bodies_of(done)), strict=True))
        found |= dict.fromkeys(done.rejects["row"], "rejected")
        for row, what in found.items():
            assert made.setdefault(row, what) == what, (sql, row, what, made[row])
    return True


def _value_in(body: dict[str, Any]) -> str:
    """Return the property as text. Polars gives 0.0 for a negated zero that stands alone, -0.0 for it among others."""
    return repr(body.get("properties", {}).get("p")).replace("-0.0", "0.0")
