import random

from hypothesis import given
from hypothesis import strategies as st

from etl.send.backoff import (
    MAX_RETRIES_SAVED,
    RetryBudget,
    backoff_seconds,
    refill,
    seconds_to_retry,
    spend,
)


@given(st.integers(1, 10_000), st.integers())
def test_a_back_off_never_passes_20_seconds(failures: int, seed: int) -> None:
    assert (
        0 <= backoff_seconds(failures, random.Random(seed)) <= min(20.0, 0.25 * 2.0 ** min(failures - 1, 16))
    )


def test_back_offs_spread_evenly_below_a_bound_that_doubles() -> None:
    rng = random.Random(3)
    for failures, bound in [(1, 0.25), (2, 0.5), (4, 2.0), (7, 16.0), (8, 20.0), (99, 20.0)]:
        waits = sorted(backoff_seconds(failures, rng) for _ in range(2000))
        assert waits[0] < 0.01 * bound
        assert 0.45 * bound < waits[1000] < 0.55 * bound
        assert waits[-1] > 0.99 * bound


def test_time_and_successes_earn_retries_up_to_a_cap() -> None:
    spent = RetryBudget(0.0, 100.0, 1000)
    assert seconds_to_retry(spent) == 0.1
    assert refill(spent, 101.0, 1000).saved == 10
    assert refill(spent, 100.0, 1100).saved == 50
    assert refill(spent, 1e9, 1000).saved == MAX_RETRIES_SAVED
    assert seconds_to_retry(refill(spent, 100.2, 1000)) == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 500)), max_size=100))
def test_retries_stay_within_half_the_successes_and_ten_a_second(steps: list[tuple[float, int]]) -> None:
    now, successes, retries = 0.0, 0, 0
    budget = RetryBudget(MAX_RETRIES_SAVED, now, 0)
    for gap, gained in steps:
        now, successes = now + gap, successes + gained
        budget = refill(budget, now, successes)
        while not seconds_to_retry(budget):
            budget, retries = spend(budget), retries + 1
    assert retries <= MAX_RETRIES_SAVED + 0.5 * successes + 10 * now + 1e-6
