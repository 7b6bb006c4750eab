"""What a run tells while it works, and who listens.

Rule: counts, times and words of our own; never a cell of the source, never the key, never what a server said.
"""

from collections.abc import Mapping
from typing import Protocol

from etl.values.books import Books
from etl.values.outcome import Outcome

__all__ = ["Watcher", "Watchers"]


class Watcher(Protocol):
    """Listens to one run of one job. The calls come in the order of the methods; a load may take several rounds.

    No method raises: a log that can't be written is no reason to stop.
    """

    def run_started(self, run: int, endpoint: str) -> None:
        """Hear that run `run` begins; its events go to `endpoint`."""

    def staged(self, load: int, books: Books, *, files: int, seconds: float) -> None:
        """Hear that new rows of `files` files became load `load`."""

    def nothing_new(self, *, files: int) -> None:
        """Hear that each of the job's `files` files was staged before."""

    def sending(self, load: int, books: Books, *, rate_per_second: float | None) -> None:
        """Hear that the pending events of `load` are about to be sent."""

    def progressed(self, load: int, books: Books, *, per_second: float) -> None:
        """Hear that sending goes on; called as often as is convenient, listeners thin it out."""

    def waiting(self, load: int, *, seconds: float, asked_by: str) -> None:
        """Hear that sending waits for so long, as the header named `asked_by` wants; called again while it does."""

    def settled(self, load: int, books: Books, *, seconds: float, statuses: Mapping[int, int]) -> None:
        """Hear that sending of `load` ended, all settled or not; `statuses` counts answers, under 0 the missing."""

    def rejected(self, counts: Mapping[str, int]) -> None:
        """Hear how many rows of this run's loads are rejects, by code."""

    def stopped(self, cause: str) -> None:
        """Hear that the run ends early, for a cause out of a fixed set, as `interrupted` or `outage`."""

    def finished(self, outcome: Outcome) -> None:
        """Hear that the run is over."""


class Watchers:
    """Several listeners as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def run_started(self, run: int, endpoint: str) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.run_started(run, endpoint)

    def staged(self, load: int, books: Books, *, files: int, seconds: float) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.staged(load, books, files=files, seconds=seconds)

    def nothing_new(self, *, files: int) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.nothing_new(files=files)

    def sending(self, load: int, books: Books, *, rate_per_second: float | None) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.sending(load, books, rate_per_second=rate_per_second)

    def progressed(self, load: int, books: Books, *, per_second: float) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.progressed(load, books, per_second=per_second)

    def waiting(self, load: int, *, seconds: float, asked_by: str) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.waiting(load, seconds=seconds, asked_by=asked_by)

    def settled(self, load: int, books: Books, *, seconds: float, statuses: Mapping[int, int]) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.settled(load, books, seconds=seconds, statuses=statuses)

    def rejected(self, counts: Mapping[str, int]) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.rejected(counts)

    def stopped(self, cause: str) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.stopped(cause)

    def finished(self, outcome: Outcome) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.finished(outcome)
