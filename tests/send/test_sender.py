import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Iterator

import orjson
import pytest

from etl.errors import StateError
from etl.send.account import SendProgress
from etl.send.answer import Answer
from etl.send.connect import open_transport
from etl.send.redact import Redactor
from etl.send.sender import send_events
from etl.send.settings import Ends, SendSettings
from etl.values.delivery import Outgoing, Settlement
from etl.values.reject import RejectCode
from tests.send.sending import Sent, make_events, send
from tests.send.sink import Reply, Request, Sink, stored


def run(sink: Sink, *arguments: object, **settings: object) -> Sent:
    async def use() -> Sent:
        async with sink:
            return await send(sink.url, *arguments, **settings)  # type: ignore[arg-type]

    return asyncio.run(use())


def problem(status: int, code: str = "", detail: str = "") -> Reply:
    body = orjson.dumps({"status": status, "code": code, "detail": detail, "requestId": "r-1"})
    return Reply(status, {"content-type": "application/problem+json"}, body)


# --- plain runs ---


@pytest.mark.parametrize("concurrency", [None, 1, 7])
def test_every_event_is_sent_once_with_its_own_bytes_and_settled(concurrency: int | None) -> None:
    sink = Sink()
    sent = run(sink, 1500, concurrency=concurrency)
    assert sorted(sink.ids) == sorted(event_id for _, _, event_id, _ in make_events(1500))
    assert {request.body for request in sink.requests} == {body for _, _, _, body in make_events(1500)}
    assert sent.delivered == {(part, index) for part, index, _, _ in make_events(1500)}
    report = sent.report
    assert (report.sent, report.refused, report.attempts, report.retries, report.resent) == (
        1500,
        0,
        1500,
        0,
        0,
    )
    assert report.stopped is None
    assert report.stop_reason == ""
    assert report.statuses == {200: 1500}


def test_large_bodies_in_flight_are_bounded_in_bytes() -> None:
    """512 bodies of 2 MB would take a gigabyte; small ones beside them aren't held back."""
    most = taken = 0

    class Slow:
        url = "http://slow"

        async def post(self, body: bytes) -> Answer:
            nonlocal most, taken
            taken += len(body)
            most = max(most, taken)
            await asyncio.sleep(0.002)
            taken -= len(body)
            return Answer(Redactor(), 200, {}, b'{"id":"' + body[:4] + b'"}')

        async def close(self) -> None: ...

    events = [(0, n, f"{n:04}", b"%04d" % n + (b"x" * 2_000_000 if n % 2 else b"")) for n in range(400)]
    settled: set[int] = set()
    report = asyncio.run(
        send_events(
            iter(events),
            Ends(Slow(), lambda _part, index, _refusal: settled.add(index)),
            SendSettings(concurrency=512),
            stop=asyncio.Event(),
        )
    )
    assert (report.sent, report.stopped, len(settled)) == (400, None, 400)
    assert 16_000_000 < most <= 36_000_000


def test_nothing_to_send_is_no_request() -> None:
    sink = Sink()
    report = run(sink, 0).report
    assert (report.sent, report.attempts, report.stopped) == (0, 0, None)
    assert sink.connections == 0


def test_one_worker_keeps_the_order() -> None:
    sink = Sink()
    run(sink, 50, concurrency=1)
    assert sink.ids == [event_id for _, _, event_id, _ in make_events(50)]


def test_a_fixed_number_in_flight_is_reached_and_never_passed() -> None:
    sink = Sink(lambda request: Reply(body=request.body, delay_seconds=0.02))
    report = run(sink, 600, concurrency=20).report
    assert sink.most_at_once == 20
    assert report.max_in_flight == 20


def test_the_first_request_goes_alone() -> None:
    sink = Sink(lambda request: Reply(body=request.body, delay_seconds=0.3 if request.number == 0 else 0.0))
    run(sink, 200, concurrency=50)
    assert sink.requests[1].at - sink.requests[0].at > 0.29


def test_the_number_in_flight_finds_its_way_up_against_latency() -> None:
    sink = Sink(lambda request: Reply(body=request.body, delay_seconds=0.1))
    report = run(sink, 2500).report
    assert report.max_in_flight >= 128
    limits = [sample.limit for sample in report.timeline]
    assert max(limits) >= 128


# --- what the server says of an event ---


def test_a_refused_event_is_settled_with_what_the_server_said() -> None:
    def answer(request: Request) -> Reply:
        return (
            problem(422, "unprocessable_entity", "no such type") if request.id == "id-3" else stored(request)
        )

    began_at = time.time()
    sent = run(Sink(answer), 10)
    (refused,) = sent.refused
    refusal = refused.refusal
    assert (refused.part, refused.index) == (0, 3)
    assert refusal is not None
    assert refusal.code is RejectCode.SERVER_REJECTED
    assert (refusal.status, refusal.server_code, refusal.detail) == (
        422,
        "unprocessable_entity",
        "no such type",
    )
    assert refusal.request_id == "r-1"
    assert refusal.attempts == 1
    assert began_at - 0.1 <= refusal.first_at <= refusal.last_at <= time.time() + 0.1
    assert (sent.report.sent, sent.report.refused) == (9, 1)
    assert sent.report.stopped is None


def test_a_conflict_is_what_the_job_says() -> None:
    sink = Sink(lambda _: problem(409))
    assert run(sink, 5, conflict="delivered").report.sent == 5
    sent = run(Sink(lambda _: problem(409)), 5, conflict="rejected")
    assert {settlement.refusal.code for settlement in sent.refused if settlement.refusal} == {
        RejectCode.CONFLICT
    }
    assert len(sent.refused) == 5


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
def test_a_passing_failure_is_tried_again_with_the_same_bytes(status: int) -> None:
    failed: set[str] = set()

    def answer(request: Request) -> Reply:
        if request.id in ("id-2", "id-5") and request.id not in failed:
            failed.add(request.id)
            return problem(status)
        return stored(request)

    sink = Sink(answer)
    report = run(sink, 8).report
    # What a server that failed did before it did so, nobody knows.
    resent = 2 if status in (500, 502, 504, 599) else 0
    assert (report.sent, report.refused, report.attempts, report.retries) == (8, 0, 10, 2)
    assert report.resent == resent
    bodies = [request.body for request in sink.requests if request.id == "id-2"]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def test_an_event_refused_after_retries_tells_when_it_was_tried() -> None:
    def answer(request: Request) -> Reply:
        return problem(500) if request.number < 2 else problem(400)

    (settlement,) = run(Sink(answer), 1).refused
    assert settlement.refusal is not None
    assert settlement.refusal.attempts == 3
    assert settlement.refusal.first_at < settlement.refusal.last_at


@pytest.mark.parametrize(
    "lie",
    [
        Reply(body=b"<html>login</html>"),
        Reply(body=b'{"id":"another"}'),
        Reply(body=b""),
        Reply(202, body=b'{"id":"id-0"}'),
        Reply(raw=b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id":"id-0"', reset=True),
        Reply(reset=True),
    ],
)
def test_an_answer_that_proves_nothing_is_not_taken_as_delivered_and_counts_as_re_sent(lie: Reply) -> None:
    sink = Sink(lambda request: lie if request.number == 0 else stored(request))
    report = run(sink, 1).report
    assert (report.sent, report.attempts, report.retries, report.resent) == (1, 2, 1, 1)


# --- stops ---


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "key"), (403, "key"), (404, "endpoint"), (405, "endpoint"), (301, "endpoint"), (308, "endpoint")],
)
def test_a_wrong_key_or_endpoint_costs_one_request(status: int, cause: str) -> None:
    sink = Sink(lambda _: problem(status, detail="no way"))
    sent = run(sink, 1000, concurrency=100)
    assert sent.report.stopped == cause
    assert sent.settled == []
    assert len(sink.requests) == 1
    assert str(status) in sent.report.stop_reason
    assert f"{sink.url}/events" in sent.report.stop_reason


def test_a_key_refused_halfway_ends_the_send_with_no_more_than_was_in_flight() -> None:
    def answer(request: Request) -> Reply:
        reply = stored(request) if request.number < 200 else problem(401)
        return reply._replace(delay_seconds=0.02)

    sink = Sink(answer)
    sent = run(sink, 5000, concurrency=16)
    assert sent.report.stopped == "key"
    assert len(sent.delivered) == 200
    assert len(sink.requests) <= 216
    assert sent.report.unanswered == 0


def test_what_was_in_flight_when_the_key_was_refused_is_still_settled() -> None:
    def answer(request: Request) -> Reply:
        if request.number == 30:
            return problem(401)
        return Reply(body=request.body, delay_seconds=0.2 if request.number > 10 else 0.0)

    sink = Sink(answer)
    sent = run(sink, 500, concurrency=20)
    assert sent.report.stopped == "key"
    assert len(sent.delivered) == len(sink.requests) - 1


def test_a_limit_sends_that_many_events_and_says_so_only_if_there_were_more() -> None:
    sink = Sink()
    sent = run(sink, 100, limit=40)
    assert sent.delivered == {(part, index) for part, index, _, _ in make_events(40)}
    assert sent.report.stopped == "limit"
    assert run(Sink(), 40, limit=40).report.stopped is None
    assert run(Sink(), 40, limit=41).report.stopped is None
    untouched = Sink()
    assert run(untouched, 5, limit=0).report.stopped == "limit"
    assert untouched.requests == []


def test_a_limit_counts_events_and_not_attempts() -> None:
    sink = Sink(lambda request: problem(500) if request.number < 3 else stored(request))
    report = run(sink, 100, limit=10).report
    assert (report.sent, report.attempts, report.stopped) == (10, 13, "limit")


@pytest.mark.parametrize("max_refused", [5, lambda refused: refused <= 5])
def test_too_many_refusals_end_the_send(max_refused: object) -> None:
    sink = Sink(lambda _: problem(422, detail="bad"))
    report = run(sink, 500, concurrency=1, max_refused=max_refused).report
    assert report.stopped == "rejects"
    assert report.refused == 6
    assert "bad" in report.stop_reason


def test_refusals_within_the_limit_do_not() -> None:
    report = run(Sink(lambda _: problem(422)), 5, max_refused=5).report
    assert (report.stopped, report.refused) == (None, 5)


def test_told_to_stop_it_takes_nothing_new_and_settles_what_is_in_flight() -> None:
    async def use() -> None:
        stop = asyncio.Event()
        progress = SendProgress()
        async with Sink(lambda request: Reply(body=request.body, delay_seconds=0.1)) as sink:
            asyncio.get_running_loop().call_later(0.8, stop.set)
            sent = await send(sink.url, 5000, concurrency=30, stop=stop, progress=progress)
            assert sent.report.stopped == "interrupted"
            assert 30 < len(sent.delivered) == len(sink.requests) < 5000
            assert sent.report.unanswered == 0
            assert progress.state == "stopping"
            assert progress.in_flight == 0

    asyncio.run(use())


class _NoRoom:
    """Takes what is uncertain apart, and never has room for more."""

    def __init__(self) -> None:
        self.is_closed = asyncio.Event()
        self.held = 0

    async def _wait(self) -> bool:
        await self.is_closed.wait()
        return False

    def hold(self, event: Outgoing, reason: str) -> Awaitable[bool]:
        assert reason
        self.held += 1
        return self._wait()

    def again(self) -> Outgoing | None:
        return None

    def missed(self) -> Outgoing | None:
        return None

    async def wait(self, *, for_missed: bool) -> bool:
        assert for_missed
        return await self._wait()

    def close(self) -> None:
        self.is_closed.set()

    @property
    def unresolved(self) -> None:
        return None


def test_told_to_stop_while_nothing_more_can_be_held_apart_it_ends_at_once() -> None:
    async def use() -> None:
        stop, apart = asyncio.Event(), _NoRoom()
        async with Sink(lambda request: Reply(reset=True)) as sink:
            transport = open_transport(sink.url, "CANARY-c0ffee")
            asyncio.get_running_loop().call_later(0.3, stop.set)
            report = await send_events(
                iter(make_events(50)),
                Ends(transport, lambda *_: None, apart),
                SendSettings(drain_seconds=1e6),
                stop=stop,
            )
            await transport.close()
        assert (report.stopped, report.unanswered, report.sent) == ("interrupted", 0, 0)
        assert apart.held > 0

    asyncio.run(use())


def test_told_to_stop_before_it_began_it_sends_nothing() -> None:
    async def use() -> None:
        stop = asyncio.Event()
        stop.set()
        async with Sink() as sink:
            sent = await send(sink.url, 10, stop=stop)
            assert sent.report.stopped == "interrupted"
            assert sink.requests == []

    asyncio.run(use())


# --- the ledger ---


def test_a_failing_ledger_ends_the_send_with_its_own_error() -> None:
    settled = 0

    async def settle(_: Settlement) -> None:
        nonlocal settled
        settled += 1
        if settled > 20:
            raise StateError("Expected the ledger to be written, found no space", "Free the disk")

    sink = Sink()
    with pytest.raises(StateError, match="no space"):
        run(sink, 5000, concurrency=4, settle=settle)
    assert len(sink.requests) <= 24


def test_a_part_that_cannot_be_read_ends_the_send_with_its_own_error() -> None:
    def events() -> Iterator[Outgoing]:
        yield from make_events(30)
        raise StateError("Expected a part, found a damaged one", "Stage again")

    settled: list[Settlement] = []

    async def settle(settlement: Settlement) -> None:
        settled.append(settlement)

    sink = Sink(lambda request: Reply(body=request.body, delay_seconds=0.05))
    with pytest.raises(StateError, match="damaged"):
        run(sink, events(), concurrency=8, settle=settle)
    # What was taken and not yet sent stays pending.
    assert 30 - 8 <= len(settled) == len(sink.requests) <= 30


def test_a_slow_ledger_holds_the_send_back() -> None:
    most = settled = 0
    sink = Sink()

    async def settle(_: Settlement) -> None:
        nonlocal most, settled
        most = max(most, len(sink.requests) - settled)
        await asyncio.sleep(0.01)
        settled += 1

    run(sink, 300, concurrency=10, settle=settle)
    assert most <= 10


def test_progress_never_runs_ahead_of_the_ledger() -> None:
    progress, settled = SendProgress(), 0

    async def settle(_: Settlement) -> None:
        nonlocal settled
        await asyncio.sleep(0)
        assert progress.delivered + progress.refused <= settled
        settled += 1

    run(Sink(), 200, progress=progress, settle=settle)
    assert progress.delivered == 200


def test_the_send_can_be_cancelled_from_outside() -> None:
    async def use() -> None:
        async with Sink(lambda request: Reply(body=request.body, delay_seconds=0.05)) as sink:
            task = asyncio.create_task(send(sink.url, 5000))
            while len(sink.requests) < 20:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.1)
            seen = len(sink.requests)
            await asyncio.sleep(0.2)
            assert len(sink.requests) == seen
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(use())


# --- the account ---


def test_statuses_are_counted_and_attempts_without_an_answer_under_0() -> None:
    script = [Reply(reset=True), problem(503), problem(422), problem(409)]

    def answer(request: Request) -> Reply:
        return script[request.number] if request.number < len(script) else stored(request)

    sink = Sink(answer)
    report = run(sink, 10, concurrency=1).report
    assert report.statuses == {0: 1, 503: 1, 422: 1, 409: 1, 200: 8}
    assert Counter(report.statuses) == Counter({0: 1, 503: 1, 422: 1, 409: 1, 200: 8})


def test_an_answer_that_comes_in_spite_of_the_cancelling_is_the_last() -> None:
    class Stubborn:
        url = "https://stubborn/events"
        posts = 0

        async def post(self, body: bytes) -> Answer:
            self.posts += 1
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
            return Answer(Redactor(), 200, {}, body)

        async def close(self) -> None:
            """Nothing to close."""

    async def use() -> None:
        transport = Stubborn()
        settings = SendSettings(concurrency=4)
        send = send_events(
            iter(make_events(1000)), Ends(transport, lambda *_: None), settings, stop=asyncio.Event()
        )
        task = asyncio.create_task(send)
        while transport.posts < 20:
            await asyncio.sleep(0.001)
        task.cancel()
        posts = transport.posts
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport.posts <= posts + 4

    asyncio.run(use())
