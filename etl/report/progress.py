"""Shows how far a run is: a bar on a terminal, a plain line now and then elsewhere, nothing when quiet."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from etl.plain import plain_line, shorten
from etl.report.summary import format_duration

__all__ = [
    "PlainProgress",
    "Progress",
    "SendingView",
    "SilentProgress",
    "TerminalProgress",
    "choose_progress",
]

PLAIN_SECONDS: Final = 10.0
# Below so many columns there is no room for a bar beside the words.
WIDE: Final = 120
BAR: Final = 28
NARROW_NAME: Final = 20


@dataclass(frozen=True, slots=True)
class SendingView:
    """Where sending stands: counts of events, the rate now (events a second), requests in flight, and what slows it.

    `rejected` are all rejects of the load so far. While the server answers nothing or asks to wait, `flows` is false.
    """

    done: int
    total: int
    rejected: int
    per_second: float
    in_flight: int
    limit: int
    note: str = ""
    flows: bool = True

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the rate now; None while that isn't known."""
        return (self.total - self.done) / self.per_second if self.flows and self.per_second > 0 else None


class Progress(Protocol):
    """What a run tells while it works. A context manager around the whole run of a job."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing, and leave the terminal tidy."""
        ...

    def read(self, rows: int, rejected: int) -> None:
        """So many rows are read so far."""
        ...

    def send(self, view: SendingView) -> None:
        """So far is the sending."""
        ...


class SilentProgress:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def read(self, rows: int, rejected: int) -> None:
        """Show nothing."""

    def send(self, view: SendingView) -> None:
        """Show nothing."""


class PlainProgress(SilentProgress):
    """A line every ten seconds: for logs and pipes."""

    def __init__(self, job: str, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._job, self._out, self._clock = job, out, clock
        self._next_at = clock() + PLAIN_SECONDS

    def read(self, rows: int, rejected: int) -> None:
        """Print how many rows are read, when a line is due."""
        self._say(f"reading: {rows:,} rows, {rejected:,} rejected")

    def send(self, view: SendingView) -> None:
        """Print how far the sending is, when a line is due."""
        self._say(f"sending: {describe_sending(view)}")

    def _say(self, text: str) -> None:
        if self._clock() >= self._next_at:
            self._next_at = self._clock() + PLAIN_SECONDS
            print(plain_line(f"{self._job}: {text}"), file=self._out, flush=True)


class TerminalProgress(SilentProgress):
    """A line with share, counts, rate, time left and what slows it; a bar beside it where there is room."""

    def __init__(self, job: str, out: TextIO) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        from etl.report.console import PlainConsole, sound_environ

        console = PlainConsole(file=getattr(out, "escapes", out), _environ=sound_environ())
        self._width = console.width - 2  # the spinner and the space behind it
        name, bar = plain_line(job), []
        if console.width < WIDE:
            name = shorten(name, NARROW_NAME)
        else:
            bar = [BarColumn(bar_width=BAR)]
            self._width -= BAR + 1
        self._width -= len(name) + 1
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn(name, style="bold", markup=False),
            *bar,
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def read(self, rows: int, rejected: int) -> None:
        """Show how many rows are read."""
        self._bar.update(self._task, total=None, description=f"reading: {rows:,} rows, {rejected:,} rejected")

    def send(self, view: SendingView) -> None:
        """Show how far the sending is."""
        self._bar.update(
            self._task,
            total=view.total,
            completed=view.done,
            description=describe_sending(view, self._width),
        )


def describe_sending(view: SendingView, width: int | None = None) -> str:
    """Return one line on the sending: share, counts, rate, time left, rejects, and what slows it.

    With too little `width` for all of it, the cause and the rejects stay and the rest goes, the least wanted first.
    """
    share = f"{100 * view.done / view.total if view.total else 100:.0f}%"
    parts = {"share": share, "count": f"{view.done:,} of {view.total:,}", "rate": f"{view.per_second:,.0f}/s"}
    if view.seconds_left is not None:
        parts["left"] = f"{format_duration(view.seconds_left)} left"
    if view.rejected:
        parts["rejected"] = f"{view.rejected:,} rejected"
    parts["flight"] = f"{view.in_flight} of {view.limit} in flight"
    for least_wanted in ("flight", "rate", "count", "left", None):
        text = _join(parts, view.note)
        if width is None or len(text) <= width or least_wanted is None:
            break
        parts.pop(least_wanted, None)
    return text


def _join(parts: Mapping[str, str], note: str) -> str:
    count = f" {parts['count']}" if "count" in parts else ""
    rest = [text for name, text in parts.items() if name not in ("share", "count")]
    return f"{', '.join([parts['share'] + count, *rest])}{f' ({note})' if note else ''}"


def choose_progress(job: str, *, quiet: bool, out: TextIO | None = None) -> Progress:
    """Return the progress that suits where the output goes: to standard error, unless `out` is another."""
    if quiet:
        return SilentProgress()
    out = out or sys.stderr
    return TerminalProgress(job, out) if out.isatty() else PlainProgress(job, out)
