import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.faults import NO_FAULTS, Fault, Faults
from etl.sandbox.keeping import alter, fate_of, shown_as_strings
from etl.sandbox.process import SandboxProcess
from tests.sandbox.client import EVENT, post, query

FATES = Faults(forget_share=0.1, alter_share=0.2, double_share=0.3)


def shown(url: str) -> dict[str, list[dict[str, Any]]]:
    """What a query shows, by id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in query(url, {}).json["data"]["result"]:
        found.setdefault(row["id"], []).append(row)
    return found


def test_each_id_meets_the_same_fate_each_time_and_the_shares_are_kept() -> None:
    ids = [f"event-{number}" for number in range(20_000)]
    fates = [fate_of(FATES, event_id) for event_id in ids]
    assert fates == [fate_of(FATES, event_id) for event_id in ids]
    for fault, share in ((Fault.FORGOTTEN, 0.1), (Fault.ALTERED, 0.2), (Fault.DOUBLED, 0.3), (None, 0.4)):
        assert fates.count(fault) / len(ids) == pytest.approx(share, abs=0.02)
    assert {fate_of(NO_FAULTS, event_id) for event_id in ids} == {None}


@given(st.text(min_size=1, max_size=20), st.booleans())
def test_an_altered_event_differs_in_one_thing_and_keeps_its_id(event_id: str, has_properties: bool) -> None:
    event = EVENT | {"id": event_id} | ({"properties": {"page": "/a", "n": 1}} if has_properties else {})
    altered = alter(event, event_id, event["createdAt"])
    assert [name for name in event if altered[name] != event[name]] in (
        ["createdAt"],
        ["type"],
        ["properties"],
    )
    assert altered.keys() == event.keys()


def test_strings_are_written_as_javascript_writes_them() -> None:
    assert shown_as_strings(
        {"a": 1.0, "b": "x", "c": True, "d": {"e": [2.0, None]}, "f": None, "g": 0.5}
    ) == {
        "a": "1",
        "b": "x",
        "c": "true",
        "d": '{"e":[2,null]}',
        "f": None,
        "g": "0.5",
    }


@pytest.fixture(scope="module")
def unfaithful() -> Iterator[SandboxProcess]:
    with SandboxProcess("--forget", "10%", "--alter", "20%", "--double", "30%") as sandbox:
        for number in range(60):
            event = EVENT | {"id": f"event-{number}", "properties": {"page": f"/{number}"}}
            assert post(sandbox.url, event).json["properties"] == event["properties"]
        yield sandbox


def test_what_it_did_is_what_its_inspection_says(unfaithful: SandboxProcess) -> None:
    said = {line["id"]: line["fault"] for line in unfaithful.attempts()}
    found = shown(unfaithful.url)
    for event_id, fault in said.items():
        rows = found.get(event_id, [])
        assert len(rows) == {"forgotten": 0, "doubled": 2}.get(fault, 1), event_id
        sent = EVENT | {"id": event_id, "properties": {"page": f"/{event_id[6:]}"}}
        as_sent = [
            all(row[name] == value for name, value in sent.items() if name != "entityType") for row in rows
        ]
        assert all(as_sent) is (fault != "altered"), event_id
    assert set(said.values()) == {"forgotten", "altered", "doubled", None}


def test_what_was_forgotten_is_kept_when_it_comes_again() -> None:
    with SandboxProcess("--forget", "100%") as sandbox:
        post(sandbox.url, EVENT)
        assert shown(sandbox.url) == {}
        post(sandbox.url, EVENT)
        assert len(shown(sandbox.url)[EVENT["id"]]) == 1


def test_an_event_shows_only_after_its_time() -> None:
    with SandboxProcess("--visible-after", "0.5") as sandbox:
        post(sandbox.url, EVENT)
        assert query(sandbox.url, {}).json["data"] == {"result": [], "total": 0, "pageSize": 1000, "count": 0}
        deadline = time.monotonic() + 10
        while not shown(sandbox.url):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_queries_have_a_limit_of_their_own() -> None:
    with SandboxProcess("--query-rate-limit", "2/s") as sandbox:
        replies = [query(sandbox.url, {}) for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 429, 429]
        assert replies[-1].headers["retry-after"] == "1"
        assert post(sandbox.url, EVENT).status == 200


def test_refused_queries_are_answered_as_to_a_key_that_only_writes() -> None:
    with SandboxProcess("--refuse-queries") as sandbox:
        assert post(sandbox.url, EVENT).status == 200
        assert query(sandbox.url, {}).status == 403


def test_values_inside_properties_can_come_back_as_strings() -> None:
    with SandboxProcess("--stringify", "--page-rows", "1") as sandbox:
        for event_id in "ab":
            post(
                sandbox.url,
                EVENT | {"id": event_id, "properties": {"n": 7, "s": "7"}, "userProperties": {"id": 3}},
            )
        data = query(sandbox.url, {}).json["data"]
        assert (data["total"], data["pageSize"], data["count"]) == (2, 1, 1)
        assert data["result"][0]["properties"] == {"n": "7", "s": "7"}
        assert data["result"][0]["userProperties"] == {"id": "3"}
