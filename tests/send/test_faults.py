"""Bad days, on real connections: outages, lost answers, refusals, pauses, and the rate through it all."""

import asyncio
import random
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from etl.send.account import SendProgress
from tests.send.certificates import make_certificate
from tests.send.proxy import LossyProxy
from tests.send.sending import Sent, make_events, send
from tests.send.sink import Reply, Request, Sink, stored


def run(sink: Sink, *arguments: object, **settings: object) -> Sent:
    async def use() -> Sent:
        async with sink:
            return await send(sink.url, *arguments, **settings)  # type: ignore[arg-type]

    return asyncio.run(use())


def refused(**headers: str) -> Reply:
    return Reply(429, {name.replace("_", "-"): value for name, value in headers.items()}, b"slow down")


# --- the rate ---


@pytest.mark.parametrize(("rate", "burst", "seconds"), [(40.0, 4, 1.5), (600.0, 60, 1.5)])
def test_the_rate_set_is_kept_and_never_passed(rate: float, burst: int, seconds: float) -> None:
    sink = Sink()
    report = run(sink, int(rate * seconds), rate_per_second=rate).report
    times = [request.at for request in sink.requests]
    for window in (0.1, 0.5, 1.0):
        for first, at in enumerate(times):
            inside = sum(1 for later in times[first:] if later < at + window)
            # The times are those of arrival: a request may be held up on its way by a few milliseconds.
            assert inside <= rate * (window + 0.02) + burst + 1
    assert report.elapsed_seconds > 0.85 * seconds


# --- pauses ---


@pytest.mark.parametrize("written_as", ["seconds", "date", "both", "unparsable", "ratelimit"])
def test_no_request_goes_before_the_pause_is_over(written_as: str) -> None:
    resumes_at = 0.0

    def answer(request: Request) -> Reply:
        nonlocal resumes_at
        if request.number != 50:
            return Reply(200, {"ratelimit": '"default";r=9;t=1.2'}, request.body)
        until = time.time() + 1.2
        resumes_at = until - time.time() + request.at
        if written_as == "seconds":
            return refused(retry_after="1.2")
        if written_as == "date":
            return refused(retry_after=formatdate(until + 1, usegmt=True))
        if written_as == "both":
            return refused(retry_after="0", x_ratelimit_remaining="0", x_ratelimit_reset="1.2")
        if written_as == "ratelimit":
            return Reply(200, {"ratelimit": '"default";r=0;t=1.2'}, request.body)
        resumes_at = request.at + 0.05
        return refused(retry_after="when hell freezes over")

    sink = Sink(answer)
    report = run(sink, 60, concurrency=1).report
    assert report.sent == 60
    # Requests are numbered as they come: with one at a time, number 51 is the first after the pause.
    assert sink.requests[51].at >= resumes_at - 0.005
    assert report.statuses.get(429, 0) <= 1


def test_a_pause_is_the_whole_runs_and_shown() -> None:
    seen: list[tuple[str, float]] = []

    async def use() -> None:
        progress = SendProgress()
        async with Sink() as sink:
            sink.answer = lambda request: (
                refused(retry_after="1")
                if request.number == 200
                else Reply(body=request.body, delay_seconds=0.01)
            )

            async def look() -> None:
                while True:
                    await asyncio.sleep(0.05)
                    seen.append((progress.state, progress.wait_seconds))

            looker = asyncio.create_task(look())
            await send(sink.url, 240, concurrency=30, progress=progress)
            looker.cancel()
            paused_at = sink.requests[200].at
            early = [request for request in sink.requests if paused_at + 0.05 < request.at < paused_at + 1.0]
            assert early == []

    asyncio.run(use())
    waits = [wait for state, wait in seen if state == "paused"]
    assert waits
    assert all(0 <= wait <= 1 for wait in waits)
    assert ("sending", 0.0) in seen


@pytest.mark.parametrize("text", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_absurd_ends_the_send_and_is_not_cut_short(text: str, status: int) -> None:
    sink = Sink(
        lambda request: stored(request) if request.number < 20 else Reply(status, {"retry-after": text})
    )
    sent = run(sink, 1000, concurrency=4)
    assert sent.report.stopped == "outage"
    assert "asks to wait" in sent.report.stop_reason
    assert len(sink.requests) <= 24


# --- outages ---


def test_a_server_that_restarts_costs_seconds_and_few_attempts() -> None:
    async def use() -> None:
        async with Sink(lambda request: Reply(body=request.body, delay_seconds=0.005)) as sink:
            progress, states = SendProgress(), set()

            async def restart() -> None:
                await asyncio.sleep(0.5)
                await sink.stop()
                for _ in range(12):
                    await asyncio.sleep(0.1)
                    states.add(progress.state)
                await sink.start()

            restarting = asyncio.create_task(restart())
            sent = await send(sink.url, 4000, concurrency=16, progress=progress)
            await restarting
            assert sent.report.sent == 4000
            assert sent.report.stopped is None
            assert "probing" in states
            # What was in flight, and a probe now and then.
            assert sent.report.attempts - 4000 <= 16 * 2 + 20
            assert len(sink.requests) <= 4000 + 16

    asyncio.run(use())


@pytest.mark.parametrize("how", ["closed port", "503", "resets", "silence"])
def test_a_server_that_is_gone_for_good_is_given_up_on_with_all_pending(how: str) -> None:
    replies = {
        "503": Reply(503, body=b"down"),
        "resets": Reply(reset=True),
        "silence": Reply(silent=True),
    }

    async def use() -> None:
        async with Sink(lambda _: replies[how]) as sink:
            if how == "closed port":
                await sink.stop()
            sent = await send(sink.url, 1000, concurrency=32, give_up_seconds=1.5, timeout_seconds=0.2)
            assert sent.report.stopped == "outage"
            assert sent.settled == []
            assert sent.report.elapsed_seconds > 1.3
            assert sent.report.attempts <= 25
            assert f"{sink.url}/events" in sent.report.stop_reason
            if how == "closed port":
                await sink.start()

    asyncio.run(use())


def test_a_bad_certificate_ends_the_send_without_a_retry(tmp_path: Path) -> None:
    sink = Sink(tls=make_certificate(tmp_path).context)
    sent = run(sink, 100, concurrency=8)
    assert sent.report.stopped == "certificate"
    assert "certificate" in sent.report.stop_reason
    assert sent.report.attempts == 1
    assert sink.requests == []


# --- lost answers ---


def test_one_answer_in_ten_lost_loses_nothing_and_sends_little_twice() -> None:
    async def use() -> None:
        rng = random.Random(11)
        count = 2000
        async with Sink() as sink, LossyProxy(sink.port, lambda: rng.random() < 0.1) as proxy:
            sent = await send(proxy.url, count, concurrency=32)
            assert sent.delivered == {(part, index) for part, index, _, _ in make_events(count)}
            assert set(sink.ids) == {event_id for _, _, event_id, _ in make_events(count)}
            assert sent.report.attempts <= 1.15 * count
            assert sent.report.retries == sent.report.resent == sent.report.attempts - count
            assert proxy.lost > 0.05 * count
            assert sent.report.stopped is None

    asyncio.run(use())
