"""Settles events in batches, on a thread of its own, so that senders never wait for the disk if it keeps up.

A batch is committed when it has 500 events or is 100 ms old. One batch is committed at a time while the next one
fills; when that is full too, callers wait. So what was answered but is not yet durable is at most two batches, and
a crash sends again at most those and what was in flight (a waiting caller's event still counts as in flight).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from etl.values.delivery import Refusal

__all__ = ["BATCH_EVENTS", "BATCH_SECONDS", "Settler", "SettlesBatches"]

BATCH_EVENTS = 500
BATCH_SECONDS = 0.1


class SettlesBatches(Protocol):
    """Where batches go: the ledger."""

    def settle(self, load: int, settlements: Sequence[tuple[int, int, Refusal | None]]) -> tuple[int, int]:
        """Make a batch durable; return by how many the delivered and the refused grew."""
        ...


def _ignore(delivered: int, refused: int) -> None:
    pass


class Settler:
    """Settles the events of one load. Belongs to one event loop.

    `on_commit(delivered, refused)` is called on the loop, after a batch is durable, with how many each count grew.
    """

    def __init__(
        self,
        ledger: SettlesBatches,
        load: int,
        *,
        on_commit: Callable[[int, int], None] = _ignore,
        batch_events: int = BATCH_EVENTS,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._load = load
        self._on_commit = on_commit
        self._batch_events = batch_events
        self._batch_seconds = batch_seconds
        self._filling: list[tuple[int, int, Refusal | None]] = []
        self._committing = False
        self._is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "settle")

    def take(self, part: int, index: int, refusal: Refusal | None) -> Awaitable[None] | None:
        """Take the fate of one event and return None, or return what takes it once there is room.

        Most calls find room; a coroutine for each would cost more than all else here.
        """
        filling = self._filling
        taken = len(filling)
        if self._failure is not None or (taken >= self._batch_events and self._committing):
            return self.settle(part, index, refusal)
        filling.append((part, index, refusal))
        if taken + 1 >= self._batch_events:
            self._commit_if_due()
        elif not taken:
            self._timer = asyncio.get_running_loop().call_later(self._batch_seconds, self._come_due)
        return None

    async def settle(self, part: int, index: int, refusal: Refusal | None) -> None:
        """Take the fate of one event, once there is room; raises what any earlier commit raised."""
        while self._failure is None and self._committing and len(self._filling) >= self._batch_events:
            await self._next_change()
        if self._failure is not None:
            raise self._failure
        self.take(part, index, refusal)

    async def close(self) -> None:
        """Commit what is left and end the thread; raises what any commit raised.

        A disk that doesn't answer is waited for: nothing breaks a commit off. Whoever was told to stop bounds it.
        """
        self._is_due = True
        try:
            self._commit_if_due()
            while self._failure is None and (self._committing or self._filling):
                await self._next_change()
        finally:
            self._drop_timer()
            self._thread.shutdown(wait=False)
        if self._failure is not None:
            raise self._failure

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _come_due(self) -> None:
        self._is_due = True
        self._commit_if_due()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _commit_if_due(self) -> None:
        batch = self._filling
        if self._committing or self._failure or not batch:
            return
        if not self._is_due and len(batch) < self._batch_events:
            return
        self._drop_timer()
        self._filling, self._is_due, self._committing = [], False, True
        loop = asyncio.get_running_loop()
        try:
            commit = loop.run_in_executor(self._thread, self._ledger.settle, self._load, batch)
        except RuntimeError as failure:  # no thread can be started: nobody would ever tell how it went
            self._committing, self._failure = False, failure
            self._changed.set()
            return
        commit.add_done_callback(self._committed)

    def _committed(self, done: "asyncio.Future[tuple[int, int]]") -> None:
        self._committing = False
        try:
            delivered, refused = done.result()
            self._on_commit(delivered, refused)
        except BaseException as failure:  # noqa: BLE001 - kept, and raised in every caller
            self._failure = failure
        self._commit_if_due()
        self._changed.set()
