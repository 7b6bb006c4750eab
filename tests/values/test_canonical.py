from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from etl.event import StoredEvent
from etl.sandbox.keeping import shown_as_strings
from etl.values import canonical
from etl.values.canonical import digest_body, digest_stored

SENT: dict[str, Any] = {
    "id": "e1",
    "type": "copied",
    "entityType": "message",
    "messageId": "m1",
    "createdAt": "2024-01-31T09:30:00.120Z",
    "properties": {"page": "/a", "n": 1.0, "ok": True, "tags": ["x", 2], "deep": {"b": None, "a": 1}},
    "userProperties": {"id": 7},
}
JSON_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def stored(**changes: Any) -> bytes | None:
    shown = {name: value for name, value in SENT.items() if name != "entityType"}
    return digest_stored(StoredEvent.model_validate(shown | changes), filled_in=False)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"createdAt": "2024-01-31T10:30:00.12+01:00"},
        {"properties": {"deep": {"a": 1.0}, "tags": ["x", 2.0], "ok": True, "n": 1, "page": "/a"}},
        {"properties": {"page": "/a", "n": "1", "ok": "true", "tags": '["x",2]', "deep": '{"a":1}'}},
        {"userProperties": {"id": "7"}},
        {"eventType": "message"},
    ],
)
def test_what_is_only_written_otherwise_has_the_same_digest(changes: dict[str, Any]) -> None:
    assert stored(**changes) == digest_body(orjson.dumps(SENT))


@pytest.mark.parametrize(
    "changes",
    [
        {"createdAt": "2024-01-31T09:30:00.121Z"},
        {"type": "other"},
        {"messageId": "m2"},
        {"messageId": None, "conversationId": "m1"},
        {"properties": SENT["properties"] | {"page": "/b"}},
        {"properties": SENT["properties"] | {"more": 1}},
        {"properties": {}},
        {"userProperties": {"id": 8}},
        {"projectId": "p"},
    ],
)
def test_what_differs_has_another(changes: dict[str, Any]) -> None:
    assert stored(**changes) != digest_body(orjson.dumps(SENT))


def test_a_project_counts_where_it_was_sent() -> None:
    with_project = digest_body(orjson.dumps(SENT | {"projectId": "p"}))
    assert stored(projectId="p") == with_project != stored(projectId="q")
    shown = StoredEvent.model_validate({**SENT, "projectId": "filled in"})
    assert digest_stored(shown, filled_in=True) == digest_body(orjson.dumps(SENT))


@given(st.dictionaries(st.text(max_size=5), JSON_VALUE, max_size=5), st.booleans())
def test_any_properties_have_the_same_digest_through_json_and_as_strings(
    properties: dict[str, Any], as_strings: bool
) -> None:
    # What is sent as the text of a number isn't told from the number; 1.0 that comes back as "1.0" is told from 1.
    shown = shown_as_strings(properties) if as_strings else dict(reversed(properties.items()))
    if as_strings and any(
        isinstance(value, float) and not value.is_integer() for value in properties.values()
    ):
        shown = {
            name: rfc8785.dumps(value).decode() if isinstance(value, float) else shown[name]
            for name, value in properties.items()
        }
    sent = SENT | {"properties": properties}
    assert stored(properties=shown) == digest_body(orjson.dumps(sent))


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=5))
def test_the_form_is_that_of_rfc_8785(values: dict[str, str]) -> None:
    form = {"type": "t", "properties": values}
    assert canonical._write(form) == rfc8785.dumps(form)  # type: ignore[arg-type]  # its type of JSON is invariant
