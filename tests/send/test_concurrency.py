import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.send.concurrency import MAX_IN_FLIGHT, Concurrency, Window, next_concurrency, window_seconds


class Server(NamedTuple):
    """Answers in `latency_seconds`, at most `capacity` a second; `jitter` is the share by which times vary."""

    latency_seconds: float
    capacity: float
    jitter: float = 0.02
    failed_share: float = 0.0
    rate: float = float("inf")

    def window(self, in_flight: int, seconds: float, rng: random.Random) -> Window:
        free = min(in_flight / self.latency_seconds, self.capacity, self.rate)
        latency = max(self.latency_seconds, in_flight / self.capacity if free == self.capacity else 0.0)
        total = max(1, round(free * seconds))
        failures = sum(rng.random() < self.failed_share for _ in range(total))
        median = latency * (1 + rng.uniform(-self.jitter, self.jitter))
        return Window(
            seconds, total - failures, failures, total * latency, median if failures < total else None
        )


def run(
    server: Server, seconds: float, state: Concurrency | None = None, now: float = 0.0
) -> list[tuple[float, int]]:
    """The limit over time."""
    state, rng, limits = state or Concurrency(), random.Random(1), []
    end = now + seconds
    while now < end:
        length = window_seconds(state)
        now += length
        state = next_concurrency(state, server.window(state.in_flight, length, rng), now)
        limits.append((now, state.in_flight))
    return limits


def share_of_capacity(server: Server, limits: list[tuple[float, int]]) -> float:
    return sum(min(1.0, limit / server.latency_seconds / server.capacity) for _, limit in limits) / len(
        limits
    )


@pytest.mark.parametrize("latency", [0.005, 0.05, 0.2])
def test_a_distant_server_is_saturated_within_seconds(latency: float) -> None:
    server = Server(latency, 512 / latency)
    limits = run(server, 60)
    assert share_of_capacity(server, [entry for entry in limits if entry[0] > max(2.0, 20 * latency)]) > 0.95


def test_with_nothing_to_stop_it_the_limit_goes_to_1024_and_no_further() -> None:
    limits = [limit for _, limit in run(Server(0.05, 1e9), 20)]
    assert max(limits) == MAX_IN_FLIGHT
    assert limits[15] == MAX_IN_FLIGHT


def test_a_server_in_the_same_rack_gets_a_few_dozen() -> None:
    server = Server(0.0003, 30_000)
    limits = [limit for at, limit in run(server, 150) if at > 2]
    assert max(limits) < 150
    assert share_of_capacity(server, [(0.0, limit) for limit in limits]) > 0.95


def test_a_full_server_is_not_queued_at_for_ever_longer() -> None:
    server = Server(0.02, 1000)
    limits = [limit for at, limit in run(server, 200) if at > 5]
    assert max(limits) <= 60  # 20 are enough; 40 make each wait as long again
    assert sum(limits) / len(limits) >= 20


def test_times_that_vary_are_not_taken_for_a_full_server() -> None:
    limits = [limit for at, limit in run(Server(0.05, 512 / 0.05, jitter=0.3), 60) if at > 5]
    assert sum(limits) / len(limits) > 400


def test_rising_latency_backs_off_and_recovers() -> None:
    fast = Server(0.05, 1e9)
    state = Concurrency(limit=800, base_latency_seconds=0.05, is_starting=False, rebased_at=0.0)
    slow = [limit for _, limit in run(Server(0.05, 2000), 20, state)]
    assert slow[40] <= 220
    state = Concurrency(limit=float(slow[-1]), base_latency_seconds=0.05, is_starting=False, rebased_at=20.0)
    assert run(fast, 15, state)[-1][1] > 600


def test_a_longer_path_is_learnt() -> None:
    state = Concurrency(limit=400, base_latency_seconds=0.02, is_starting=False, rebased_at=0.0)
    limits = run(Server(0.1, 1e9), 90, state)
    assert limits[-1][1] > 600


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.02, 400, 1024), (0.1, 50, 160), (0.5, 1, 8), (1.0, 1, 1)]
)
def test_failures_shrink_the_limit_by_their_share(share: float, least: int, most: int) -> None:
    limits = [limit for at, limit in run(Server(0.05, 1e9, failed_share=share), 60) if at > 30]
    assert least <= sum(limits) / len(limits) <= most


def test_a_limit_that_is_not_in_use_does_not_grow() -> None:
    server = Server(0.05, 1e9, rate=100)
    assert max(limit for _, limit in run(server, 120)) <= 16


def test_windows_without_answers_change_nothing() -> None:
    state = Concurrency(limit=77)
    assert next_concurrency(state, Window(0.1, 0, 0, 0.0, None), 5.0) == state


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5000),
            st.integers(0, 5000),
            st.floats(0, 1000),
            st.none() | st.floats(1e-5, 60),
            st.floats(0.05, 40),
        ),
        max_size=60,
    )
)
def test_the_limit_stays_between_1_and_1024(
    windows: list[tuple[int, int, float, float | None, float]],
) -> None:
    state, now = Concurrency(), 0.0
    for answers, failures, busy, latency, seconds in windows:
        now += seconds
        state = next_concurrency(
            state, Window(seconds, answers, failures, busy, latency if answers else None), now
        )
        assert 1 <= state.in_flight <= MAX_IN_FLIGHT
        assert window_seconds(state) >= 0.1
