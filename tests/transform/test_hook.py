from pathlib import Path

import polars as pl
import pytest

from etl.errors import JobError
from etl.transform.hook import hook_digest
from etl.values.rows import Transformed
from tests.transform.mapping import EVENT, bodies_of, codes_of, job_of, map_rows, ndjson

HEAD = "import polars as pl\n"
PROPERTY = '[event.properties]\np = "%s"'


def run_hook(
    folder: Path, code: str, columns: dict[str, object] | pl.DataFrame, after: str = "", **job: str
) -> Transformed:
    (folder / "mapping.py").write_text(HEAD + code)
    return map_rows(
        columns, before=job.get("before", "") or 'transform = "mapping.py:clean"', after=after, folder=folder
    )


def test_a_hook_adds_columns_that_the_mapping_then_uses(tmp_path: Path) -> None:
    code = "def clean(rows):\n    return rows.with_columns(pl.col('c').str.split('-').list.first().alias('made'))"
    done = run_hook(tmp_path, code, {"c": ["a-1", "b-2"]}, PROPERTY % "made")
    assert [body["properties"]["p"] for body in bodies_of(done)] == ["a", "b"]
    assert done.events["source"].to_list()[0] == '{"c":"a-1","at":"2024-01-31T09:30:00Z"}'


def test_a_hook_sees_the_rows_before_the_filter(tmp_path: Path) -> None:
    code = "def clean(rows):\n    return rows.with_columns(pl.col('c').str.to_uppercase())"
    before = 'transform = "mapping.py:clean"\n[filter]\nsql = "c <> \'B\'"'
    done = run_hook(tmp_path, code, {"c": ["a", "b"]}, PROPERTY % "c", before=before)
    assert (done.skipped, [body["properties"]["p"] for body in bodies_of(done)]) == (1, ["A"])


def test_rows_that_a_hook_drops_are_skipped_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    code = "def clean(rows):\n    return rows.filter(pl.col('c') != 'b').reverse()"
    done = run_hook(tmp_path, code, {"c": ["a", "b", "c"]})
    assert (done.skipped, done.events["row"].to_list()) == (1, [1, 3])


def test_a_reject_shows_the_original_row_not_what_the_hook_made_of_it(tmp_path: Path) -> None:
    code = "def clean(rows):\n    return rows.with_columns(pl.lit('nope').alias('at'), c=pl.lit(5))"
    done = run_hook(tmp_path, code, {"c": ["a"]})
    assert codes_of(done) == {1: "unparsable_timestamp"}
    assert done.rejects["source"][0] == '{"c":"a","at":"2024-01-31T09:30:00Z"}'


def test_a_row_that_the_hook_cannot_compute_is_a_reject_alone(tmp_path: Path) -> None:
    code = "def clean(rows):\n    return rows.with_columns(pl.col('c').cast(pl.Int64))"
    done = run_hook(tmp_path, code, {"c": ["1", "x", "3"]}, PROPERTY % "c")
    assert codes_of(done) == {2: "unparsable_value"}
    assert done.events["row"].to_list() == [1, 3]


def test_ndjson_texts_that_a_hook_changes_are_texts(tmp_path: Path) -> None:
    code = (
        "def clean(rows):\n    return rows.with_columns(pl.when(pl.col('c') == "
        "'2').then(pl.lit('two')).otherwise('c').alias('c'))"
    )
    done = run_hook(tmp_path, code, ndjson([{"c": 1}, {"c": 2}, {"c": "3"}]), PROPERTY % "c")
    assert [body["properties"]["p"] for body in bodies_of(done)] == [1, "two", "3"]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def clean(rows):\n    return rows.select('c', 'at')", "row numbers gone"),
        ("def clean(rows):\n    return pl.concat([rows, rows])", "each at most once, found 4 made of 2"),
        ("def clean(rows):\n    return rows.with_columns(pl.lit(7).alias('\\x1frow'))", "each at most once"),
        ("def clean(rows):\n    return rows.collect()", "a LazyFrame, found DataFrame"),
        ("def clean(rows):\n    return None", "a LazyFrame, found NoneType"),
        ("def clean(rows):\n    raise KeyError('gone')", r"raised KeyError: 'gone' \(mapping.py line 3\)"),
        ("def clean(rows):\n    return rows.with_columns(pl.col('nope'))", "raised ColumnNotFoundError"),
        ("def clean(rows):\n    import sys; sys.exit(3)", "raised SystemExit"),
        ("def clean(rows, more):\n    return rows", "raised TypeError"),
        (
            "def claen(rows):\n    return rows",
            'found none(.|\n)*Set transform = "mapping.py:clean"|mapping.py:claen',
        ),
        ("def clean(rows)\n", r"raised SyntaxError(.|\n)*mapping.py line 2"),
        ("import nothing_like_this\n", "raised ModuleNotFoundError"),
    ],
)
def test_a_hook_that_breaks_its_rule_is_an_error_that_says_how(
    tmp_path: Path, code: str, problem: str
) -> None:
    with pytest.raises(JobError, match=problem) as error:
        run_hook(tmp_path, code, {"c": ["a", "b"]})
    assert "[source] transform" in str(error.value)


def test_nothing_outside_the_jobs_folder_is_ever_run(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.py", tmp_path / "job"
    folder.mkdir()
    outside.write_text("raise SystemExit('was run')")
    for name in ("../outside.py:clean", f"{outside}:clean", "sub/../../outside.py:clean"):
        with pytest.raises(JobError, match="inside the job file's own folder"):
            job_of(EVENT, before=f'transform = "{name}"', folder=folder)
    (folder / "link.py").symlink_to(outside)
    with pytest.raises(JobError, match="found a link to"):
        map_rows({"c": ["a"]}, before='transform = "link.py:clean"', folder=folder)
    (folder / "sub").symlink_to(tmp_path)
    with pytest.raises(JobError, match="found a link to"):
        map_rows({"c": ["a"]}, before='transform = "sub/outside.py:clean"', folder=folder)


def test_a_hook_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="found nothing"):
        map_rows({"c": ["a"]}, before='transform = "mapping.py:clean"', folder=tmp_path)


def test_the_hooks_text_is_part_of_the_mapping(tmp_path: Path) -> None:
    job = job_of(EVENT, before='transform = "mapping.py:clean"', folder=tmp_path)
    (tmp_path / "mapping.py").write_text("a")
    first = hook_digest(job)
    (tmp_path / "mapping.py").write_text("b")
    assert (first, hook_digest(job_of())) != (hook_digest(job), "")
    assert first != hook_digest(job)
