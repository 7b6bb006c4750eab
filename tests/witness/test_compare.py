import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.event import Event, StoredEvent, parse_body
from etl.sandbox.keeping import shown_as_strings
from etl.witness.compare import Comparison, Difference, compare_event

SENT: dict[str, Any] = {
    "id": "e1",
    "type": "assistant_message_copied",
    "entityType": "message",
    "messageId": "m1",
    "createdAt": "2024-01-31T09:30:00.120Z",
    "properties": {"page": "/a", "n": 1.0, "ok": True, "tags": ["x", 2], "nested": {"a": 1, "b": None}},
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


def sent_event(changes: dict[str, Any]) -> Event:
    return parse_body(orjson.dumps(SENT | changes))


def stored(**changes: Any) -> StoredEvent:
    shown = {name: value for name, value in SENT.items() if name != "entityType"} | {"eventType": "message"}
    return StoredEvent.model_validate(shown | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"createdAt": "2024-01-31T09:30:00.12Z"},
        {"createdAt": "2024-01-31T10:30:00.120000+01:00"},
        {"properties": {"nested": {"a": 1.0}, "tags": ["x", 2], "ok": True, "n": 1, "page": "/a"}},
        {
            "properties": {
                "page": "/a",
                "n": "1",
                "ok": "true",
                "tags": '["x", 2]',
                "nested": '{"b":null,"a":1}',
            }
        },
        {"properties": json.dumps(SENT["properties"])},
        {"userProperties": {"id": "7"}},
        {"eventType": None},
        {"eventType": "assistant_message"},
        {"organizationId": "o", "conversationId": None},
    ],
)
def test_what_is_only_written_otherwise_is_the_same(changes: dict[str, Any]) -> None:
    assert compare_event(sent_event({}), stored(**changes)).difference is None


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        (
            {"createdAt": "2024-01-31T09:30:00Z"},
            ("createdAt", "2024-01-31T09:30:00.120Z", "2024-01-31T09:30:00.000Z"),
        ),
        ({"createdAt": None}, ("createdAt", "2024-01-31T09:30:00.120Z", None)),
        ({"type": "other"}, ("type", "assistant_message_copied", "other")),
        ({"eventType": "search"}, ("entityType", "message", "search")),
        ({"messageId": None}, ("messageId", "m1", None)),
        ({"properties": None}, ("properties.page", "/a", None)),
        ({"properties": SENT["properties"] | {"page": "/b"}}, ("properties.page", "/a", "/b")),
        ({"properties": SENT["properties"] | {"n": "1.5"}}, ("properties.n", 1.0, "1.5")),
        ({"properties": SENT["properties"] | {"n": True}}, ("properties.n", 1.0, True)),
        ({"properties": SENT["properties"] | {"ok": "True"}}, ("properties.ok", True, "True")),
        ({"properties": SENT["properties"] | {"tags": ["x"]}}, ("properties.tags", ["x", 2], ["x"])),
        ({"properties": SENT["properties"] | {"tags": ["x", "2"]}}, ("properties.tags[1]", 2, "2")),
        ({"properties": SENT["properties"] | {"nested": {"a": 2}}}, ("properties.nested.a", 1, 2)),
        ({"userProperties": {"id": 8}}, ("userProperties.id", 7, 8)),
    ],
)
def test_the_first_difference_is_named(changes: dict[str, Any], difference: tuple[Any, ...]) -> None:
    assert compare_event(sent_event({}), stored(**changes)).difference == Difference(*difference)


def test_what_the_server_added_is_told_and_is_no_difference() -> None:
    more = stored(
        projectId="p", properties=SENT["properties"] | {"seen": 1, "none": None, "nested": {"a": 1, "c": 2}}
    )
    assert compare_event(sent_event({}), more) == Comparison(
        None, ("projectId", "properties.nested.c", "properties.seen")
    )


def test_a_project_that_was_sent_must_be_there() -> None:
    assert compare_event(sent_event({"projectId": "p"}), stored(projectId=None)).difference == Difference(
        "projectId", "p", None
    )


@given(st.dictionaries(st.text(max_size=5), JSON_VALUE, max_size=5), st.booleans())
def test_any_properties_are_the_same_through_json_and_as_strings(
    properties: dict[str, Any], as_strings: bool
) -> None:
    shown = shown_as_strings(properties) if as_strings else orjson.loads(orjson.dumps(properties))
    assert compare_event(sent_event({"properties": properties}), stored(properties=shown)).difference is None


@given(st.dictionaries(st.text(max_size=5), JSON_VALUE, min_size=1, max_size=4), st.data())
def test_any_changed_text_is_noticed(properties: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(properties)))
    other = properties | {name: "something else entirely"}
    comparison = compare_event(sent_event({"properties": properties}), stored(properties=other))
    assert comparison.difference is not None or properties[name] in (None, "something else entirely")


@pytest.mark.parametrize(
    ("sent", "found", "is_same"),
    [
        (4.335015720381165e16, "43350157203811650", True),
        (4.335015720381165e16, 43350157203811650, True),
        (4.335015720381165e16, 43350157203811800, False),
        (7, "8", False),
        (1e300, "1" + "0" * 400, False),
    ],
)
def test_a_double_is_the_same_however_many_digits_are_written(
    sent: float, found: object, is_same: bool
) -> None:
    shown = stored(properties={"n": found})
    assert (compare_event(sent_event({"properties": {"n": sent}}), shown).difference is None) is is_same


def test_of_a_field_that_the_answer_does_not_have_nothing_is_told_and_null_is_a_difference() -> None:
    shown = {name: value for name, value in SENT.items() if name not in ("messageId", "properties")}
    assert compare_event(sent_event({}), StoredEvent.model_validate(shown)) == Comparison(
        None, (), ("messageId", "properties")
    )
    other = StoredEvent.model_validate(shown | {"type": "another"})
    assert compare_event(sent_event({}), other).difference == Difference(
        "type", "assistant_message_copied", "another"
    )
    without = sent_event({"properties": None})
    assert compare_event(without, StoredEvent.model_validate(shown | {"messageId": "m1"})) == Comparison(None)
