"""Who sees how the reading and a sending go, and the counts they are shown: what is durable, not merely answered."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from etl.interrupt import Interrupted
from etl.report.progress import Progress, SendingView
from etl.send.account import SendProgress
from etl.state.status_file import StatusFile
from etl.values.books import Books
from etl.watch.watcher import Watcher

__all__ = ["Audience", "ReadingView", "SendingCounts"]

RATE_WINDOW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Audience:
    """Who sees how the sending goes: the person who started it, whoever asks for its status, whoever listens."""

    progress: Progress
    status: StatusFile
    watcher: Watcher

    def show(self, load: int, counts: "SendingCounts", now: SendProgress) -> None:
        """Tell all of them how far it is."""
        view = counts.view(now)
        self.progress.send(view)
        self.status.publish_sending(
            load, counts.before, counts.delivered, counts.refused, counts.codes(now), view, now
        )
        if now.state == "paused":
            asked_by = now.asked.partition(":")[0]
            self.watcher.waiting(load, seconds=now.wait_seconds, asked_by=asked_by)
        self.watcher.progressed(load, counts.books(), per_second=view.per_second)


@dataclass(slots=True)
class SendingCounts:
    """What this run has settled durably so far, on top of the books before it, and the load's rejects by code."""

    before: Books
    codes_before: Mapping[str, int]
    delivered: int = 0
    refused: int = 0
    _meter: "_RateMeter" = field(default_factory=lambda: _RateMeter(time.monotonic))

    def add_committed(self, delivered: int, refused: int) -> None:
        """Add what became durable."""
        self.delivered += delivered
        self.refused += refused

    def codes(self, now: SendProgress) -> dict[str, int]:
        """Return the rejects of the load by code, with what the server refused so far."""
        return dict(Counter(self.codes_before) + now.refused_codes)

    def books(self) -> Books:
        """Return the books of the load as they stand."""
        return replace(
            self.before,
            delivered=self.before.delivered + self.delivered,
            rejected=self.before.rejected + self.refused,
            pending=self.before.pending - self.delivered - self.refused,
        )

    def view(self, now: SendProgress) -> SendingView:
        """Return what a person is shown."""
        return SendingView(
            done=self.before.delivered + self.delivered + self.refused,
            total=self.before.delivered + self.before.pending,
            rejected=self.before.rejected + self.refused,
            per_second=self._meter.rate(self.delivered + self.refused),
            in_flight=now.in_flight,
            limit=now.limit,
            note=_note(now),
            flows=now.state not in ("paused", "probing"),
        )


class _RateMeter:
    """The rate of a growing count over the last ten seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._samples: list[tuple[float, int]] = []

    def rate(self, count: int) -> float:
        """Return how fast `count` grew lately, a second."""
        now = self._clock()
        self._samples.append((now, count))
        while len(self._samples) > 2 and self._samples[0][0] < now - RATE_WINDOW_SECONDS:
            self._samples.pop(0)
        started, before = self._samples[0]
        return (count - before) / (now - started) if now > started else 0.0


def _note(now: SendProgress) -> str:
    if now.state == "paused":
        return f"the server asks to wait {now.wait_seconds:,.0f} s{f': {now.asked}' if now.asked else ''}"
    if now.state == "probing":
        return f"server not answering; next try in {now.wait_seconds:.0f} s"
    if now.held and not now.in_flight:
        return f"asking for {now.held:,} uncertain events"
    return "finishing what is in flight" if now.state == "stopping" else ""


@dataclass(frozen=True, slots=True)
class ReadingView:
    """Shows the reading to whoever watches this run, and publishes it for whoever asks from elsewhere."""

    progress: Progress
    status: StatusFile
    stop: threading.Event | None

    def read(self, rows: int, rejected: int) -> None:
        """Show how many rows are read; raises `Interrupted` once `stop` is set."""
        if self.stop is not None and self.stop.is_set():
            raise Interrupted(signal.SIGINT)
        self.progress.read(rows, rejected)
        self.status.publish_reading(rows, rejected)
