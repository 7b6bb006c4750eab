import math
from email.utils import parsedate_to_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.faults import (
    NO_FAULTS,
    Decision,
    Fault,
    Faults,
    FaultState,
    decide,
    is_down,
    is_key_refused,
    is_rejected,
    rate_headers,
)


def run(faults: Faults, times: list[float], seed: int = 0) -> list[Decision]:
    state, rng, decisions = FaultState(), Random(seed), []
    for now in times:
        decision, state = decide(faults, state, now, rng)
        decisions.append(decision)
    return decisions


def test_a_server_without_faults_lets_everything_through_at_once() -> None:
    assert set(run(NO_FAULTS, [0.0] * 50)) == {Decision(None, None, 0.0)}


@given(
    rate=st.floats(0.5, 500),
    gaps=st.lists(st.floats(0, 0.2), min_size=1, max_size=300),
)
def test_no_window_sees_more_than_the_rate_and_one_burst(rate: float, gaps: list[float]) -> None:
    faults = Faults(rate_per_second=rate)
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    taken = [now for now, decision in zip(times, run(faults, times), strict=True) if decision.fault is None]
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= faults.burst + rate * (taken[last] - start) + 1e-6


@given(rate=st.floats(0.5, 500))
def test_an_attempt_after_the_wait_it_was_told_is_taken(rate: float) -> None:
    faults, rng = Faults(rate_per_second=rate), Random(0)
    decision, state = decide(faults, FaultState(), 0.0, rng)
    while decision.fault is None:
        decision, state = decide(faults, state, 0.0, rng)
    assert decision.status == 429
    assert decide(faults, state, decision.retry_seconds * 1.001, rng)[0].fault is None


def test_a_clock_that_steps_back_earns_no_tokens() -> None:
    decisions = run(Faults(rate_per_second=1.0), [10.0, 5.0, 5.0])
    assert [decision.status for decision in decisions] == [None, 429, 429]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("seconds", b"3"), ("absurd", b"3153600000"), ("garbage", b"soon, perhaps"), ("none", None)],
)
def test_a_429_says_when_to_come_back_as_asked(kind: str, text: bytes | None) -> None:
    faults = Faults(rate_per_second=1.0, retry_after=kind)  # type: ignore[arg-type]
    refused = Decision(Fault.RATE_LIMITED, 429, 0.0, 2.1)
    headers = dict(rate_headers(faults, FaultState(tokens=0.5), refused, 1000.0))
    assert headers.get(b"retry-after") == text


def test_a_date_to_come_back_is_never_early() -> None:
    faults = Faults(rate_per_second=1.0, retry_after="date")
    refused = Decision(Fault.RATE_LIMITED, 429, 0.0, 2.1)
    headers = dict(rate_headers(faults, FaultState(tokens=0.5), refused, 1000.7))
    assert parsedate_to_datetime(headers[b"retry-after"].decode()).timestamp() == 1003


def test_both_families_of_rate_headers_say_limit_remaining_and_reset() -> None:
    headers = rate_headers(Faults(rate_per_second=20.0), FaultState(tokens=5.5), Decision(None, None, 0), 0.0)
    assert dict(headers) == {
        b"ratelimit-limit": b"20",
        b"ratelimit-remaining": b"5",
        b"ratelimit-reset": b"1",
        b"x-ratelimit-limit": b"20",
        b"x-ratelimit-remaining": b"5",
        b"x-ratelimit-reset": b"1",
    }


@pytest.mark.parametrize(
    ("faults", "fault", "status"),
    [
        (Faults(fail_share=0.05), Fault.FAILED, 503),
        (Faults(fail_share=0.05, fail_status=418), Fault.FAILED, 418),
        (Faults(reset_share=0.05), Fault.RESET, None),
        (Faults(lose_share=0.05), Fault.ANSWER_LOST, None),
        (Faults(lie="html", lie_share=0.05), Fault.LIE_HTML, None),
    ],
)
def test_a_share_of_the_attempts_meets_the_fault_the_same_ones_for_a_seed(
    faults: Faults, fault: Fault, status: int | None
) -> None:
    decisions = run(faults, [0.0] * 4000)
    met = [decision for decision in decisions if decision.fault is fault]
    assert 140 <= len(met) <= 260
    assert {decision.status for decision in met} == {status}
    assert run(faults, [0.0] * 4000) == decisions
    assert run(faults, [0.0] * 4000, seed=1) != decisions


def test_the_first_attempts_fail_and_no_other() -> None:
    assert [d.status for d in run(Faults(fail_first=2, fail_status=500), [0.0] * 4)] == [500, 500, None, None]


def test_the_key_is_refused_after_exactly_so_many_accepted_events() -> None:
    faults = Faults(fail_first=1, refuse_key_after=2)
    assert [d.status for d in run(faults, [0.0] * 5)] == [503, None, None, 401, 401]
    assert is_key_refused(faults, FaultState(accepted=2))
    assert not is_key_refused(faults, FaultState(accepted=1))


def test_an_outage_begins_after_so_many_events_and_lasts_its_time_once() -> None:
    decisions = run(Faults(down_after=1, down_seconds=10.0), [0.0, 5.0, 14.9, 15.0, 99.0])
    assert [decision.status for decision in decisions] == [None, 503, 503, None, None]


def test_an_outage_without_a_length_is_for_good() -> None:
    faults = Faults(down_after=0)
    assert {d.status for d in run(faults, [0.0, 1e9])} == {503}
    assert is_down(faults, FaultState(down_since=0.0), 1e12)
    assert faults.down_seconds == math.inf


def test_an_answer_waits_its_latency_and_up_to_its_jitter() -> None:
    waits = {d.wait_seconds for d in run(Faults(latency_seconds=0.05, jitter_seconds=0.01), [0.0] * 200)}
    assert 0.05 <= min(waits) < 0.052
    assert 0.058 < max(waits) <= 0.06


def test_the_refused_ids_are_the_same_in_every_process_and_others_for_another_seed() -> None:
    def refused(seed: int) -> list[int]:
        return [n for n in range(200) if is_rejected(Faults(reject_share=0.05, seed=seed), f"id-{n}")]

    assert refused(0) == [50, 54, 58, 130, 138, 161, 165, 182, 186]
    assert refused(1) != refused(0)


@given(st.text())
def test_any_id_at_all_can_be_judged(event_id: str) -> None:
    assert is_rejected(Faults(reject_share=1.0), event_id)


def test_the_share_of_refused_ids_is_the_one_asked_for() -> None:
    assert 80 <= sum(is_rejected(Faults(reject_share=0.02), f"id-{n}") for n in range(5000)) <= 120
    assert all(is_rejected(Faults(reject_share=1.0), f"id-{n}") for n in range(500))
    assert not any(is_rejected(NO_FAULTS, f"id-{n}") for n in range(500))
