import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from etl.sandbox.keys import API_KEY, WEB_KEY
from etl.sandbox.process import SandboxProcess
from tests.sandbox.client import EVENT, post, query


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess() as running:
        yield running


def lines_of(sandbox: SandboxProcess, event_id: str) -> list[dict[str, Any]]:
    return [line for line in sandbox.events() if line["id"] == event_id]


def test_a_stored_event_comes_back_with_what_the_server_fills_in(sandbox: SandboxProcess) -> None:
    event = EVENT | {"id": "whole", "properties": {"ü": [1, None]}, "userProperties": {"id": 7}}
    reply = post(sandbox.url, event)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == event | {"projectId": None, "integrationId": None}


@pytest.mark.parametrize("depth", [1, 253, 900])
def test_nesting_that_parses_is_stored_and_read_back(sandbox: SandboxProcess, depth: int) -> None:
    nested = "[" * depth + "1.0" + "]" * depth
    body = json.dumps(EVENT | {"id": f"deep-{depth}", "properties": {}}, indent=1)
    body = body.replace("{}", f'{{"nested":{nested}}}')
    reply = post(sandbox.url, body.encode())
    assert (reply.status, f'"nested":{nested}' in reply.body.decode()) == (200, True)
    (line,) = lines_of(sandbox, f"deep-{depth}")
    assert (line["body"], line["event"]) == (body, reply.json)
    where = {"condition": {"field": "id", "operator": "eq", "value": f"deep-{depth}"}}
    (row,) = query(sandbox.url, {"where": where}).json["data"]["result"]
    assert row["properties"] == reply.json["properties"]


@pytest.mark.parametrize("depth", [900, 1100, 100_000])
def test_nesting_in_the_wrong_place_is_a_bad_request(sandbox: SandboxProcess, depth: int) -> None:
    body = json.dumps(EVENT | {"properties": 0}).replace("0}", "[" * depth + "]" * depth + "}")
    assert post(sandbox.url, body.encode()).status == 400


def test_a_time_given_as_null_is_filled_in(sandbox: SandboxProcess) -> None:
    answer = post(sandbox.url, EVENT | {"createdAt": None}).json
    assert answer["createdAt"].endswith("Z")
    assert answer == EVENT | {"createdAt": answer["createdAt"], "projectId": None, "integrationId": None}


def test_a_missing_id_and_a_missing_time_are_filled_in(sandbox: SandboxProcess) -> None:
    before = time.time()
    bare = {key: EVENT[key] for key in ("type", "entityType", "messageId")}
    answer = post(sandbox.url, bare).json
    assert answer["id"]
    (line,) = lines_of(sandbox, answer["id"])
    assert before <= line["received_at"] <= time.time()
    assert answer["createdAt"].startswith(time.strftime("%Y-", time.gmtime(before)))


@pytest.mark.parametrize("key", [API_KEY, WEB_KEY])
def test_both_keys_may_log(sandbox: SandboxProcess, key: str) -> None:
    assert post(sandbox.url, EVENT, key=key).status == 200


@pytest.mark.parametrize("key", [None, "", "sandbox-api-kez", "sandbox-api-key x"])
def test_any_other_key_is_unauthorized(sandbox: SandboxProcess, key: str | None) -> None:
    reply = post(sandbox.url, EVENT, key=key)
    assert (reply.status, reply.json["code"]) == (401, "unauthorized")


def test_an_error_is_a_problem_of_the_contracts_form(sandbox: SandboxProcess) -> None:
    reply = post(sandbox.url, EVENT | {"messageId": 7})
    problem = reply.json
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem.pop("requestId")
    assert problem == {
        "title": "Bad Request",
        "status": 400,
        "detail": "messageId: 7 is not of type 'string'",
        "instance": "/events",
        "code": "bad_request",
        "error": {"code": "bad_request", "message": "messageId: 7 is not of type 'string'"},
    }


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"NaN", b'{"type": "\\ud800"}', b"[" * 5000, b"[]", b"null"]
)
def test_a_body_that_is_no_json_object_is_a_bad_request(sandbox: SandboxProcess, body: bytes) -> None:
    assert post(sandbox.url, body).status == 400


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/events", 405), ("POST", "/event", 404)])
def test_a_wrong_address_is_a_problem_too(
    sandbox: SandboxProcess, method: str, path: str, status: int
) -> None:
    reply = post(sandbox.url, b"", method=method, path=path)
    assert (reply.status, reply.json["status"]) == (status, status)
    assert reply.headers["allow"] == ("POST" if status == 405 else None)


def body_of(body_bytes: int) -> bytes:
    empty = json.dumps(EVENT | {"id": "big", "properties": {"pad": ""}}).encode()
    return empty.replace(b'"pad": ""', b'"pad": "%s"' % (b"x" * (body_bytes - len(empty))))


@pytest.mark.parametrize(("body_bytes", "status"), [(2_000_000, 200), (2_000_001, 413), (9_000_000, 413)])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_limit_of_a_body_is_two_million_bytes(
    sandbox: SandboxProcess, body_bytes: int, status: int, is_chunked: bool
) -> None:
    body = body_of(body_bytes)
    assert len(body) == body_bytes
    pieces = (body[start : start + 100_000] for start in range(0, body_bytes, 100_000))
    reply = post(sandbox.url, pieces if is_chunked else body)
    assert reply.status == status


def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(sandbox: SandboxProcess) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.url).port or 0), timeout=5) as raw:
        head = f"POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\n"
        raw.sendall(f"{head}Content-Length: 3000000\r\nExpect: 100-continue\r\n\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")


def test_connections_are_kept_also_after_a_body_that_is_too_large(sandbox: SandboxProcess) -> None:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    ports = set()
    for body in (json.dumps(EVENT).encode(), body_of(2_500_000), b"{", json.dumps(EVENT).encode()):
        connection.request("POST", "/events", body, {"Authorization": f"Bearer {API_KEY}"})
        answer = connection.getresponse()
        answer.read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert answer.status == 200
    assert len(ports) == 1


def test_the_same_id_again_replaces_and_every_attempt_counts(sandbox: SandboxProcess) -> None:
    event = EVENT | {"id": "again"}
    for body in (event, event, event | {"messageId": 7}, event | {"messageId": "msg_2"}):
        post(sandbox.url, body)
    (line,) = lines_of(sandbox, "again")
    assert (line["attempts"], line["copies"], line["changed"]) == (4, 1, 1)
    assert line["event"]["messageId"] == "msg_2"
    assert json.loads(line["body"]) == event | {"messageId": "msg_2"}
    attempts = [attempt for attempt in sandbox.attempts() if attempt["id"] == "again"]
    assert [attempt["status"] for attempt in attempts] == [200, 200, 400, 200]
    assert [attempt["stored"] for attempt in attempts] == [True, True, False, True]


def test_the_body_is_kept_to_the_byte(sandbox: SandboxProcess) -> None:
    body = (
        '{ "messageId":"m","id":"bytes", "type":"t","entityType":"message","n":1.0, "ü":"\\u00fc"}'.encode()
    )
    assert post(sandbox.url, body).status == 200
    assert lines_of(sandbox, "bytes")[0]["body"].encode() == body


def test_lists_are_whole_and_can_be_taken_in_pieces() -> None:
    with SandboxProcess() as sandbox:
        connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
        for number in range(2500):
            body = json.dumps(EVENT | {"id": f"id-{number}", "type": "odd" if number % 2 else "even"})
            connection.request("POST", "/events", body, {"Authorization": f"Bearer {API_KEY}"})
            assert connection.getresponse().read()
        connection.close()
        everything = [line["id"] for line in sandbox.events()]
        assert everything == [f"id-{number}" for number in range(2500)]
        assert len(list(sandbox.attempts())) == 2500
        head = list(sandbox.events(limit=1200))
        assert [line["id"] for line in [*head, *sandbox.events(after=head[-1]["seq"])]] == everything
        assert len(list(sandbox.events(type="odd"))) == 1250
        assert list(sandbox.events(limit=0)) == []
        stats = sandbox.stats()
        assert stats["by_type"] == {"odd": 1250, "even": 1250}
        assert stats["by_entity_type"] == {"message": 2500}
        assert (stats["attempts"], stats["stored"], stats["distinct_ids"], stats["resent"]) == (
            2500,
            2500,
            2500,
            0,
        )
        assert (stats["max_in_flight"], stats["in_flight"]) == (1, 0)
        assert stats["first_attempt_at"] < stats["last_attempt_at"] <= time.time()


def test_a_bound_that_is_no_number_is_a_bad_request(sandbox: SandboxProcess) -> None:
    assert post(sandbox.url, b"", method="GET", path="/sandbox/events?limit=-1").status == 400
