"""Each fault over a real connection: what the client sees, and what the server then knows."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from etl.sandbox.process import SandboxProcess
from tests.sandbox.client import EVENT, Reply, post, query


def attempt(sandbox: SandboxProcess, **change: Any) -> Reply | Exception:
    try:
        return post(sandbox.url, EVENT | change)
    except (OSError, http.client.HTTPException) as error:
        return error


def statuses(sandbox: SandboxProcess, attempts: int) -> list[int]:
    return [post(sandbox.url, EVENT | {"id": f"id-{number}"}).status for number in range(attempts)]


def test_a_reset_is_a_reset_and_nothing_is_stored() -> None:
    with SandboxProcess("--reset", "100%") as sandbox:
        assert isinstance(attempt(sandbox), ConnectionResetError)
        stats = sandbox.stats()
        (line,) = sandbox.attempts()
    assert (stats["stored"], stats["by_status"], stats["by_fault"]) == (0, {"0": 1}, {"reset": 1})
    assert (line["id"], line["stored"]) == (EVENT["id"], False)


def test_a_lost_answer_is_stored_and_the_connection_closed() -> None:
    with SandboxProcess("--lose-answers", "100%") as sandbox:
        assert isinstance(attempt(sandbox), http.client.RemoteDisconnected)
        assert isinstance(attempt(sandbox), http.client.RemoteDisconnected)
        stats = sandbox.stats()
    assert (stats["stored"], stats["resent"], stats["by_status"]) == (1, 1, {"0": 2})


@pytest.mark.parametrize(("lie", "stored"), [("html", 0), ("empty", 0), ("other-id", 0), ("truncated", 1)])
def test_a_lie_is_a_200_without_the_stored_event(lie: str, stored: int) -> None:
    with SandboxProcess("--lie", lie) as sandbox:
        reply = attempt(sandbox)
        stats = sandbox.stats()
    if lie == "truncated":
        assert isinstance(reply, http.client.IncompleteRead)
    else:
        assert isinstance(reply, Reply)
        assert reply.status == 200
        assert b'"id":"event-1"' not in reply.body
        assert ("html" in reply.headers["content-type"]) == (lie == "html")
        assert (reply.body == b"") == (lie == "empty")
    assert (stats["stored"], stats["by_status"], stats["by_fault"]) == (stored, {"200": 1}, {f"lie-{lie}": 1})


def test_failures_answer_their_status_and_store_nothing() -> None:
    with SandboxProcess("--fail", "100%:500") as sandbox:
        reply = post(sandbox.url, EVENT)
        assert (reply.status, reply.json["code"]) == (500, "internal_server_error")
        assert sandbox.stats()["stored"] == 0


def test_the_first_failures_pass() -> None:
    with SandboxProcess("--fail-first", "2") as sandbox:
        assert statuses(sandbox, 4) == [503, 503, 200, 200]


def test_the_rate_limit_says_how_long_to_wait_and_means_it() -> None:
    with SandboxProcess("--rate-limit", "2/s") as sandbox:
        replies = [post(sandbox.url, EVENT) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert replies[0].headers["ratelimit-remaining"] == "1"
        assert replies[2].headers["x-ratelimit-limit"] == "2"
        assert replies[2].headers["retry-after"] == "1"
        time.sleep(1)
        assert post(sandbox.url, EVENT).status == 200


def test_an_answer_comes_no_earlier_than_its_latency_and_others_are_not_held_up() -> None:
    with SandboxProcess("--latency-ms", "300:10") as sandbox:
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda number: attempt(sandbox, id=f"id-{number}"), range(8)))
        elapsed_seconds = time.monotonic() - started
        stats = sandbox.stats()
    assert all(isinstance(reply, Reply) and reply.status == 200 for reply in replies)
    assert elapsed_seconds >= 0.3
    assert stats["max_in_flight"] == 8


def test_an_event_is_refused_each_time_and_the_others_never() -> None:
    with SandboxProcess("--reject", "50%") as sandbox:
        first = statuses(sandbox, 20)
        assert set(first) == {200, 422}
        assert statuses(sandbox, 20) == first
        refused = post(sandbox.url, EVENT | {"id": f"id-{first.index(422)}"})
    assert refused.json["code"] == "unprocessable_entity"


def test_a_key_refused_after_a_while_is_refused_for_queries_too() -> None:
    with SandboxProcess("--refuse-key-after", "2") as sandbox:
        assert query(sandbox.url, {}).status == 200
        assert statuses(sandbox, 3) == [200, 200, 401]
        assert query(sandbox.url, {}).status == 401


def test_an_outage_passes() -> None:
    with SandboxProcess("--down-after", "1:0.5") as sandbox:
        assert statuses(sandbox, 2) == [200, 503]
        assert query(sandbox.url, {}).status == 503
        time.sleep(0.6)
        assert post(sandbox.url, EVENT).status == 200


@pytest.mark.parametrize(
    ("option", "second_status", "stored"),
    [("--dedupe", 200, 1), ("--no-dedupe", 200, 2), ("--conflict", 409, 1)],
)
def test_an_id_that_comes_again_is_replaced_kept_or_refused(
    option: str, second_status: int, stored: int
) -> None:
    with SandboxProcess(option) as sandbox:
        assert [post(sandbox.url, EVENT).status for _ in range(2)] == [200, second_status]
        assert sandbox.stats()["stored"] == stored
        assert {line["copies"] for line in sandbox.events()} == {stored}
