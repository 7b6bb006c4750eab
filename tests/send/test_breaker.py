from hypothesis import given
from hypothesis import strategies as st

from etl.send.breaker import (
    CLOSED,
    FAILURES_TO_OPEN,
    Breaker,
    BreakerState,
    after_failure,
    after_refusal,
    after_success,
    has_given_up,
    let_through,
    seconds_to_probe,
)


def failed(times: int, now: float = 10.0) -> Breaker:
    breaker = CLOSED
    for _ in range(times):
        breaker = after_failure(breaker, now - 1, now, 1.0)
    return breaker


def test_failures_in_a_row_open_it_and_fewer_do_not() -> None:
    assert failed(FAILURES_TO_OPEN - 1).state is BreakerState.CLOSED
    assert seconds_to_probe(failed(FAILURES_TO_OPEN - 1), 10.0) == 0
    assert failed(FAILURES_TO_OPEN).state is BreakerState.OPEN


def test_a_success_between_starts_the_count_anew() -> None:
    breaker = after_success(failed(FAILURES_TO_OPEN - 1))
    assert breaker is CLOSED
    assert after_failure(breaker, 0, 1, 1.0).failures == 1


def test_an_open_one_lets_one_probe_through_when_it_is_due() -> None:
    breaker = failed(FAILURES_TO_OPEN, now=10.0)
    assert seconds_to_probe(breaker, 10.0) == 0.5
    assert seconds_to_probe(breaker, 10.5) == 0
    probing = let_through(breaker)
    assert probing.state is BreakerState.HALF_OPEN
    assert seconds_to_probe(probing, 99.0) is None


def test_probes_that_fail_come_less_often_down_to_one_in_five_seconds() -> None:
    breaker, now, waits = failed(FAILURES_TO_OPEN, now=10.0), 10.0, []
    for _ in range(8):
        wait = seconds_to_probe(breaker, now)
        assert wait is not None
        waits.append(wait)
        now += wait
        breaker = after_failure(let_through(breaker), now, now, 1.0)
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


def test_stragglers_of_before_do_not_put_the_probe_off() -> None:
    breaker = failed(FAILURES_TO_OPEN, now=10.0)
    later = after_failure(breaker, 9.0, 10.4, 1.0)
    assert seconds_to_probe(later, 10.5) == 0
    assert later.probes == 1


def test_a_probe_that_succeeds_closes_it() -> None:
    assert after_success(let_through(failed(FAILURES_TO_OPEN))) is CLOSED


def test_after_a_refusal_one_request_goes_ahead_and_the_patience_runs_on() -> None:
    breaker = after_refusal(let_through(failed(FAILURES_TO_OPEN, now=10.0)), 20.0)
    assert (breaker.state, breaker.failures) == (BreakerState.OPEN, 0)
    assert seconds_to_probe(breaker, 20.0) == 0
    assert breaker.failing_since == 9.0
    assert after_refusal(CLOSED, 5.0).failing_since == 5.0


def test_it_gives_up_after_its_patience_counted_from_when_the_first_failure_was_sent() -> None:
    breaker = failed(3, now=10.0)
    assert not has_given_up(breaker, 128.9, 120)
    assert has_given_up(breaker, 129.0, 120)
    assert not has_given_up(CLOSED, 1e9, 120)


@given(
    st.lists(
        st.tuples(st.sampled_from(["failure", "refusal", "success", "ask"]), st.floats(0, 30)), max_size=80
    )
)
def test_nothing_waits_longer_than_five_seconds_for_a_probe_and_one_is_out_at_a_time(
    steps: list[tuple[str, float]],
) -> None:
    now, breaker = 0.0, CLOSED
    for step, gap in steps:
        now += gap
        if step == "failure":
            breaker = after_failure(breaker, now - 0.1, now, 0.5)
        elif step == "refusal":
            breaker = after_refusal(breaker, now - 0.1)
        elif step == "success":
            breaker = after_success(breaker)
        wait = seconds_to_probe(breaker, now)
        assert wait is None or 0 <= wait <= 5
        if step == "ask" and wait == 0:
            breaker = let_through(breaker)
            assert breaker.state is not BreakerState.OPEN
        assert (breaker.failing_since is None) == (breaker == CLOSED)
