"""What Polars prints of its panics never reaches a person; what others print meanwhile does."""

import os
from pathlib import Path

import polars as pl
import pytest

from etl.panics import without_panic_text
from tests.workbench import finish, start, write_job


def test_the_text_of_a_panic_is_held_back_and_the_rest_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before\n")
    with without_panic_text():
        os.write(2, b"meanwhile\n")
        with pytest.raises(pl.exceptions.PanicException):
            pl.sql_expr("GREATEST()")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nmeanwhile\nafter\n"


def test_what_was_said_is_told_where_nothing_panicked(capfd: pytest.CaptureFixture[str]) -> None:
    with without_panic_text(), without_panic_text():
        os.write(2, b"inner\n")
    assert capfd.readouterr().err == "inner\n"


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "GREATEST()",
            'called `Result::unwrap()` on an `Err` value: ComputeError(ErrString("cannot return empty fold because '
            'the number of output rows is unknown"))',
        ),
        ("CAST(count AS DECIMAL(50, 2))", "assertion failed: dec128_verify_prec_scale(p, s).is_ok()"),
    ],
)
def test_sql_that_makes_polars_panic_is_one_error(tmp_path: Path, sql: str, found: str) -> None:
    job = write_job(tmp_path)
    job.write_text(job.read_text().replace('searchQuery = "query"', f'searchQuery = {{ sql = "{sql}" }}'))
    said = finish(start("validate", job))
    assert (said.code, said.out) == (2, "")
    line = next(n for n, text in enumerate(job.read_text().splitlines(), 1) if sql in text)
    assert said.err == (
        f"Expected a Polars SQL expression, found `{sql}`: {found} - [event] searchQuery, {job} line {line}\n"
        "Mend the expression; it is Polars SQL, one value a row\n"
    )
