"""What one send leaves to the next on the same endpoint: its pace, and the pause that the server asked for."""

import asyncio
import time
from typing import Any

import pytest

from etl.send.account import SendReport
from etl.send.pacing import NOTHING_CARRIED, Carried
from tests.send.sending import send
from tests.send.sink import OK_HEADERS, Reply, Request, Sink
from tests.send.virtual import VirtualServer, send_virtually


def run(sink: Sink, *sends: dict[str, Any]) -> list[SendReport]:
    """Send one after another, each with what the one before it left."""

    async def use() -> list[SendReport]:
        reports: list[SendReport] = []
        async with sink:
            for settings in sends:
                carried = {"carried": reports[-1].carried if reports else NOTHING_CARRIED}
                reports.append((await send(sink.url, **(carried | settings))).report)
        return reports

    return asyncio.run(use())


def test_the_next_send_begins_when_the_rate_allows_its_first_request() -> None:
    sink = Sink()
    run(sink, *[{"events": 1, "rate_per_second": 4.0}] * 3)
    first, second, third = (request.at for request in sink.requests)
    assert second - first >= 0.245
    assert third - second >= 0.245


def test_a_burst_at_the_end_of_a_send_is_paid_for_by_the_next() -> None:
    rate, burst = 100.0, 10
    sink = Sink()
    run(sink, *[{"events": 15, "rate_per_second": rate}] * 6)
    times = [request.at for request in sink.requests]
    for first, at in enumerate(times):
        inside = sum(1 for later in times[first:] if later < at + 0.5)
        # Arrivals are the server's: two more for what a connection holds up.
        assert inside <= burst + rate * 0.5 + 2


def test_a_pause_that_came_with_the_last_answer_holds_for_the_next_send() -> None:
    def answer(request: Request) -> Reply:
        pause = {"ratelimit-remaining": "0", "ratelimit-reset": "1"} if request.number == 0 else {}
        return Reply(headers={**OK_HEADERS, **pause}, body=request.body)

    sink = Sink(answer)
    first, _ = run(sink, {"events": 1}, {"events": 2})
    assert first.carried.held_until > time.monotonic() - 10
    waited = sink.requests[1].at - sink.requests[0].at
    assert waited >= 0.9


@pytest.mark.parametrize("events", [0, 3])
def test_a_pause_longer_than_the_patience_ends_a_send_before_it_begins(events: int) -> None:
    sink = Sink()
    [report] = run(sink, {"events": events, "carried": Carried(held_until=time.monotonic() + 4000)})
    assert (report.stopped, report.attempts, sink.requests) == ("outage", 0, [])
    assert report.stop_reason.startswith("the server asks to wait ")


def test_a_pause_that_is_over_changes_nothing() -> None:
    server, after = (VirtualServer(lambda *_: (200, {})) for _ in range(2))
    send_virtually(server, 20, rate_per_second=1000.0)
    report = send_virtually(after, 20, rate_per_second=1000.0, carried=Carried(-1.0, -1.0)).report
    assert (report.sent, report.stopped) == (20, None)
    assert after.calls == server.calls
