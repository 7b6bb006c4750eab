from typing import Any

import orjson
import pytest

from etl.sandbox.process import SandboxProcess
from etl.witness.result_page import Page, Problem, ProblemKind, query_for_ids, read_answer
from tests.sandbox.client import EVENT, post, query

ASKED = frozenset({"a", "b"})


def answer(rows: list[Any], **changes: Any) -> bytes:
    data = {"result": rows, "total": len(rows), "pageSize": 1000, "count": len(rows)} | changes
    return orjson.dumps(
        {"status": "ok", "data": {name: value for name, value in data.items() if value is not None}}
    )


def problem_of(body: bytes, status: int = 200) -> Problem:
    found = read_answer(status, body, ASKED, 3.0)
    assert isinstance(found, Problem)
    return found


def page_of(body: bytes) -> Page:
    found = read_answer(200, body, ASKED)
    assert isinstance(found, Page), found
    return found


def test_the_sandbox_understands_the_query_and_its_answer_is_a_page() -> None:
    with SandboxProcess() as sandbox:
        for event_id in "abc":
            post(sandbox.url, EVENT | {"id": event_id, "properties": {"page": "/x"}})
        reply = query(sandbox.url, orjson.loads(query_for_ids(["a", "b"])))
        page = page_of(reply.body)
    assert (page.is_whole, page.count) == (True, 2)
    [event] = page.events["a"]
    assert (event.type, event.messageId, event.properties) == (
        EVENT["type"],
        EVENT["messageId"],
        {"page": "/x"},
    )


def test_a_cut_answer_is_not_whole() -> None:
    assert not page_of(answer([{"id": "a"}], total=2)).is_whole


def test_a_result_that_is_no_event_is_told_apart() -> None:
    page = page_of(answer([{"id": "a", "createdAt": "yesterday"}, {"id": "b"}]))
    assert (page.unreadable, set(page.events)) == ({"a"}, {"b"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "expected JSON, found something else"),
        (
            b'{"status":"partial","data":{"result":[],"total":0,"count":0}}',
            'expected the status "ok", found another one',
        ),
        (b"[]", "expected a list of results, found none"),
        (b'{"data":{"result":{}}}', "expected a list of results, found none"),
        (
            answer([{"id": "a"}], total=None),
            "expected how many results there are in all (`total`), found none",
        ),
        (
            answer([{"id": "a"}], total="1"),
            "expected how many results there are in all (`total`), found none",
        ),
        (answer([{"id": "a"}], count=2, total=2), "expected 2 results of 2, found 1"),
        (answer([{"id": "a"}], total=0), "expected 1 results of 0, found 1"),
        (answer([{"type": "x"}]), "expected an id in every result, found one without"),
        (answer([{"id": "z"}]), "expected the events that were asked for, found another one"),
    ],
)
def test_what_proves_nothing_is_no_page(body: bytes, reason: str) -> None:
    assert problem_of(body) == Problem(ProblemKind.NOT_AN_ANSWER, reason)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, ProblemKind.NOT_AN_ANSWER),
        (302, ProblemKind.NO_ROUTE),
        (400, ProblemKind.TOO_LARGE),
        (401, ProblemKind.KEY_CANNOT_READ),
        (403, ProblemKind.KEY_CANNOT_READ),
        (404, ProblemKind.NO_ROUTE),
        (413, ProblemKind.TOO_LARGE),
        (429, ProblemKind.PASSING),
        (500, ProblemKind.PASSING),
        (503, ProblemKind.PASSING),
    ],
)
def test_each_status_means_something(status: int, kind: ProblemKind) -> None:
    assert problem_of(b"", status).kind is kind


def test_a_passing_problem_keeps_the_wait_that_was_asked_for() -> None:
    assert problem_of(b"", 429).wait_seconds == 3.0
