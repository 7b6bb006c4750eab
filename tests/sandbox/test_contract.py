import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import etl.sandbox.contract as contract
from etl.sandbox.contract import find_violation, read_schema
from tests.sandbox.client import EVENT

SCHEMA = Draft202012Validator(read_schema())
CONTRACT = Path(__file__).parents[1] / "contract"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
TIMES = st.sampled_from(
    ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13Z", "2023-11-14T22:13:20+0530", "2023-11-14", "2023-11-14T1Z",
     "2023-11-14T22:13:20.000Z\n", "٢٠٢٣-11-14T22:13:20Z", ""]
)  # fmt: skip
USER_FIELDS = ["id", "identificationType", "userId", "supportAgentName", "supportAgentEmail", "userType", "x"]
NEAR_EVENTS = st.fixed_dictionaries(
    {
        "type": st.just("t") | JSON,
        "entityType": st.sampled_from(["message", "conversation", "search", "x"]) | JSON,
    },
    optional={
        "id": st.text(max_size=2) | JSON,
        "createdAt": TIMES | JSON,
        "messageId": st.just("m") | JSON,
        "conversationId": st.just("c") | JSON,
        "searchQuery": st.just("s") | JSON,
        "projectId": SCALARS | JSON,
        "integrationId": SCALARS | JSON,
        "properties": JSON,
        "userProperties": st.dictionaries(st.sampled_from(USER_FIELDS), JSON, max_size=3) | JSON,
        "other": JSON,
    },
)


def test_the_schema_is_the_contracts_to_the_byte() -> None:
    copy = Path(contract.__file__).with_name("insert_event.schema.json")
    assert copy.read_bytes() == (CONTRACT / "insert_event.schema.json").read_bytes()


@given(NEAR_EVENTS | JSON)
def test_what_the_short_way_takes_the_schema_takes(event: object) -> None:
    if contract._is_plain(event):
        assert SCHEMA.is_valid(event)


@given(NEAR_EVENTS | JSON)
def test_an_event_is_refused_where_the_schema_refuses_it_or_its_time_is_none(event: object) -> None:
    violation = find_violation(event)
    if not SCHEMA.is_valid(event):
        assert violation is not None
    elif violation is not None:
        assert violation.endswith("is no point in time")


def test_the_short_way_is_the_usual_one() -> None:
    whole = EVENT | {
        "projectId": "p",
        "properties": {"a": [1]},
        "userProperties": {"id": 7, "userType": None},
    }
    assert contract._is_plain(EVENT)
    assert contract._is_plain(whole)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"entityType": "page"}, "entityType: 'page' is not one of 'message', 'conversation', 'search'"),
        ({"entityType": "search"}, "'searchQuery' is a required property"),
        ({"messageId": 7}, "messageId: 7 is not of type 'string'"),
        ({"id": ""}, "id: '' should be non-empty"),
        ({"type": None}, "type: None is not of type 'string'"),
        ({"createdAt": "2023-13-01T00:00:00Z"}, "createdAt: '2023-13-01T00:00:00Z' is no point in time"),
        ({"createdAt": "2023-11-14T00:00:00Z\n"}, "createdAt: '2023-11-14T00:00:00Z\\n' is no point in time"),
        (
            {"userProperties": {"userId": [1]}},
            "userProperties.userId: [1] is not of type 'string', 'number', 'null'",
        ),
        (
            {"userProperties": {"id": True}},
            "userProperties.id: True is not of type 'string', 'number', 'null'",
        ),
        ({"properties": "a=1"}, "properties: 'a=1' is not of type 'object', 'null'"),
    ],
)
def test_a_violation_names_the_field(change: dict[str, Any], detail: str) -> None:
    assert find_violation(EVENT | change) == detail


def test_a_time_that_does_not_match_the_pattern_is_named() -> None:
    assert str(find_violation(EVENT | {"createdAt": "yesterday"})).startswith(
        "createdAt: 'yesterday' does not match"
    )


def test_a_violation_is_never_as_long_as_the_body() -> None:
    assert len(str(find_violation(EVENT | {"properties": "x" * 100_000}))) <= 300


def test_the_golden_bodies_keep_the_contract() -> None:
    golden = CONTRACT / "golden_ids.json"
    bodies = [vector["body"] for vector in json.loads(golden.read_text())["vectors"]]
    assert bodies
    assert [find_violation(json.loads(body)) for body in bodies] == [None] * len(bodies)
