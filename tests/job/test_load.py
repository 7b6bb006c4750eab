from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import JobError
from etl.job.load import load_job, parse_job
from etl.job.model import Job

GOOD = """name = "j"
[source]
paths = ["x.csv"]
[event]
type = "t"
entityType = { value = "message" }
messageId = "m"
createdAt = "at"
"""
CANARY = "s3cr3t-c4n4ry"


def problem_with(text: str) -> str:
    with pytest.raises(JobError) as error:
        parse_job(text, Path("jobs/j.toml"))
    return str(error.value)


def test_every_sample_job_loads() -> None:
    for path in (Path(__file__).parents[2] / "jobs").glob("*.toml"):
        assert load_job(path).name == path.stem


def test_what_a_job_file_writes_is_what_the_job_says() -> None:
    job = parse_job(
        GOOD.replace('paths = ["x.csv"]', 'paths = ["x.csv"]\ntransform = "mapping.py:clean"')
        + 'non_finite = "null"\n[event.properties]\n"*" = true\nexcept = ["raw"]\n'
        + 'p = { column = "c", trim = true, null_values = ["-"] }\n'
        + "[limits]\nnot_before = 2015-01-01\nnot_after = 2020-01-01T00:00:00+02:00\n",
        Path("j.toml"),
    )
    assert job.source.transform == "mapping.py:clean"
    assert (job.event.properties.every_column, job.event.properties.excluded) == (True, ("raw",))
    assert (job.event.properties.fields["p"].trim, job.event.properties.fields["p"].null_values) == (
        True,
        ("-",),
    )
    assert job.event.non_finite == "null"
    assert job.limits.not_before == datetime(2015, 1, 1, tzinfo=UTC)
    assert job.limits.not_after == datetime(2019, 12, 31, 22, tzinfo=UTC)


# What is wrong, what the message says of it, where, and the fix.
PROBLEMS = [
    (
        GOOD + "[source.csv]\nheader = false",
        "Expected `columns`, the names of the columns in order, because `header = false`, found none - [source] csv",
        "[source.csv]",
    ),
    (
        GOOD + '[source.csv]\ncolumns = ["because", "because"]',
        "Expected column names that differ, found `because` twice - [source] csv",
        "[source.csv]",
    ),
    (
        GOOD + '[source.csv]\nquote = ";"\nseparator = ";"',
        "Expected a separator, a quote and an escape that differ (a doubled quote is understood without `escape`), "
        "found `;` and `;` - [source] csv",
        "[source.csv]",
    ),
    (
        GOOD + 'id = { column = "found because", verbatim = true, duplicates = "number" }',
        'Expected `duplicates = "collapse"`, because a verbatim id has no room for a number, found `"number"` - ',
        "id = { columns =",
    ),
    (
        GOOD + '[upload]\nrate = "because found"',
        'Expected a rate like "20/s", "600/min" or "max", found `"because found"` - [upload] rate',
        'rate = "20/s"',
    ),
    (
        GOOD.replace("[source]", "[sorce]"),
        "found `sorce` - sorce, jobs/j.toml line 2",
        "Rename it to `source`",
    ),
    (
        GOOD + "cratedAt = 1",
        "found `cratedAt` - [event] cratedAt, jobs/j.toml line 9",
        "Rename it to `createdAt`",
    ),
    (
        GOOD + 'duration = "d"',
        "found `duration` - [event] duration",
        "[event.properties], as in duration = {",
    ),
    (
        GOOD.replace('createdAt = "at"', ""),
        "Expected `createdAt`, found nothing - [event] createdAt",
        'Add createdAt = "your',
    ),
    (
        GOOD.replace('"x.csv"', ""),
        'a list with at least one path, like ["logs/*.csv"], found `[]` - [source] paths',
        "Name the files",
    ),
    (
        GOOD.replace('["x.csv"]', '"x.csv"'),
        'found `"x.csv"` - [source] paths, jobs/j.toml line 3',
        'paths = ["logs/*.csv"]',
    ),
    (
        GOOD + "[event.properties]\np = 5",
        "a column's name in quotes or a table, found `5` - [event.properties] p",
        "{ value = 5 } for a constant",
    ),
    (
        GOOD + '[event.properties]\np = { column = "c", cats = "int" }',
        "found `cats` - [event.properties.p] cats",
        "Rename it to `cast`",
    ),
    (
        GOOD + '[event.properties]\np = { column = "c", cast = "integer" }',
        'found `"integer"`',
        'Set cast = "int"',
    ),
    (
        GOOD + '[event.properties]\np = { column = "c", trim = "yes" }',
        'Expected true or false, found `"yes"`',
        "Set trim = true",
    ),
    (
        GOOD + '[event.properties]\np = { column = "c", value = 1 }',
        "found `column` and `value`",
        'p = "your_column"',
    ),
    (GOOD + '[event.properties]\np = { value = 1, cast = "int" }', "`value` alone", 'p = "your_column"'),
    (
        GOOD + '[event.properties]\np = { column = "c", split = ";", cast = "json" }',
        "found both",
        'p = "your_column"',
    ),
    (
        GOOD + "[event.properties]\np = { value = nan }",
        "text, a number, true or false, found `NaN`",
        "Write the constant itself",
    ),
    (
        GOOD + "[event.properties]\np = { value = [1] }",
        "text, a number, true or false, found `[1]`",
        "Write the constant itself",
    ),
    (
        GOOD + '[event.properties]\np = { column = "c", map = { a = [1] } }',
        "text, a number, true or false, found `[1]`",
        "map = {",
    ),
    (GOOD + '[event.properties]\n"*" = "c"', '`"*" = true`', "Write a table"),
    (GOOD + '[event.properties]\nexcept = ["c"]', '`"*" = true` beside `except`', "Write a table"),
    (GOOD + '[event.properties]\nexcept = "c"', '`"except" = ["column"]`', "Write a table"),
    (
        GOOD + 'id = { column = "a", columns = ["b"] }',
        "`column` or `columns`, found both",
        "id = { columns =",
    ),
    (GOOD + 'non_finite = "zero"', 'one of "reject", "null", found `"zero"`', "Set non_finite ="),
    (
        GOOD.replace('"at"', '{ column = "at", timezone = "America/Los_Angles" }'),
        "found `America/Los_Angles`",
        'timezone = "America/Los_Angeles"',
    ),
    (GOOD.replace('"message"', '"mesage"'), "found `mesage`", 'Set entityType = { value = "message" }'),
    (
        GOOD.replace('messageId = "m"', 'searchQuery = "m"'),
        "Expected `messageId`, which every message event needs",
        'messageId = "your_column"',
    ),
    (GOOD.replace('"j"', '"a/b"'), "Expected a name of letters", 'name = "docs-search-2023"'),
    (
        GOOD + "[upload]\nrate = 5",
        'a rate like "20/s", "600/min" or "max", found `5` - [upload] rate',
        'rate = "20/s"',
    ),
    (GOOD + '[upload]\nrate = "0/s"', "a rate like", 'rate = "20/s"'),
    (
        GOOD + "[upload]\nconcurrency = 0",
        'a whole number from 1 to 1024, or "auto", found `0`',
        "concurrency = 32",
    ),
    (GOOD + '[upload]\ntimeout = "soon"', 'a duration like "30s"', 'timeout = "30s"'),
    (GOOD + '[upload]\nconflict = "ok"', 'one of "rejected", "delivered"', "Set conflict ="),
    (
        GOOD + '[upload]\nendpoint = "ftp://x"',
        "found the scheme `ftp` - [upload] endpoint",
        "Write the scheme and the host",
    ),
    (GOOD + '[limits]\nmax_rejects = "200%"', 'a share like "1%" or a count like 500', "max_rejects = 500"),
    (GOOD + '[limits]\nnot_before = "yesterday"', "a date like 2015-01-01", "not_before = 2015-01-01"),
    (
        GOOD + "[limits]\nnot_before = 2020-01-01\nnot_after = 2019-01-01",
        "`not_after` later than `not_before`",
        "[limits]",
    ),
    (
        GOOD.replace("[event]", 'transform = "../x.py:f"\n[event]'),
        "inside the job file's own folder",
        'transform = "mapping.py:clean"',
    ),
    (
        GOOD.replace("[event]", 'transform = "x.py"\n[event]'),
        "a Python file beside the job file",
        'transform = "mapping.py:clean"',
    ),
    (
        "name = j",
        "Expected TOML, found: Invalid value - jobs/j.toml line 1",
        "text values need quotes",
    ),
    ("x = " + "9" * 5000, "Expected TOML", "Mend that line"),
    ("x = " + "[" * 5000, "at most 32 deep", "in quotes"),
]


@pytest.mark.parametrize(("text", "problem", "fix"), PROBLEMS, ids=[problem[1][:60] for problem in PROBLEMS])
def test_a_problem_is_told_with_its_place_and_its_fix(text: str, problem: str, fix: str) -> None:
    message = problem_with(text)
    assert problem in message
    assert fix in message
    assert "jobs/j.toml" in message


@pytest.mark.parametrize(
    "lines",
    [
        f'api_key = "{CANARY}"',
        f'[upload]\nkey = "{CANARY}"',
        f'[upload]\nrate = {{ token = "{CANARY}" }}',
        f'[upload.headers]\nAuthorization = "Bearer {CANARY}"',
        f'[upload]\nendpoint = "ftp://user:{CANARY}@host"',
        f'secret = ["{CANARY}"]\n[source]\npaths = 5',
        f'[event.properties]\np = {{ password = "{CANARY}" }}',
        f'[event.properties]\napi_key = ["{CANARY}"]',
    ],
)
def test_a_secret_is_refused_and_never_shown(lines: str) -> None:
    text = f"{lines}\n{GOOD}" if not lines.startswith("[") else f"{GOOD}\n{lines}"
    assert CANARY not in problem_with(text)


def test_all_problems_are_told_at_once_up_to_a_page() -> None:
    message = problem_with(GOOD + "[event.properties]\n" + "\n".join(f"p{n} = {n}" for n in range(20)))
    assert message.count("Expected") == 8
    assert "and 12 more problems" in message


def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "search.toml").write_text(GOOD)
    with pytest.raises(JobError, match=r"found nothing(.|\n)*Did you mean .*search\.toml"):
        load_job(tmp_path / "serach.toml")
    with pytest.raises(JobError, match="found a folder"):
        load_job(tmp_path)
    with pytest.raises(JobError, match="not a usable path"):
        load_job(Path("a\0b"))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(JobError, match="found byte 0xe9 at offset 8"):
        load_job(tmp_path / "latin.toml")


def test_a_byte_order_mark_is_no_part_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "j.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_job(tmp_path / "j.toml").name == "j"


def outcome_of(load: Callable[[], Job]) -> Job | JobError:
    try:
        return load()
    except JobError as error:
        return error


def check_outcome(outcome: Job | JobError) -> None:
    if isinstance(outcome, JobError):
        assert outcome.problem
        assert outcome.fix
        assert "\n" not in outcome.fix


def check_text(text: str) -> None:
    check_outcome(outcome_of(lambda: parse_job(text, Path("j.toml"))))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_job_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(data)
    check_outcome(outcome_of(lambda: load_job(path)))


def inline_table(members: dict[str, str]) -> str:
    return "{ " + ", ".join(f'"{key}" = {value}' for key, value in members.items()) + " }"


keys = st.sampled_from(
    [
        "name",
        "source",
        "paths",
        "event",
        "type",
        "entityType",
        "createdAt",
        "id",
        "properties",
        "userProperties",
        "upload",
        "limits",
        "rate",
        "value",
        "column",
        "columns",
        "sql",
        "map",
        "cast",
        "*",
        "except",
        "csv",
        "separator",
        "max_rejects",
        "not_before",
        "x y",
        "é",
    ]
)
scalars = st.sampled_from(
    [
        '""',
        '"message"',
        '"a"',
        "0",
        "-1",
        "1.5",
        "nan",
        "inf",
        "true",
        "2020-01-01",
        "10:00:00",
        "9999-12-31T23:59:59-23:59",
        "[]",
        '["a"]',
        "[1]",
        "{}",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.dictionaries(keys, inner, max_size=3).map(inline_table)
        | st.lists(inner, max_size=2).map(lambda v: f"[{', '.join(v)}]")
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    st.dictionaries(keys, values, max_size=4),
    st.sampled_from(["", "source", "event", "event.properties", "upload", "limits"]),
)
def test_any_toml_is_a_job_or_one_clear_error(members: dict[str, str], table: str) -> None:
    lines = "\n".join(f'"{key}" = {value}' for key, value in members.items())
    check_text(f"[{table}]\n{lines}" if table else lines)
    if table:
        kept = [line for line in GOOD.splitlines() if line.split(" = ")[0] not in members]
        text = "\n".join(kept)
        check_text(
            text.replace(f"[{table}]", f"[{table}]\n{lines}")
            if f"[{table}]" in text
            else f"{text}\n[{table}]\n{lines}"
        )


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 100_000 + " = 1\n",
        "[" + "a." * 5_000 + "a]\nx = 1\n",
        GOOD + "[event.properties]\np" + " . 'a'" * 150 + " = 1\n",
        GOOD + "[event.properties]\np" + '."a"' * 3_000 + " = 1\n",
        "a = " + "[" * 3_000 + "]" * 3_000,
        "a = " + "{a=" * 900 + "1" + "}" * 900,
        "name = " + "[" * 40 + "]" * 40,
    ],
)
def test_tables_deeper_than_any_job_needs_are_an_error(text: str) -> None:
    assert problem_with(text) == (
        "Expected tables and lists at most 32 deep, found deeper ones - jobs/j.toml\n"
        'Write a key that holds dots in quotes, as in "a.b.c" = "your_column"; nothing in a job file nests deeper than '
        "a `map`"
    )


def test_a_key_with_dots_in_quotes_is_a_name() -> None:
    job = parse_job(GOOD + f'[event.properties]\n"{"a." * 300}a" = "c"\n', Path("jobs/j.toml"))
    assert list(job.event.properties.fields) == ["a." * 300 + "a"]


@pytest.mark.parametrize(
    ("zone", "fix"),
    [
        ("PST", 'Set timezone = "America/Los_Angeles" in createdAt'),
        ("CEST", 'Set timezone = "Europe/Berlin" in createdAt'),
        (
            "IST",
            'Say whose clock IST is: timezone = "Asia/Kolkata", or timezone = "Asia/Jerusalem", or '
            'timezone = "Europe/Dublin", in createdAt',
        ),
        ("XQZ", 'Name the place whose clock it is, as in timezone = "Europe/Berlin", in createdAt'),
        ("America/Los_Angles", 'Set timezone = "America/Los_Angeles" in createdAt'),
    ],
)
def test_a_short_name_of_a_zone_is_advised_by_what_it_means(zone: str, fix: str) -> None:
    text = GOOD.replace('createdAt = "at"', f'createdAt = {{ column = "at", timezone = "{zone}" }}')
    assert problem_with(text).splitlines()[1] == fix
