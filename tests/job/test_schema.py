"""Every key of a job file is described where it is declared, with an example that a job file may hold."""

from pathlib import Path
from typing import Any

import pytest

from etl.guess.writing import render_value
from etl.job.load import parse_job
from etl.job.schema import job_schema
from tests.docs.job_keys import TABLES, Key, keys_of

SCHEMA = job_schema()
KEYS = [(model, key) for model in TABLES.values() for key in keys_of(model, SCHEMA)]
BASE: dict[str, Any] = {
    "name": "example",
    "source": {"paths": ["example.csv"]},
    "event": {
        "type": "action",
        "entityType": {"value": "message"},
        "messageId": "message_id",
        "searchQuery": "query",
        "createdAt": "at",
    },
}
PLACES: dict[str, tuple[str, ...]] = {
    "Job": (),
    "SourceSpec": ("source",),
    "CsvDialect": ("source", "csv"),
    "NdjsonSpec": ("source", "ndjson"),
    "JsonSpec": ("source", "json"),
    "ExcelSpec": ("source", "excel"),
    "FilterSpec": ("filter",),
    "EventSpec": ("event",),
    "FieldSpec": ("event", "properties", "example"),
    "TimestampSpec": ("event", "createdAt"),
    "IdSpec": ("event", "id"),
    "PropertiesSpec": ("event", "properties"),
    "UploadSpec": ("upload",),
    "Limits": ("limits",),
    "NotifySpec": ("notify",),
    "StateSpec": ("state",),
}
# What must stand beside a key.
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    ("CsvDialect", "header"): {"columns": ["a", "b"]},
    ("CsvDialect", "quote"): {"separator": ";"},
    ("NdjsonSpec", "keys"): {"rest": "other"},
    ("NdjsonSpec", "rest"): {"keys": ["id"]},
    ("ExcelSpec", "header"): {"columns": ["a", "b"]},
    ("JsonSpec", "keys"): {"rest": "other"},
    ("JsonSpec", "rest"): {"keys": ["id"]},
    ("JsonSpec", "beside"): {"path": "messages"},
    ("IdSpec", "verbatim"): {"column": "event_id"},
    ("PropertiesSpec", "except"): {"*": True},
}
SOURCES = {"FieldSpec": ("column", "value", "sql", "source"), "TimestampSpec": ("column", "columns", "sql")}


def test_every_table_of_the_schema_is_one_of_the_page() -> None:
    amounts = {"MaxRejects", "Rate"}
    assert {"Job", *SCHEMA["$defs"]} - amounts == set(TABLES.values()) == set(PLACES)


def test_every_key_says_what_it_means() -> None:
    assert [(model, key.name) for model, key in KEYS if not key.description.endswith((".", "text"))] == []


def test_every_key_that_is_no_table_has_an_example() -> None:
    tables = (
        "source",
        "filter",
        "event",
        "upload",
        "limits",
        "notify",
        "state",
        "csv",
        "ndjson",
        "json",
        "excel",
    )
    assert [key.name for _, key in KEYS if not key.schema.get("examples") and key.name not in tables] == []


@pytest.mark.parametrize(
    ("model", "key"), [pytest.param(*pair, id=f"{pair[0]}-{pair[1].name}") for pair in KEYS]
)
def test_a_job_file_may_hold_each_example(model: str, key: Key) -> None:
    for example in key.schema.get("examples", ()):
        table = dict(BESIDE.get((model, key.name), {}))
        if model in SOURCES and key.name not in SOURCES[model]:
            table["column"] = "a"
        table[key.name] = example
        tables = put(BASE, PLACES[model], table)
        parse_job(
            "\n".join(f"{name} = {render_value(value)}" for name, value in tables.items()), Path("j.toml")
        )


def put(tables: dict[str, Any], place: tuple[str, ...], table: dict[str, Any]) -> dict[str, Any]:
    """Return the job with `table` at `place`: beside what is there, or instead of a column's name."""
    if not place:
        return {**tables, **table}
    inner = tables.get(place[0], {})
    return {**tables, place[0]: put(inner if isinstance(inner, dict) else {}, place[1:], table)}
