"""Measures a send: latencies, statuses, and what each second was like.

Rule: the hot path only appends and counts; sorting and dividing happen once a window. Memory is bounded, however
long the send.
"""

from bisect import bisect_left
from collections import defaultdict
from typing import Final

from etl.send.account import Latencies, SendProgress
from etl.send.concurrency import Window
from etl.values.outcome import SendSample

__all__ = ["Histogram", "Meter", "Timeline"]

_BOUNDS: Final = [0.0001 * 1.1**step for step in range(150)]  # 0.1 ms to 147 s, a tenth apart
MAX_SAMPLES: Final = 600


class Histogram:
    """Counts durations in buckets a tenth apart."""

    __slots__ = ("counts", "largest")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.largest = 0.0

    def add_sorted(self, seconds: list[float]) -> None:
        """Count `seconds`, which are in ascending order."""
        if not seconds:
            return
        self.largest = max(self.largest, seconds[-1])
        low, counted = bisect_left(_BOUNDS, seconds[0]), 0
        for bucket in range(low, len(_BOUNDS)):
            below = bisect_left(seconds, _BOUNDS[bucket], counted)
            self.counts[bucket] += below - counted
            counted = below
            if counted == len(seconds):
                return
        self.counts[-1] += len(seconds) - counted

    def add(self, other: "Histogram") -> None:
        """Count all that `other` has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.largest = max(self.largest, other.largest)

    def quantile(self, share: float) -> float:
        """Return the duration that `share` of all are below, 0 where there are none."""
        total = sum(self.counts)
        if not total:
            return 0.0
        seen = 0
        for bucket, count in enumerate(self.counts[:-1]):
            seen += count
            if seen >= share * total:
                return min(_BOUNDS[bucket], self.largest)
        return self.largest


class Timeline:
    """Samples of a second each; past 600, neighbours are joined and each sample covers twice the time."""

    __slots__ = ("_samples", "_stretch_seconds")

    def __init__(self) -> None:
        self._samples: list[SendSample] = []
        self._stretch_seconds = 1.0

    def add(self, sample: SendSample) -> None:
        """Add the sample of the latest second."""
        last = self._samples[-1] if self._samples else None
        if last is not None and last.seconds + sample.seconds <= 1.2 * self._stretch_seconds:
            self._samples[-1] = _join(last, sample)
            return
        self._samples.append(sample)
        if len(self._samples) > MAX_SAMPLES:
            pairs = zip(self._samples[0::2], self._samples[1::2], strict=False)
            odd = self._samples[-1:] if len(self._samples) % 2 else []
            self._samples = [_join(earlier, later) for earlier, later in pairs] + odd
            self._stretch_seconds *= 2

    def samples(self) -> list[SendSample]:
        """Return the samples in order."""
        return list(self._samples)


def _join(earlier: SendSample, later: SendSample) -> SendSample:
    return SendSample(
        earlier.at_seconds,
        earlier.seconds + later.seconds,
        earlier.settled + later.settled,
        earlier.attempts + later.attempts,
        max(earlier.p50_seconds, later.p50_seconds),
        max(earlier.p95_seconds, later.p95_seconds),
        later.in_flight,
        later.limit,
    )


class Meter:
    """Everything measured in one send. `latencies` and `statuses` are written by the hot path itself.

    `held_seconds` adds up what failed attempts and back-offs took in this window.
    """

    __slots__ = (
        "_attempts_before",
        "_histogram",
        "_second",
        "_second_at",
        "_settled_before",
        "_started_at",
        "_timeline",
        "_window_at",
        "failures",
        "held_seconds",
        "latencies",
        "max_in_flight",
        "statuses",
    )

    def __init__(self, started_at: float) -> None:
        self.latencies: list[float] = []
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.failures = 0
        self.held_seconds = 0.0
        self.max_in_flight = 0
        self._histogram = Histogram()
        self._second = Histogram()
        self._timeline = Timeline()
        self._started_at = self._window_at = self._second_at = started_at
        self._settled_before = self._attempts_before = 0

    def window_age_seconds(self, now: float) -> float:
        """Return how long this window has lasted."""
        return now - self._window_at

    def close_window(self, now: float) -> Window:
        """Return this window's numbers and begin the next."""
        latencies, self.latencies = self.latencies, []
        busy = sum(latencies) + self.held_seconds
        latencies.sort()
        self._second.add_sorted(latencies)
        median = latencies[len(latencies) // 2] if latencies else None
        window = Window(now - self._window_at, len(latencies), self.failures, busy, median)
        self.failures, self.held_seconds, self._window_at = 0, 0.0, now
        return window

    def close_second(self, now: float, progress: SendProgress, *, at_end: bool = False) -> bool:
        """Begin the next second of the timeline once this one is over, or at the end; return whether it did."""
        seconds = now - self._second_at
        if seconds < 1.0 and not at_end:
            return False
        settled = progress.delivered + progress.refused
        self._timeline.add(
            SendSample(
                self._second_at - self._started_at,
                seconds,
                settled - self._settled_before,
                progress.attempts - self._attempts_before,
                self._second.quantile(0.5),
                self._second.quantile(0.95),
                progress.in_flight,
                progress.limit,
            )
        )
        self._histogram.add(self._second)
        self._second = Histogram()
        self._second_at, self._settled_before, self._attempts_before = now, settled, progress.attempts
        return True

    def accepted(self) -> int:
        """Return how many requests the server has answered with anything but 429."""
        return sum(count for status, count in self.statuses.items() if status not in {0, 429})

    def latencies_so_far(self) -> Latencies:
        """Return the latencies of all closed seconds."""
        quantile = self._histogram.quantile
        return Latencies(quantile(0.5), quantile(0.95), quantile(0.99), self._histogram.largest)

    def timeline(self) -> list[SendSample]:
        """Return the samples of all closed seconds."""
        return self._timeline.samples()
