"""Decides how long an event waits before it is tried again, and how many retries the whole run may make.

Theory of operation. Full jitter (AWS, "Exponential Backoff and Jitter") spreads retries that failed together. The
budget keeps retries from becoming the load that hurts a sick server: each success earns half a retry, and ten a second
are free. Its cap is twice the most that can be in flight, so that all of it can be retried at once after a short
outage.

Rule: pure; randomness and the clock are arguments.
"""

from random import Random
from typing import Final, NamedTuple

__all__ = ["RetryBudget", "backoff_seconds", "refill", "seconds_to_retry", "spend"]

MAX_BACKOFF_SECONDS: Final = 20.0
BASE_BACKOFF_SECONDS: Final = 0.25
RETRIES_PER_SUCCESS: Final = 0.5
FREE_RETRIES_PER_SECOND: Final = 10.0
MAX_RETRIES_SAVED: Final = 2048.0


def backoff_seconds(failures: int, rng: Random, longest_seconds: float = MAX_BACKOFF_SECONDS) -> float:
    """Return how long to wait after the n-th failure in a row (n ≥ 1): evenly between 0 and a bound that doubles to 20
    s.
    """
    return rng.uniform(0.0, min(longest_seconds, BASE_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 16)))


class RetryBudget(NamedTuple):
    """How many retries are saved up, and when and after how many successes that was reckoned."""

    saved: float
    at: float
    successes: int


def refill(budget: RetryBudget, now: float, successes: int) -> RetryBudget:
    """Return the budget with what time and successes have earned since."""
    earned = FREE_RETRIES_PER_SECOND * max(0.0, now - budget.at) + RETRIES_PER_SUCCESS * (
        successes - budget.successes
    )
    return RetryBudget(min(MAX_RETRIES_SAVED, budget.saved + earned), now, successes)


def seconds_to_retry(budget: RetryBudget) -> float:
    """Return how long until one retry is free without any success: 0 for now."""
    return max(0.0, (1.0 - budget.saved) / FREE_RETRIES_PER_SECOND)


def spend(budget: RetryBudget) -> RetryBudget:
    """Return the budget after one retry."""
    return budget._replace(saved=budget.saved - 1.0)
