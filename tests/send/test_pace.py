"""What takes seconds to hours, in virtual time: rates, pauses, limits that are learnt, outages, retries."""

import asyncio
import itertools
import random
from collections import Counter

import pytest

from etl.send.account import SendProgress
from etl.send.answer import Answer, FailureKind
from tests.send.sending import make_events
from tests.send.virtual import Reply, VirtualServer, send_virtually

OK: Reply = (200, {})


def most_in_a_window(times: list[float], seconds: float) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


# --- the rate ---


@pytest.mark.parametrize(("rate", "burst"), [(0.5, 1), (20.0, 2), (100.0, 10), (1000.0, 100), (5000.0, 500)])
@pytest.mark.parametrize("latency", [0.001, 0.1])
def test_the_rate_is_kept_to_within_one_per_cent_and_never_passed(
    rate: float, burst: int, latency: float
) -> None:
    server = VirtualServer(lambda now, _: OK, latency)
    seconds = 6.0 if rate > 1000 else max(20.0, 100 / rate)
    send_virtually(server, 60_000, seconds=seconds, rate_per_second=rate)
    times = [call.at for call in server.calls]
    for window in (0.1, 1.0, 7.0):
        assert most_in_a_window(times, window) <= rate * window + burst
    # The number in flight has to grow first, to as many as the rate and the latency need.
    steady = [at for at in times if at > 3.0]
    assert (len(steady) - 1) / (steady[-1] - steady[0]) == pytest.approx(rate, rel=0.01)


def test_retries_count_against_the_rate_too() -> None:
    numbers = itertools.count()
    server = VirtualServer(lambda now, _: (503, {}) if next(numbers) % 2 else OK)
    report = send_virtually(server, 200, rate_per_second=50.0).report
    assert report.attempts >= 390
    assert most_in_a_window([call.at for call in server.calls], 1.0) <= 55


def test_a_rate_needs_no_more_in_flight_than_the_latency_asks_for() -> None:
    server = VirtualServer(lambda now, _: OK, 0.05)
    send_virtually(server, 3000, rate_per_second=200.0)
    assert server.most_at_once <= 32


# --- limits that nobody told us ---


class RateLimit:
    """A token bucket, or a counter of fixed windows; refuses with Retry-After where it is told to."""

    def __init__(self, rate: float, burst: float, window: float = 0.0, hints: bool = True) -> None:
        self.rate, self.burst, self.window, self.hints = rate, burst, window, hints
        self.tokens = rate * window if window else burst
        self.at = 0.0

    def __call__(self, now: float, _: str) -> Reply:
        if not self.window:
            self.tokens = min(self.burst, self.tokens + self.rate * (now - self.at))
            self.at = now
        elif now // self.window != self.at // self.window:
            self.tokens, self.at = self.rate * self.window, now
        if self.tokens >= 1:
            self.tokens -= 1
            return OK
        wait = 1.0 if not self.window else -(-(self.window - now % self.window) // 1)
        return 429, {"retry-after": f"{wait:.0f}"} if self.hints else {}


@pytest.mark.parametrize(
    ("limit", "latency"),
    [
        (RateLimit(200, 200), 0.002),
        (RateLimit(200, 100), 0.1),
        (RateLimit(200, 20), 0.002),
        (RateLimit(200, 1000), 0.1),
        (RateLimit(200, 200, hints=False), 0.1),
        (RateLimit(200, 0, window=1.0), 0.1),
        (RateLimit(50, 50), 0.002),
    ],
    ids=["a second's burst", "half", "a tenth", "five seconds'", "no hints", "fixed windows", "50 a second"],
)
def test_nine_tenths_of_an_unknown_limit_are_used_once_learnt_with_few_refusals(
    limit: RateLimit, latency: float
) -> None:
    server = VirtualServer(limit, latency)
    report = send_virtually(server, 40_000, seconds=60.0).report
    learnt = [call.status for call in server.calls if call.at > 15]
    assert learnt.count(200) >= 0.9 * limit.rate * 45
    assert learnt.count(429) <= 0.01 * len(learnt)
    assert report.learned_rate_per_second == pytest.approx(limit.rate, rel=0.15)


def test_a_limit_that_is_told_is_kept_from_the_first_answer() -> None:
    headers = {"ratelimit-policy": '"default";q=600;w=60', "ratelimit": '"default";r=500;t=30'}
    server = VirtualServer(lambda now, _: (200, headers))
    send_virtually(server, 2000, seconds=30.0)
    assert 295 <= len(server.calls) <= 302
    assert {call.status for call in server.calls} == {200}


def test_the_lower_of_the_rate_set_and_the_rate_learnt_is_kept() -> None:
    server = VirtualServer(RateLimit(1000, 1000))
    progress = SendProgress()
    send_virtually(server, 5000, seconds=20.0, rate_per_second=20.0, progress=progress)
    assert len(server.calls) == pytest.approx(400, abs=3)
    assert progress.rate_per_second == 20.0


# --- spread ---


def most_within(moments: list[float], seconds: float) -> int:
    ordered = sorted(moments)
    return max(sum(at <= other < at + seconds for other in ordered) for at in ordered)


@pytest.mark.parametrize("pause", [None, 1.0])
def test_requests_are_spread_over_their_latency_and_again_after_all_were_held_up(pause: float | None) -> None:
    """100 in flight at 100 ms are one a millisecond, not 100 at once and nothing for the rest."""

    class Server(VirtualServer):
        async def post(self, body: bytes) -> Answer:
            now = asyncio.get_running_loop().time()
            answer = await super().post(body)
            if pause is not None and now < pause:
                # Every answer up to here comes in the same instant, as when our own loop is held up.
                await asyncio.sleep(max(0.0, pause - asyncio.get_running_loop().time()))
            return answer

    server = Server(lambda now, _: OK, 0.1)
    report = send_virtually(server, 3000, concurrency=100).report
    later = [call.at for call in server.calls if 2.0 < call.at < 2.6]
    assert most_within(later, 0.01) <= 20
    assert len(later) >= 0.9 * 600
    assert report.max_in_flight == 100


# --- pauses ---


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_of_minutes_is_kept_to_and_does_not_count_as_an_outage(status: int) -> None:
    asked_at: list[float] = []

    def answer(now: float, _: str) -> Reply:
        if now < 1 or (asked_at and now >= asked_at[-1] + 600):
            return OK
        asked_at.append(now)
        return status, {"retry-after": "600"}

    server = VirtualServer(answer)
    report = send_virtually(server, 3000, concurrency=8, give_up_seconds=60.0).report
    assert report.sent == 3000
    assert report.stopped is None
    refused = [call.at for call in server.calls if call.status == status]
    assert max(refused) - min(refused) < 0.01
    later = [call.at for call in server.calls if call.at > max(refused)]
    assert min(later) >= min(refused) + 600


def test_what_waits_to_keep_apart_heeds_a_pause_that_begins_meanwhile() -> None:
    """An answer takes long, so all that start at once are spread far apart; then one of them is refused right away."""

    def is_refused(now: float) -> bool:
        return 0.41 <= now < 3.0

    class Server(VirtualServer):
        async def post(self, body: bytes) -> Answer:
            self.latency_seconds = 0.001 if is_refused(asyncio.get_running_loop().time()) else 0.4
            return await super().post(body)

    server = Server(lambda now, _: (429, {"retry-after": "5"}) if is_refused(now) else OK)
    report = send_virtually(server, 3000, concurrency=200).report
    assert report.sent == 3000
    told_at = min(call.at for call in server.calls if call.status == 429) + 0.001
    assert not [call for call in server.calls if told_at < call.at < told_at + 5]


def test_a_server_that_asks_for_pause_after_pause_is_given_up_on() -> None:
    server = VirtualServer(lambda now, _: (503, {"retry-after": "30"}))
    report = send_virtually(server, 1000).report
    assert report.stopped == "outage"
    assert 120 <= report.elapsed_seconds <= 160
    assert len(server.calls) <= 6


def test_a_server_that_only_refuses_is_given_up_on() -> None:
    server = VirtualServer(lambda now, _: (429, {}))
    sent = send_virtually(server, 1000)
    assert sent.report.stopped == "retries"
    assert "429" in sent.report.stop_reason
    assert 120 <= sent.report.elapsed_seconds <= 150
    assert sent.settled == []
    assert len(server.calls) < 50


def test_a_refusal_of_the_first_events_does_not_leave_the_run_at_one_every_few_seconds() -> None:
    server = VirtualServer(lambda now, _: (429, {"retry-after": "5"}) if 0.1 <= now < 3.0 else OK, 0.05)
    report = send_virtually(server, 2000).report
    assert report.sent == 2000
    assert report.elapsed_seconds < 30


def test_a_storm_of_refusals_is_recovered_from() -> None:
    server = VirtualServer(lambda now, _: (429, {}) if 5 < now < 25 else OK, 0.05)
    report = send_virtually(server, 10**6, seconds=60.0, concurrency=5).report
    stormy = [call for call in server.calls if 5.1 < call.at < 25]
    assert len(stormy) < 20
    before = sum(4 <= call.at < 5 for call in server.calls)
    after = sum(59 <= call.at < 60 for call in server.calls)
    assert after >= 0.8 * before
    assert report.stopped == "interrupted"


# --- outages and retries ---


@pytest.mark.parametrize(
    "how", [FailureKind.CONNECT, FailureKind.RESET, FailureKind.TIMEOUT, (500, {}), (502, {})]
)
@pytest.mark.parametrize("concurrency", [None, 1, 512])
def test_a_minute_without_the_server_costs_seconds_and_few_attempts(
    how: Reply, concurrency: int | None
) -> None:
    server = VirtualServer(lambda now, _: how if 0.5 <= now < 60.5 else OK, 0.05)
    count = 10_000 if concurrency != 1 else 200
    report = send_virtually(server, count, concurrency=concurrency).report
    assert report.stopped is None
    assert report.sent == count
    failed = [call.at for call in server.calls if 0.5 <= call.at < 60.5]
    in_flight = max(server.most_at_once, 1)
    assert len(failed) <= in_flight + 40
    back = min(call.at for call in server.calls if call.at >= 60.5)
    assert back <= 60.5 + 5.1
    # The first that gets through opens the way for all.
    if concurrency != 1:
        assert sum(back < call.at < back + 2 for call in server.calls) > 200


@pytest.mark.parametrize("how", [FailureKind.CONNECT, FailureKind.TIMEOUT, (500, {})])
@pytest.mark.parametrize("concurrency", [None, 1, 512])
def test_a_server_that_never_comes_back_ends_the_send_within_its_patience(
    how: Reply, concurrency: int | None
) -> None:
    latency = 30.0 if how is FailureKind.TIMEOUT else 0.02
    server = VirtualServer(lambda now, _: how if now >= 1 else OK, latency)
    sent = send_virtually(server, 100_000, concurrency=concurrency)
    report = sent.report
    assert report.stopped == "outage"
    assert "120 s" in report.stop_reason
    assert 120 <= report.elapsed_seconds <= 1 + 120 + 65
    assert len(sent.settled) == report.sent < 100_000


@pytest.mark.parametrize("how", [FailureKind.CONNECT, FailureKind.RESET])
def test_where_nobody_ever_answered_the_patience_is_shorter(how: Reply) -> None:
    server = VirtualServer(lambda now, _: how)
    report = send_virtually(server, 1000).report
    assert report.stopped == "outage"
    assert 10 <= report.elapsed_seconds <= 16
    assert "10 s" in report.stop_reason


def test_an_event_that_never_gets_through_while_others_do_stays_pending() -> None:
    server = VirtualServer(lambda now, event_id: (500, {}) if event_id == "id-7" else OK, 0.2)
    sent = send_virtually(server, 5000, concurrency=4)
    assert (0, 7) not in sent.delivered
    assert sent.report.sent == 4999
    assert 20 <= sum(call.id == "id-7" for call in server.calls) <= 22
    assert sent.report.stopped == "retries"
    assert "500" in sent.report.stop_reason
    assert server.url in sent.report.stop_reason


def test_too_many_events_that_never_get_through_end_the_send() -> None:
    server = VirtualServer(
        lambda now, event_id: (500, {}) if event_id in {"id-7", "id-8", "id-9"} else OK, 0.2
    )
    sent = send_virtually(server, 50_000, concurrency=5, max_left=2)
    assert sent.report.stopped == "retries"
    assert sent.report.stop_reason.startswith("3 kept failing")
    assert sent.report.sent < 49_997


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_server_that_fails_at_random_gets_everything_in_the_end(share: float) -> None:
    rng = random.Random(4)
    how: itertools.cycle[Reply] = itertools.cycle([FailureKind.RESET, (503, {}), FailureKind.TIMEOUT])
    server = VirtualServer(lambda now, _: next(how) if rng.random() < share else OK, 0.01)
    sent = send_virtually(server, 3000)
    assert sent.delivered == {(part, index) for part, index, _, _ in make_events(3000)}
    assert sent.report.stopped is None
    assert sent.report.attempts == len(server.calls) == pytest.approx(3000 / (1 - share), rel=0.1)


def test_retries_are_bounded_by_successes_once_the_savings_are_spent() -> None:
    attempts: Counter[str] = Counter()

    def answer(now: float, event_id: str) -> Reply:
        attempts[event_id] += 1
        return (503, {}) if attempts[event_id] <= 3 else OK

    server = VirtualServer(answer)
    report = send_virtually(server, 1100, concurrency=16, give_up_seconds=600.0).report
    assert report.sent == 1100
    assert report.retries == 3300
    assert report.retries <= 2048 + 0.5 * 1100 + 10 * report.elapsed_seconds + 1
    assert report.elapsed_seconds > 50


def test_back_offs_grow_to_20_seconds() -> None:
    server = VirtualServer(lambda now, event_id: (500, {}) if event_id == "id-7" else OK, 0.2)
    send_virtually(server, 5000, concurrency=4)
    times = [call.at for call in server.calls if call.id == "id-7"]
    gaps = [later - earlier - 0.2 for earlier, later in itertools.pairwise(times)]
    assert max(gaps) <= 20.2
    assert max(gaps) > 8
    assert max(gaps[:3]) <= 1.1


# --- being told to stop ---


def test_told_to_stop_it_ends_with_the_answers_that_are_under_way() -> None:
    server = VirtualServer(lambda now, _: OK, 0.1)
    sent = send_virtually(server, 5000, seconds=0.85, concurrency=30)
    assert sent.report.stopped == "interrupted"
    assert 0.85 <= sent.report.elapsed_seconds <= 0.85 + 0.1
    assert 30 < len(sent.delivered) == len(server.calls) < 5000


def test_told_to_stop_it_waits_for_answers_so_long_and_no_longer() -> None:
    class Silent(VirtualServer):
        async def post(self, body: bytes) -> Answer:
            self.latency_seconds = 0.01 if len(self.calls) < 10 else 10_000.0
            return await super().post(body)

    sent = send_virtually(Silent(lambda now, _: OK), 1000, seconds=0.3, concurrency=8, drain_seconds=0.4)
    assert sent.report.stopped == "interrupted"
    assert sent.report.elapsed_seconds == pytest.approx(0.7)
    assert (sent.report.unanswered, len(sent.delivered)) == (8, 10)


@pytest.mark.parametrize("reply", [(503, {}), (429, {"retry-after": "60"})])
def test_told_to_stop_it_cuts_back_offs_and_pauses_short(reply: Reply) -> None:
    numbers = itertools.count()
    server = VirtualServer(lambda now, _: OK if next(numbers) < 5 else reply)
    report = send_virtually(server, 1000, seconds=1.0, concurrency=8).report
    assert report.stopped == "interrupted"
    assert 1.0 <= report.elapsed_seconds <= 1.01


def test_the_report_measures_the_send() -> None:
    report = send_virtually(VirtualServer(lambda now, _: OK, 0.05), 300, concurrency=10).report
    assert report.latencies.p50_seconds == pytest.approx(0.05, rel=0.1)
    assert report.latencies.p50_seconds <= report.latencies.p95_seconds <= report.latencies.max_seconds
    # Ten at a time are thirty rounds; the first goes alone.
    assert report.elapsed_seconds == pytest.approx(31 * 0.05, abs=0.1)
    assert sum(sample.settled for sample in report.timeline) == 300
    assert sum(sample.attempts for sample in report.timeline) == 300
    assert len(report.timeline) == 2


# --- how many at once ---


@pytest.mark.parametrize("latency", [0.1, 0.3])
def test_any_latency_is_saturated_within_seconds(latency: float) -> None:
    server = VirtualServer(lambda now, _: OK, latency)
    report = send_virtually(server, 10**6, seconds=1.2 + 20 * latency).report
    assert report.max_in_flight == 1024


def test_refusals_and_failures_bring_the_number_in_flight_down_and_it_recovers() -> None:
    numbers = itertools.count()
    server = VirtualServer(lambda now, _: (503, {}) if 8 < now < 14 and next(numbers) % 2 else OK, 0.2)
    report = send_virtually(server, 10**6, seconds=28.0).report

    def limit_at(second: float) -> int:
        return next(sample.limit for sample in report.timeline if sample.at_seconds >= second)

    assert limit_at(6) == 1024
    assert limit_at(12) <= 128
    assert limit_at(26) >= 200
