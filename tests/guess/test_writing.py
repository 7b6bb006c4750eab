"""What is guessed is written as TOML that reads back the same."""

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from etl.guess.choices import Choice, Dialect, JobGuess, Reading, Sureness
from etl.guess.writing import CHECK_MARK, render_name, render_value, write_job
from etl.job.load import parse_job

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(TEXT, st.booleans(), st.integers(-(2**53), 2**53)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)


@given(VALUES)
def test_any_value_reads_back_as_it_was(value: Any) -> None:
    assert tomllib.loads(f"key = {render_value(value)}")["key"] == value


@given(st.lists(TEXT.filter(bool), min_size=1, max_size=5, unique=True), TEXT.filter(bool))
def test_a_job_over_columns_of_any_name_parses(names: Any, time: Any) -> None:
    event = {
        "entityType": Choice({"value": "search"}, ""),
        "type": Choice({"value": "x"}, "why\nnot"),
        "searchQuery": Choice(names[0], ""),
    }
    event["createdAt"] = Choice({"column": time, "timezone": "UTC"}, "which\nzone?", Sureness.CHECK)
    guess = JobGuess(event, {name: Choice(name, "") for name in names}, {}, candidate_keys=tuple(names))
    text = write_job(
        "a-job", ["log.csv"], guess,
        reading=Reading("csv", says_format=True, dialect=Dialect("utf-8", ";", None, ("", "NULL"))),
        job_file="a.toml", schema="./schema.json",
    )  # fmt: skip
    job = parse_job(text, Path("a.toml"))
    assert job.event.createdAt.column == time
    assert set(job.event.properties.fields) == set(names)
    assert job.source.csv.separator == ";"
    assert text.startswith("#:schema ./schema.json\n")
    assert CHECK_MARK in text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_columns_name_is_read_back_from_sql(name: str) -> None:
    assert pl.sql_expr(f"{render_name(name)} IS NOT NULL").meta.root_names() == [name]
