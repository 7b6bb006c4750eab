"""Answers of success that don't carry the event: how many end a send, and how often an event goes out."""

import random
from collections import Counter

import pytest

from etl.send.doubt import NO_DOUBT, after_unproven, most_in_a_row
from tests.send.sink import Reply, Request, Sink, stored
from tests.send.test_sender import run

UNPROVEN = {
    "204": (Reply(204), "204 with no body"),
    "empty": (Reply(), "200 with no body"),
    "array": (Reply(body=b"[]"), "200 with an array"),
    "number for an id": (Reply(body=b'{"id":17}'), "200 with a number for an id"),
    "another id": (Reply(body=b'{"id":"x"}'), "200 with another id: `x`"),
    "no id": (Reply(body=b'{"ok":true}'), "200 with an object without an id"),
    "page": (Reply(body=b"<html>hi</html>"), "200 with what is not JSON: `<html>hi</html>`"),
    "202": (Reply(202, body=b'{"status":"queued"}'), "202 with an object without an id"),
    "compressed": (
        Reply(headers={"content-encoding": "br"}, body=b"\x0b\x02\x80"),
        "200 with a body in br, which was not asked for",
    ),
}


@pytest.mark.parametrize("how", UNPROVEN)
@pytest.mark.parametrize("concurrency", [None, 512])
def test_a_server_that_never_proves_anything_gets_one_event_twice(how: str, concurrency: int | None) -> None:
    reply, found = UNPROVEN[how]
    sink = Sink(lambda _: reply)
    sent = run(sink, 2000, concurrency=concurrency)
    assert sent.report.stopped == "unproven"
    assert sent.report.stop_reason == (
        "2 answers in a row prove nothing; the last: expected the event in the answer, found "
        f"{found} - POST {sink.url}/events"
    )
    assert sink.ids == ["id-0", "id-0"]
    assert sent.settled == []


@pytest.mark.parametrize(("concurrency", "proved"), [(1, 200), (64, 1500), (512, 1500)])
def test_a_server_that_stops_proving_midway_gets_no_event_often(concurrency: int, proved: int) -> None:
    def answer(request: Request) -> Reply:
        reply = stored(request) if request.number < proved else Reply(204)
        return reply._replace(delay_seconds=0.005)

    sink = Sink(answer)
    sent = run(sink, 4000, concurrency=concurrency)
    assert sent.report.stopped == "unproven"
    assert sent.report.sent == proved
    assert max(Counter(sink.ids).values()) <= 4
    assert len(sink.requests) <= proved + concurrency + 12


@pytest.mark.parametrize(("share", "concurrency"), [(0.01, 1), (0.01, 512), (0.1, 64)])
def test_a_lie_now_and_then_is_retried_and_all_is_delivered(share: float, concurrency: int) -> None:
    rng = random.Random(7)
    sink = Sink(lambda request: Reply(body=b"<html>") if rng.random() < share else stored(request))
    report = run(sink, 600, concurrency=concurrency).report
    assert (report.stopped, report.sent) == (None, 600)


def test_an_event_that_alone_is_never_proved_is_left_after_five() -> None:
    sink = Sink(lambda request: Reply(204) if request.id == "id-7" else stored(request))
    report = run(sink, 500, concurrency=8).report
    # Where the others are through before its fifth answer, the answers in a row end the send first.
    assert report.stopped in ("retries", "unproven")
    assert report.sent == 499
    assert "expected the event" in report.stop_reason
    assert 3 <= Counter(sink.ids)["id-7"] <= 5


@pytest.mark.parametrize(
    ("proofs", "unproven", "most"),
    [
        (0, 0, 2),
        (0, 5, 2),
        (1, 0, 12),
        (100, 0, 5),
        (1000, 0, 3),
        (100_000, 0, 2),
        (9900, 100, 5),
        (900, 100, 10),
    ],
)
def test_how_many_in_a_row_are_no_chance(proofs: int, unproven: int, most: int) -> None:
    assert most_in_a_row(proofs, unproven) == most


def test_a_proof_begins_the_row_anew() -> None:
    doubt = after_unproven(after_unproven(NO_DOUBT, 50), 50)
    assert (doubt.in_a_row, doubt.is_certain) == (2, False)
    assert after_unproven(doubt, 51).in_a_row == 1
