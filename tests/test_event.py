import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from etl.event import content_id, parse_event, render_timestamp

FIELDS: dict[str, Any] = {
    "type": "t",
    "entityType": "message",
    "messageId": "m",
    "createdAt": datetime(2024, 1, 31, 9, 30, tzinfo=UTC),
}


def test_an_event_is_told_by_its_entity_type() -> None:
    assert type(parse_event(FIELDS)).__name__ == "MessageEvent"
    search = {key: FIELDS[key] for key in ("type", "createdAt")} | {
        "entityType": "search",
        "searchQuery": "q",
    }
    assert type(parse_event(search)).__name__ == "SearchEvent"


@pytest.mark.parametrize(
    "change",
    [
        {"type": ""},
        {"type": None},
        {"entityType": "Message"},
        {"messageId": ""},
        {"messageId": 5},
        {"createdAt": datetime(2024, 1, 31)},
        {"createdAt": "2024-01-31T09:30:00Z"},
        {"id": ""},
        {"projectId": 5},
        {"searchQuery": "q"},
        {"properties": {"p": float("nan")}},
        {"properties": {"p": [{"q": float("inf")}]}},
        {"properties": {"p": {5: 1}}},
        {"properties": {"p": b"x"}},
        {"userProperties": {"id": True}},
        {"userProperties": {"userId": ["x"]}},
        {"userProperties": {"userType": 5}},
    ],
)
def test_what_the_api_would_refuse_is_no_event(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse_event(FIELDS | change)


def test_a_body_begins_with_the_id_of_its_content_and_leaves_nulls_out() -> None:
    properties = {"b": None, "a": {"x": None}, "Z": 2**53}
    event = parse_event(FIELDS | {"properties": properties, "userProperties": {"id": None}})
    body = event.body().decode()
    name = "{" + body.split(",", 1)[1]
    assert json.loads(body)["id"] == content_id(name)
    assert name == (
        '{"type":"t","entityType":"message","messageId":"m","createdAt":"2024-01-31T09:30:00.000Z",'
        '"properties":{"Z":"9007199254740992","a":{"x":null}}}'
    )


def test_a_body_keeps_an_id_that_is_given() -> None:
    assert parse_event(FIELDS | {"id": 'x"'}).body().startswith(b'{"id":"x\\"","type"')


def test_times_are_sent_in_utc_with_milliseconds_or_microseconds() -> None:
    local = timezone(timedelta(hours=2))
    assert render_timestamp(datetime(2024, 1, 31, 9, 30, tzinfo=local)) == "2024-01-31T07:30:00.000Z"
    assert (
        render_timestamp(datetime(2024, 1, 31, 9, 30, 0, 123456, tzinfo=local))
        == "2024-01-31T07:30:00.123456Z"
    )
