"""The columnar rules accept exactly the rows that the typed events accept, and build the same bytes."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from etl.event import ENTITY_FIELDS, content_id, parse_event
from tests.transform.mapping import apply, job_of, ndjson

SCHEMA = Draft202012Validator(
    json.loads(
        (Path(__file__).parents[2] / "etl/sandbox/insert_event.schema.json").read_text(encoding="utf-8")
    )
)
EVENT = """
type = "type"
entityType = "entity"
messageId = "message"
conversationId = "conversation"
searchQuery = "search"
createdAt = "at"
projectId = "project"
[event.properties]
text = "text"
whole = "whole"
number = "number"
flag = "flag"
items = "items"
record = "record"
[event.userProperties]
id = "whole"
userType = "text"
"""
text = st.none() | st.text(max_size=4) | st.sampled_from(["", '"', "\\", "\x1f", "é🚀", "null", "1"])
whole = st.none() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53, 2**53 - 1, -(2**53), 0])
number = st.none() | st.floats() | st.sampled_from([0.1, -0.0, 1e16, 1e22, 5e-324])
rows = st.fixed_dictionaries(
    {
        "type": text,
        "entity": st.sampled_from([*ENTITY_FIELDS, *ENTITY_FIELDS, "Message", "", None]),
        "message": text,
        "conversation": text,
        "search": text,
        "at": st.none() | st.datetimes(datetime(2001, 1, 1), datetime(2023, 1, 1), timezones=st.just(UTC)),
        "project": text,
        "text": text,
        "whole": whole,
        "number": number,
        "flag": st.none() | st.booleans(),
        "items": st.none() | st.lists(whole, max_size=3),
        "record": st.none() | st.fixed_dictionaries({"b": number, "a": text}),
    }
)
TYPES = {
    **dict.fromkeys(("type", "entity", "message", "conversation", "search", "project", "text"), pl.String()),
    "at": pl.Datetime("us", "UTC"),
    "whole": pl.Int64(),
    "number": pl.Float64(),
    "flag": pl.Boolean(),
    "items": pl.List(pl.Int64),
    "record": pl.Struct({"b": pl.Float64, "a": pl.String}),
}


def event_of(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of the event that a row says, as the model takes them."""
    own = ENTITY_FIELDS.get(row["entity"], "messageId")
    # A struct has an order of its own, a drawn dictionary any.
    record = row["record"] and {"b": row["record"]["b"], "a": row["record"]["a"]}
    source = {"messageId": "message", "conversationId": "conversation", "searchQuery": "search"}[own]
    return {
        "type": row["type"],
        "entityType": row["entity"],
        own: row[source],
        "createdAt": row["at"],
        "projectId": row["project"],
        "properties": {key: row[key] for key in ("text", "whole", "number", "flag", "items")}
        | {"record": record},
        "userProperties": {"id": row["whole"], "userType": row["text"]},
    }


def body_by_model(fields: dict[str, Any]) -> bytes | None:
    try:
        return parse_event(fields).body()
    except ValidationError:
        return None


def check_same(frame: pl.DataFrame, event: str, expected: list[bytes | None]) -> None:
    done = apply(job_of(event), frame)
    bodies = {row: body.encode() for row, body in done.events.select("row", "body").iter_rows()}
    assert bodies == {row: body for row, body in enumerate(expected, start=1) if body is not None}
    assert set(done.rejects["row"]) == set(range(1, len(expected) + 1)) - set(bodies)
    for body in bodies.values():
        assert SCHEMA.is_valid(json.loads(body)), body
        wire = json.loads(body)
        assert wire["id"] == content_id("{" + body.decode().split(",", 1)[1])


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows, min_size=1, max_size=6))
def test_typed_rows_are_accepted_and_written_as_the_models_do(given_rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(given_rows, schema=TYPES)
    check_same(frame, EVENT, [body_by_model(event_of(row)) for row in given_rows])


finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | finite
    | st.text(max_size=4)
    | st.sampled_from([2**53, -(2**53)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NDJSON_EVENT = """
type = { value = "t" }
entityType = { value = "search" }
searchQuery = { value = "q" }
createdAt = "at"
[event.properties]
value = "value"
deep = "value.a"
[event.userProperties]
id = "value"
plan = "value"
"""


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(json_values | st.dictionaries(st.just("a"), json_values), min_size=1, max_size=5))
def test_json_values_are_accepted_and_written_as_the_models_do(values: list[Any]) -> None:
    expected: list[bytes | None] = []
    for value in values:
        # A path into what is neither an object nor a list is a broken cell, but for a text that holds JSON.
        inside = parsed_text(value) if isinstance(value, str) else value
        if inside is not None and not isinstance(inside, dict | list):
            expected.append(None)
            continue
        deep = inside.get("a") if isinstance(inside, dict) else None
        fields = {
            "type": "t",
            "entityType": "search",
            "searchQuery": "q",
            "createdAt": datetime(2020, 1, 1, tzinfo=UTC),
        }
        fields |= {
            "properties": {"value": value, "deep": deep},
            "userProperties": {"id": value, "plan": value},
        }
        expected.append(body_by_model(fields))
    frame = ndjson([{"value": value, "at": "2020-01-01T00:00:00Z"} for value in values])
    check_same(frame, NDJSON_EVENT, expected)


def parsed_text(value: str) -> Any:
    """What a text holds as JSON; a text that isn't JSON stands for itself."""
    try:
        inside = json.loads(value, parse_constant=lambda _: math.nan)
    except ValueError:
        return value
    return value if isinstance(inside, float) else inside
