import asyncio
import time
from typing import Any

import orjson
import pytest

from etl.sandbox.keys import WEB_KEY
from etl.sandbox.process import SandboxProcess
from etl.send.connect import TransportKind, open_transport
from etl.witness.asking import ask_all, query_endpoint
from etl.witness.inquiry import Finding, Inquiry, Presence
from etl.witness.result_page import ProblemKind
from tests.sandbox.client import EVENT, post

KINDS: list[TransportKind] = ["pyreqwest", "httpx"]


def fill(sandbox: SandboxProcess, count: int) -> list[str]:
    ids = [f"event-{number:04d}" for number in range(count)]
    for event_id in ids:
        assert post(sandbox.url, EVENT | {"id": event_id}).status == 200
    return ids


def ask(
    url: str, inquiry: Inquiry, *, key: str = "sandbox-api-key", kind: TransportKind = "httpx", **options: Any
) -> list[Finding]:
    async def all_of_it() -> list[Finding]:
        transport = open_transport(query_endpoint(url), key, 10.0, 4, kind)
        try:
            return [
                finding
                async for finding in ask_all(inquiry, transport, **{"rate_per_second": 200.0, **options})
            ]
        finally:
            await transport.close()

    return asyncio.run(all_of_it())


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://a.example", "https://a.example/query"),
        ("https://a.example/v1/", "https://a.example/v1/query"),
        ("https://a.example/v1/events", "https://a.example/v1/query"),
    ],
)
def test_queries_go_beside_the_events(endpoint: str, url: str) -> None:
    assert query_endpoint(endpoint) == url


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_sandbox_did_is_what_is_found(kind: TransportKind) -> None:
    with SandboxProcess("--forget", "10%", "--double", "20%", "--page-rows", "7") as sandbox:
        ids = fill(sandbox, 60)
        inquiry = Inquiry(ids, patience_seconds=0.0, most_ids=20)
        found = {finding.id: finding.presence for finding in ask(sandbox.url, inquiry, kind=kind)}
        did = {line["id"]: line["fault"] for line in sandbox.attempts()}
    presence = {"forgotten": Presence.MISSING, "doubled": Presence.DOUBLED, None: Presence.THERE}
    assert found == {event_id: presence[did[event_id]] for event_id in ids}
    assert set(found.values()) == set(presence.values())


def test_what_shows_late_is_waited_for() -> None:
    with SandboxProcess("--visible-after", "1.5") as sandbox:
        ids = fill(sandbox, 3)
        found = ask(sandbox.url, Inquiry(ids, patience_seconds=30.0))
    assert [finding.presence for finding in found] == [Presence.THERE] * 3
    assert max(finding.lag_seconds for finding in found) > 1


def test_the_rate_is_kept_and_a_limit_obeyed() -> None:
    with SandboxProcess("--query-rate-limit", "5/s") as sandbox:
        ids = fill(sandbox, 12)
        began = time.monotonic()
        inquiry = Inquiry(ids, patience_seconds=0.0, most_ids=1)
        found = ask(sandbox.url, inquiry)
        assert len(found) == 12
        assert time.monotonic() - began > 1.0
    with SandboxProcess() as sandbox:
        ids = fill(sandbox, 10)
        began = time.monotonic()
        ask(sandbox.url, Inquiry(ids, patience_seconds=0.0, most_ids=1), rate_per_second=10.0)
        assert time.monotonic() - began >= 0.9


@pytest.mark.parametrize("refuses", [True, False])
def test_a_key_that_cannot_read_says_nothing_of_the_events(refuses: bool) -> None:
    with SandboxProcess(*(["--refuse-queries"] if refuses else [])) as sandbox:
        ids = fill(sandbox, 2)
        inquiry = Inquiry(ids, patience_seconds=30.0)
        assert ask(sandbox.url, inquiry, key=sandbox.api_key if refuses else WEB_KEY) == []
    assert inquiry.stopped is not None
    assert inquiry.stopped.kind is ProblemKind.KEY_CANNOT_READ
    assert inquiry.stopped.reason == "the key can't read: status 403"


def test_a_destination_without_the_route_says_nothing_of_the_events() -> None:
    with SandboxProcess() as sandbox:
        inquiry = Inquiry(["a"], patience_seconds=30.0)
        assert ask(f"{sandbox.url}/elsewhere", inquiry) == []
    assert inquiry.stopped is not None
    assert (inquiry.stopped.kind, inquiry.stopped.reason) == (
        ProblemKind.NO_ROUTE,
        "the destination takes no queries: status 404",
    )


def test_a_destination_that_is_gone_is_given_up_on() -> None:
    with SandboxProcess() as sandbox:
        url = sandbox.url
    inquiry = Inquiry(["a"], patience_seconds=30.0, outage_seconds=1.0)
    assert ask(url, inquiry) == []
    assert inquiry.stopped is not None
    assert inquiry.stopped.kind is ProblemKind.PASSING
    assert orjson.dumps(inquiry.stopped.reason)
