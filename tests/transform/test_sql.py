"""What SQL a job may hold: values of one row. Queries, clocks, aggregates and windows are refused by name."""

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from etl.errors import JobError
from tests.transform.mapping import EVENT, job_of, map_rows, numbered, plan_of

FRAME = pl.DataFrame(
    {
        "a": ["x", "1", None],
        "b": [" y", "select (1)", ""],
        "n": [1, None, -3],
        "f": [1.5, None, 0.0],
        "d": [datetime(2024, 1, 31, 9), None, datetime(1969, 1, 1)],
        "tags": [["p"], [], None],
        "s": [{"k": "v"}, {"k": None}, None],
        "at": ["2024-01-31T09:30:00Z"] * 3,
    }
)


def compile_property(sql: str) -> None:
    job = job_of(after=f"[event.properties]\np = {{ sql = {quoted(sql)} }}")
    plan_of(job, FRAME).apply(numbered(FRAME))


def quoted(sql: str) -> str:
    return json.dumps(sql)  # what JSON escapes, TOML reads alike


@pytest.mark.parametrize(
    "sql",
    [
        "trim(b)", "COALESCE(a, b, 'none')", "IFNULL(a, 'x')", "NULLIF(a, '')", "GREATEST(a, b)",
        "CASE WHEN a = 'x' THEN 1 WHEN n > 2 THEN 2 ELSE 3 END", "CASE a WHEN 'x' THEN 'y' END", "IF(n > 1, a, b)",
        "TRY_CAST(a AS BIGINT)", "a::VARCHAR", "CAST(n AS DOUBLE)", "n % 2", "MOD(n, 2)", "ROUND(f, 1)",
        "POW(n, 2) + SQRT(f)",
        "a IN ('x', 'y')", "a NOT IN ('x')", "n IN (1, 2) OR a IN (b, 'z')", "n BETWEEN 1 AND 2",
        "a IS DISTINCT FROM b",
        "a LIKE '%x'", "a ILIKE 'X%'", "a REGEXP '^[0-9]+$'", "REGEXP_REPLACE(a, '[0-9]', '')", "a || '-' || b",
        "CONCAT_WS('-', a, b, n)", "SPLIT_PART(b, ' ', 1)", "SUBSTRING(a FROM 1 FOR 2)", "TRIM(BOTH 'x' FROM a)",
        "EXTRACT(year FROM d)", "STRFTIME(d, '%Y')", "d + INTERVAL '1 day'", "STRPTIME(b, '%Y-%m-%d')", "DATE(b, '%Y')",
        "DATE '2020-01-01'", "ARRAY_LENGTH(tags)", "ARRAY_TO_STRING(tags, ',')", "tags[1]", "s.k", "s -> 'k'", "'x'",
        "5", "NULL",
        "b = 'select (1)'", "b = 'now()' -- select 1", "b = '' /* exists (select 1) */", 'a AS "current_date"',
        "NOT (a = 'x')",
    ],
)  # fmt: skip
def test_what_is_of_one_row_is_taken(sql: str) -> None:
    try:
        compile_property(sql)
    except JobError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("COUNT(*)", "found `len()`, which looks at other rows, in `COUNT(*)`"),
        ("LENGTH(a) + SUM(LENGTH(a))", 'found `col("a").str.len_chars().count()`, which looks at other rows'),
        ("COALESCE(MAX(a), 'x')", 'found `col("a").max()`, which looks at other rows'),
        ("SUM(n) OVER (PARTITION BY a)", "which looks at other rows"),
        ("ROW_NUMBER()", "found `len()`, which looks at other rows"),
        ("ROW_NUMBER() OVER (ORDER BY n)", "which looks at other rows"),
        ("RANK() OVER (ORDER BY n)", "which looks at other rows"),
        ("LAG(a) OVER (ORDER BY n)", "which looks at other rows"),
        ("NTILE(3) OVER (ORDER BY n)", "which looks at other rows"),
        ("FIRST_VALUE(a) OVER (ORDER BY n)", "which looks at other rows"),
        ("FIRST(a)", 'found `col("a").first()`, which looks at other rows'),
        ("STRING_AGG(a, ',')", "which looks at other rows"),
        ("UNNEST(tags)", 'found `col("tags").explode()`, which looks at other rows'),
        ("CASE WHEN n > COUNT(*) THEN 1 END", "found `len()`, which looks at other rows"),
        ("now()", "found the clock, `now(` at character 1, in `now()`"),
        ("a || CURRENT_DATE", "found the clock, `CURRENT_DATE` at character 6, in"),
        ("COLUMNS('^a')", "found several columns: `COLUMNS('^a')`"),
    ],
)
def test_what_depends_on_other_rows_or_the_clock_is_refused_by_name(sql: str, problem: str) -> None:
    with pytest.raises(JobError) as error:
        compile_property(sql)
    assert problem in error.value.problem
    assert error.value.problem.endswith(" - [event.properties] p, jobs/j.toml line 13")


def test_a_time_whose_form_the_first_row_decides_is_refused_with_the_form_to_name() -> None:
    with pytest.raises(JobError) as error:
        compile_property("DATE(b)")
    assert str(error.value) == (
        'Expected SQL that depends on its row alone, found `col("b").str.strptime(["raise"])`, which looks at other '
        "rows, in "
        "`DATE(b)` - [event.properties] p, jobs/j.toml line 13\n"
        "Say how the times are written, or the first row decides: DATE(day, '%Y-%m-%d'), STRPTIME(at, '%Y-%m-%d "
        "%H:%M:%S')"
    )


@pytest.mark.parametrize(
    ("sql", "start"),
    [
        ("a IN (SELECT a FROM read_csv('{}'))", "`SELECT` at character 7"),
        ("a IN (select*from read_csv('{}'))", "`select` at character 7"),
        ("a IN (FROM read_csv('{}'))", "`IN (FROM` at character 3"),
        ("a IN ( /* ' */ FROM read_csv('{}'))", "`IN ( FROM` at character 3"),
        ("EXISTS (FROM read_csv('{}'))", "`EXISTS` at character 1"),
        ("a = '' OR EXISTS (SELECT 1 FROM read_parquet('{}'))", "`EXISTS` at character 11"),
        ("(SELECT MAX(a) FROM read_csv('{}')) = a", "`SELECT` at character 2"),
        ("(WITH q AS (FROM read_csv('{}')) FROM q) = a", "`WITH` at character 2"),
        ("a IN (VALUES ('x'))", "`IN (VALUES (` at character 3"),
        ("a = '''' || (SELECT a FROM read_csv('{}'))", "`SELECT` at character 14"),
    ],
)
@pytest.mark.parametrize(
    ("event", "after"),
    [
        (EVENT, "[filter]\nsql = {}"),
        (EVENT, '[event.properties]\n"*" = true\np = {{ sql = {} }}'),
        (EVENT.replace('"at"', "{{ sql = {} }}"), ""),
    ],
    ids=["filter", "property", "createdAt"],
)
def test_a_query_is_refused_before_anything_is_read(
    tmp_path: Path, sql: str, start: str, event: str, after: str
) -> None:
    # Polars would complain that this isn't there: the query must not come to that.
    text = quoted(sql.format(tmp_path / "other.csv"))
    with pytest.raises(JobError) as error:
        map_rows(FRAME, event.replace("{{ sql = {} }}", f"{{ sql = {text} }}"), after=after.format(text))
    assert f"found a query, {start}, in" in error.value.problem
    assert error.value.fix == (
        "Leave the query out: SQL of a job sees one row, and reads no other rows, files or addresses"
    )


def test_a_typo_beside_all_other_columns_is_an_error_with_its_place() -> None:
    with pytest.raises(JobError) as error:
        map_rows(FRAME, after='[event.properties]\n"*" = true\np = { sql = "trim(a" }')
    assert error.value.problem.startswith("Expected a Polars SQL expression, found `trim(a`: ")
    assert error.value.problem.endswith("[event.properties] p, jobs/j.toml line 14")


@pytest.mark.parametrize(
    "sql",
    ["a" + "||a" * 600, " AND ".join(["a = 'x'"] * 600), "n" + "+n" * 20_000, "n" + "::int" * 5_000],
    ids=["texts", "conditions", "sum", "casts"],
)
def test_sql_that_would_end_the_process_is_refused(sql: str) -> None:
    with pytest.raises(JobError, match="Expected SQL of at most 4,000 words and signs and 500 steps, found"):
        compile_property(sql)


def test_long_sql_that_is_not_deep_is_taken() -> None:
    compile_property("a IN (" + ",".join(f"'v{n}'" for n in range(50_000)) + ")")
    compile_property("CASE " + " ".join(f"WHEN a = 'x{n}' THEN 'y{n}'" for n in range(300)) + " END")


@pytest.mark.parametrize(
    "sql", ["", " ", "a\0", "-- a", "(" * 60, "NOT " * 3_000, "'", "a b c", "a, b", "*", "?", "$1", "a;b"]
)
def test_what_is_no_expression_is_an_error(sql: str) -> None:
    with pytest.raises(JobError, match="Expected"):
        compile_property(sql)
