import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.errors import StateError
from etl.ledger.settler import Settler
from etl.ledger.store import Ledger
from tests.ledger.staged import delivered, open_ledger, refused, staged_load, staged_part


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "docs") as ledger:
        ledger.record_load(staged_load(1, staged_part(1, 60_000)))
        yield ledger


class Gated:
    """A ledger behind a gate: a batch passes when the gate is open. Remembers the batches and their thread."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.gate = threading.Event()
        self.gate.set()
        self.sizes: list[int] = []
        self.threads: set[int] = set()

    def settle(self, load: Any, settlements: Any) -> tuple[int, int]:
        assert self.gate.wait(10)
        self.sizes.append(len(settlements))
        self.threads.add(threading.get_ident())
        return self.ledger.settle(load, settlements)


async def until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not claim():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_all_is_durable_and_told_once_closed(ledger: Ledger) -> None:
    told = []

    async def run() -> None:
        settler = Settler(ledger, 1, on_commit=lambda *counts: told.append(counts))
        for settlement in [*delivered(1, *range(1_700)), *refused(1, 5_000), *delivered(1, 3)]:
            await settler.settle(*settlement)
        await settler.close()

    asyncio.run(run())
    books = ledger.books(1)
    assert (books.delivered, books.rejected) == (1_700, 1)
    assert [sum(counts) for counts in zip(*told, strict=True)] == [1_700, 1]


def test_batches_are_full_and_written_by_one_thread_that_is_not_the_loops(ledger: Ledger) -> None:
    gated = Gated(ledger)

    async def run() -> None:
        settler = Settler(gated, 1, batch_seconds=60)
        for settlement in delivered(1, *range(2_250)):
            await settler.settle(*settlement)
        await settler.close()

    asyncio.run(run())
    assert gated.sizes == [500, 500, 500, 500, 250]
    assert len(gated.threads) == 1
    assert threading.get_ident() not in gated.threads


def test_a_batch_that_is_not_full_is_committed_when_it_is_old(ledger: Ledger) -> None:
    async def run() -> None:
        settler = Settler(ledger, 1, batch_seconds=0.05)
        await settler.settle(1, 0, None)
        await settler.settle(1, 1, None)
        assert ledger.books(1).delivered == 0
        await until(lambda: ledger.books(1).delivered == 2)
        await settler.settle(1, 2, None)
        await until(lambda: ledger.books(1).delivered == 3)
        await settler.close()

    asyncio.run(run())


def test_callers_wait_while_two_batches_are_outstanding(ledger: Ledger) -> None:
    gated = Gated(ledger)

    async def run() -> None:
        settler = Settler(gated, 1, batch_seconds=0.01)
        gated.gate.clear()
        callers = [asyncio.create_task(settler.settle(1, at, None)) for at in range(1_256)]
        await asyncio.sleep(0.1)
        # 500 being committed, 500 in the next batch: the others still hold their event, as in flight.
        assert sum(task.done() for task in callers) == 1_000
        assert ledger.books(1).delivered == 0
        gated.gate.set()
        await asyncio.gather(*callers)
        await settler.close()

    asyncio.run(run())
    assert ledger.books(1).delivered == 1_256
    assert max(gated.sizes) == 500


def test_nothing_is_told_before_it_is_durable(ledger: Ledger) -> None:
    seen = []

    async def run() -> None:
        total = 0

        def on_commit(grown: Any, _: Any) -> None:
            nonlocal total
            total += grown
            seen.append((total, ledger.books(1).delivered))

        settler = Settler(ledger, 1, on_commit=on_commit, batch_events=10)
        for settlement in delivered(1, *range(95)):
            await settler.settle(*settlement)
        await settler.close()

    asyncio.run(run())
    assert seen
    assert seen[-1] == (95, 95)
    assert all(told <= durable for told, durable in seen)


def test_a_failure_is_raised_in_every_later_call_and_wakes_who_waits(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "docs")
    ledger.record_load(staged_load(1, staged_part(1, 5_000)))
    gated = Gated(ledger)

    async def run() -> None:
        settler = Settler(gated, 1)
        gated.gate.clear()
        callers = [asyncio.create_task(settler.settle(1, at, None)) for at in range(1_100)]
        await asyncio.sleep(0.05)
        ledger.close()
        gated.gate.set()
        outcomes = await asyncio.gather(*callers, return_exceptions=True)
        assert sum(isinstance(outcome, StateError) for outcome in outcomes) == 100
        for _ in range(2):
            with pytest.raises(StateError, match="found it closed"):
                await settler.settle(1, 4_000, None)
        with pytest.raises(StateError, match="found it closed"):
            await settler.close()

    asyncio.run(run())


def test_a_bug_is_raised_as_the_bug_it_is(ledger: Ledger) -> None:
    async def run() -> None:
        settler = Settler(ledger, 1, batch_events=1)
        await settler.settle(1, 60_000, None)
        with pytest.raises(AssertionError, match="has no event"):
            await settler.close()

    asyncio.run(run())


def test_closing_without_a_settlement_is_quiet(ledger: Ledger) -> None:
    async def run() -> None:
        settler = Settler(ledger, 1)
        await settler.close()
        await settler.close()

    asyncio.run(run())


def test_settling_costs_far_less_than_an_event_may_take(ledger: Ledger) -> None:
    async def run() -> float:
        settler = Settler(ledger, 1)
        started = time.process_time()
        for settlement in delivered(1, *range(60_000)):
            await settler.settle(*settlement)
        await settler.close()
        return (time.process_time() - started) / 60_000

    # 25,000 events a second leave 40 µs for each; on the slowest machine settling may take half of that.
    assert asyncio.run(run()) < 20e-6
