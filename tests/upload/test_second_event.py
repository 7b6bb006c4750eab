"""What becomes of a second event of one id is found out, and the first one put back, wherever it was broken off."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import DestinationDiffers, Incomplete
from etl.event import StoredEvent
from etl.sandbox.process import SandboxProcess
from etl.send.connect import open_transport
from etl.upload.second_event import MARK, Prober, judge_shown, mark_body
from etl.values.canary import SecondEventEffect
from etl.witness.asking import query_endpoint
from tests.oddity import Change, Shown, as_it_is, showing
from tests.sandbox.client import EVENT, post

BODY = json.dumps(
    EVENT | {"id": "one", "createdAt": "2024-01-31T09:30:00.000Z", "properties": {"page": "/x"}}
)


def probe(url: str, patience_seconds: float = 1.0) -> SecondEventEffect:
    async def work() -> SecondEventEffect:
        events = open_transport(url, SandboxProcess.api_key, 10.0, 4, "httpx")
        queries = open_transport(query_endpoint(url), SandboxProcess.api_key, 10.0, 4, "httpx")
        try:
            return await Prober("one", BODY, events, queries, 0.0, patience_seconds).probe()
        finally:
            await events.close()
            await queries.close()

    return asyncio.run(work())


def stored(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    return [line["event"] for line in sandbox.events()]


def test_broken_off_after_the_first_was_replaced_it_is_put_back_and_no_third_is_sent() -> None:
    with SandboxProcess() as sandbox:
        post(sandbox.url, json.loads(BODY))
        post(sandbox.url, json.loads(mark_body(BODY)))
        assert stored(sandbox)[0]["properties"] == {"page": "/x", MARK: "a second event of this id"}
        assert probe(sandbox.url) is SecondEventEffect.REPLACES
        [event] = stored(sandbox)
        assert event["properties"] == {"page": "/x"}
        assert sum(1 for _ in sandbox.attempts()) == 3


def test_broken_off_after_both_were_kept_no_third_is_sent() -> None:
    with SandboxProcess("--no-dedupe") as sandbox:
        post(sandbox.url, json.loads(BODY))
        post(sandbox.url, json.loads(mark_body(BODY)))
        assert probe(sandbox.url) is SecondEventEffect.KEEPS_TWO
        assert sum(1 for _ in sandbox.attempts()) == 2


def test_where_the_first_does_not_come_back_that_is_told() -> None:
    posts: list[str] = []

    def ignores(event_id: str) -> bool:
        posts.append(event_id)
        return len(posts) > 1  # the second takes its place, what puts it back doesn't

    with SandboxProcess() as sandbox, showing(sandbox, ignores=ignores) as url:
        post(sandbox.url, json.loads(BODY))
        with pytest.raises(DestinationDiffers) as told:
            probe(url)
    assert told.value.problem == (
        "Expected event one as it was sent first, found the second one of its id in its place, marked backfillProbe in "
        "its properties"
    )
    assert told.value.fix == (
        "Run the same command again: it goes on with the same event, and puts the first back"
    )


@pytest.mark.parametrize("change", [lambda _, shown: Shown(503, b""), lambda _, shown: Shown(200, b"<html>")])
def test_where_nobody_can_be_asked_nothing_is_sent(change: Change) -> None:
    with SandboxProcess() as sandbox, showing(sandbox, change) as url:
        post(sandbox.url, json.loads(BODY))
        with pytest.raises(
            Incomplete, match="Expected to see what became of a second event of one id, found: "
        ):
            probe(url)
        assert sum(1 for _ in sandbox.attempts()) == 1


@given(
    shown=st.lists(st.sampled_from(["first", "second"]), max_size=3),
    hidden=st.integers(0, 2),
)
def test_replacing_is_said_only_of_one_that_is_the_second(shown: list[str], hidden: int) -> None:
    second = mark_body(BODY)
    texts = {"first": BODY, "second": second}
    events = [StoredEvent.model_validate(json.loads(texts[which])) for which in shown]
    said = judge_shown(events, len(shown) + hidden, second)
    if len(shown) + hidden > 1:
        assert said is SecondEventEffect.KEEPS_TWO
    else:
        assert said is (SecondEventEffect.REPLACES if shown == ["second"] else None)


def test_the_mark_is_the_only_difference() -> None:
    marked = json.loads(mark_body(BODY))
    assert marked["properties"].pop(MARK)
    assert marked == json.loads(BODY)
    assert as_it_is({}, Shown(200, b"")) == Shown(200, b"")
