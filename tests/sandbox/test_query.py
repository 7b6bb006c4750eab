from collections.abc import Iterator
from typing import Any

import pytest

from etl.sandbox.keys import WEB_KEY
from etl.sandbox.process import SandboxProcess
from tests.sandbox.client import EVENT, post, query

EVENTS = [
    EVENT | {"id": "a", "createdAt": "2023-11-14T22:13:20.000Z"},
    EVENT | {"id": "b", "createdAt": "2023-11-14T23:59:59.999999Z", "projectId": "p"},
    EVENT | {"id": "c", "createdAt": "2023-11-15T01:00:00.000+02:00", "properties": {"page": "/x"}},
    {
        "id": "d",
        "type": "search_query_submitted",
        "entityType": "search",
        "searchQuery": "how'd I install?",
        "createdAt": "2024-01-01T00:00:00.000Z",
    },
]
COUNT = {"type": "aggregation", "aggregation": "count"}
ID = {"type": "field", "field": "id"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SandboxProcess("--page-rows", "3") as sandbox:
        for event in EVENTS:
            assert post(sandbox.url, event).status == 200
        yield sandbox.url


def rows(url: str, **parts: Any) -> list[dict[str, Any]]:
    reply = query(url, parts)
    assert reply.status == 200, reply.body
    result: list[dict[str, Any]] = reply.json["data"]["result"]
    return result


def condition(field: str, operator: str, value: object = None) -> dict[str, Any]:
    return {"condition": {"field": field, "operator": operator, "value": value}}


def aggregation(name: str, field: str) -> dict[str, str]:
    return {"type": "aggregation", "aggregation": name, "field": field}


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        (condition("id", "eq", "a"), "a"),
        (condition("id", "neq", "a"), "bcd"),
        (condition("id", "gt", "b"), "cd"),
        (condition("id", "lte", "b"), "ab"),
        (condition("id", "in", ["a", "d", "z"]), "ad"),
        (condition("id", "in", []), ""),
        (condition("id", "notIn", ["a"]), "bcd"),
        (condition("projectId", "isNull"), "acd"),
        (condition("projectId", "isNotNull"), "b"),
        (condition("searchQuery", "eq", "how'd I install?"), "d"),
        (condition("eventType", "eq", "search"), "d"),
        (condition("createdAt", "gte", "2023-11-14T23:00:00Z"), "bcd"),
        (condition("createdAt", "lt", "2023-11-14T23:00:00Z"), "a"),
        (condition("createdAt", "eq", "2023-11-14T23:00:00Z"), "c"),
        ({"and": [condition("id", "gt", "a"), condition("type", "eq", EVENT["type"])]}, "bc"),
        ({"or": [condition("id", "eq", "a"), {"and": [condition("id", "eq", "d")]}]}, "ad"),
        ({"and": []}, "abcd"),
        ({"or": []}, ""),
    ],
)
def test_where_keeps_the_events_it_names(url: str, where: dict[str, Any], ids: str) -> None:
    # Three rows are a page here, so four are asked for from the end.
    found = {row["id"] for row in rows(url, select=[ID], where=where)}
    found |= {
        row["id"]
        for row in rows(url, select=[ID], where=where, orderBy=[{"field": "id", "direction": "desc"}])
    }
    assert found == set(ids)


def test_days_are_counted_in_utc(url: str) -> None:
    day = {"type": "time", "timeUnit": "day", "field": "createdAt"}
    assert rows(url, select=[day, COUNT], groupBy=[{"field": "createdAt_day"}]) == [
        {"createdAt_day": "2023-11-14T00:00:00.000Z", "count": 3},
        {"createdAt_day": "2024-01-01T00:00:00.000Z", "count": 1},
    ]


@pytest.mark.parametrize("select", [[COUNT, {"type": "field", "field": "type"}], [COUNT]])
def test_a_group_has_its_key_whether_selected_or_grouped_by(url: str, select: list[Any]) -> None:
    groups = [{"field": "type"}] if len(select) == 1 else []
    order = [{"field": "count", "direction": "desc"}]
    assert rows(url, select=select, groupBy=groups, orderBy=order) == [
        {"type": EVENT["type"], "count": 3},
        {"type": "search_query_submitted", "count": 1},
    ]


def test_a_group_can_be_left_out_of_the_answer(url: str) -> None:
    groups = [{"field": "type", "includeInSelect": False}]
    assert rows(url, select=[COUNT], groupBy=groups) == [{"count": 3}, {"count": 1}]


def test_aggregations_are_keyed_by_name_and_field(url: str) -> None:
    named = [
        ("count", "id"),
        ("countDistinct", "type"),
        ("min", "createdAt"),
        ("max", "createdAt"),
        ("max", "id"),
    ]
    assert rows(url, select=[aggregation(*pair) for pair in named]) == [
        {
            "count_id": 4,
            "countDistinct_type": 2,
            "min_createdAt": "2023-11-14T22:13:20.000Z",
            "max_createdAt": "2024-01-01T00:00:00.000Z",
            "max_id": "d",
        }
    ]


def test_sum_and_avg_answer_a_number(url: str) -> None:
    only = condition("id", "eq", "a")
    assert rows(url, select=[aggregation("sum", "id"), aggregation("avg", "id")], where=only) == [
        {"sum_id": 0.0, "avg_id": 0.0}
    ]


def test_a_query_for_nothing_in_particular_answers_whole_events(url: str) -> None:
    (row,) = rows(url, where=condition("id", "eq", "c"))
    assert row["properties"] == {"page": "/x"}
    assert (row["messageId"], row["searchQuery"], row["eventType"]) == ("msg_1", None, "message")


def test_a_result_longer_than_a_page_is_cut_and_says_so(url: str) -> None:
    data = query(url, {"select": [ID]}).json["data"]
    assert (len(data["result"]), data["count"], data["total"], data["pageSize"]) == (3, 3, 4, 3)


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {"selects": []},
        {"select": [{"type": "field", "field": "body"}]},
        {"select": [{"type": "field", "field": "id; DROP TABLE events"}]},
        {"select": [{"type": "time", "timeUnit": "year", "field": "createdAt"}]},
        {"select": [{"type": "aggregation", "aggregation": "median", "field": "id"}]},
        {"select": [{"type": "aggregation", "aggregation": "sum"}]},
        {"select": [COUNT], "groupBy": [{"field": "createdAt_year"}]},
        {"select": [COUNT], "orderBy": [{"field": "id"}]},
        {"orderBy": [{"field": "id", "direction": "up"}]},
        {"where": {"condition": {"field": "id", "operator": "like", "value": "a"}}},
        {"where": {"condition": {"field": "id", "operator": "eq", "value": None}}},
        {"where": {"condition": {"field": "createdAt", "operator": "gt", "value": "yesterday"}}},
        {"where": {"and": [], "or": []}},
        {"where": {}},
    ],
)
def test_a_query_that_is_not_the_contracts_is_refused(url: str, broken: Any) -> None:
    reply = query(url, broken)
    assert (reply.status, reply.json["code"]) == (400, "bad_request")


def test_a_deeply_nested_where_is_refused(url: str) -> None:
    where: dict[str, Any] = condition("id", "eq", "a")
    for _ in range(200):
        where = {"and": [where]}
    assert query(url, {"where": where}).status == 400


def test_only_a_key_that_may_read_can_query(url: str) -> None:
    assert query(url, {}, key=WEB_KEY).json["code"] == "forbidden"
    assert query(url, {}, key=WEB_KEY).status == 403
    assert query(url, {}, key="nobody").status == 401
    assert query(url, b"{").status == 400


def test_a_path_reaches_inside_properties(url: str) -> None:
    page = {"type": "field", "field": "properties", "path": ["page"]}
    at_page = condition("properties", "eq", {"path": ["page"], "value": "/x"})
    assert rows(url, select=[ID, page], where=at_page) == [{"id": "c", "properties.page": "/x"}]
    assert rows(url, select=[COUNT], groupBy=[{"field": "properties", "path": ["page"]}]) == [
        {"properties.page": None, "count": 3},
        {"properties.page": "/x", "count": 1},
    ]


@pytest.mark.parametrize("path", [[], "page", [1], ["a'b"], ['a"b'], ["a" * 101]])
def test_a_path_that_is_none_is_a_bad_request(url: str, path: object) -> None:
    assert query(url, {"select": [{"type": "field", "field": "properties", "path": path}]}).status == 400
    assert query(url, {"select": [{"type": "field", "field": "id", "path": ["a"]}]}).status == 400
