"""The log of one run: what happened when, in counts and fixed words.

Rule: never raises; holds no cell of the source, no key, and nothing that a server said.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from etl.values.books import Books
from etl.values.outcome import Outcome
from etl.watch.log_line import Level, LogLine
from etl.watch.public_reason import public_reason
from etl.watch.sinks import LogFile, Sink

__all__ = ["RunLog"]

# A run of days must not fill the disk with lines that say the same.
PROGRESS_SECONDS: Final = 60.0
# A shorter wait is over before anybody reads of it.
WAIT_SECONDS: Final = 5.0


class RunLog:
    """Writes a line for each thing that a run tells. A context manager that closes the run's file.

    With `folder`, `run_started` opens a log of that run there and removes the oldest ones; before, and without a
    folder, only `sinks` are written to.
    """

    def __init__(
        self,
        job: str,
        sinks: tuple[Sink, ...] = (),
        *,
        folder: Path | None = None,
        keep: int = 30,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sinks = list(sinks)
        self._folder, self._keep = folder, keep
        self._wall_clock, self._clock = wall_clock, clock
        self._line = LogLine(0.0, "info", "", job)
        self._file: LogFile | None = None
        self._next_progress_at = self._waits_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._say("crashed", level="error", cause=kind.__name__)
        self.close()

    @property
    def path(self) -> Path | None:
        """The run's own log file, once there is one."""
        return self._file.path if self._file is not None and not self._file.problem else None

    def close(self) -> None:
        """Close the run's log file."""
        if self._file is not None:
            self._file.close()

    def run_started(self, run: int, endpoint: str) -> None:
        """Log that run `run` begins; of `endpoint` only the host, for a path may hold a token."""
        self._line = replace(self._line, run=run)
        if self._folder is not None:
            self._file = LogFile(self._folder, run, keep=self._keep)
            self._sinks.append(self._file)
        self._say("run_started", endpoint=_host_of(endpoint))
        if self._file is not None and self._file.problem:
            self.warn("no_log_file", self._file.problem)

    def staged(self, load: int, books: Books, *, files: int, seconds: float) -> None:
        """Log what was staged."""
        self._say("staged", load=load, files=files, rows=books.to_json(), seconds=round(seconds, 3))

    def nothing_new(self, *, files: int) -> None:
        """Log that nothing was to be staged."""
        self._say("nothing_new", files=files)

    def sending(self, load: int, books: Books, *, rate_per_second: float | None) -> None:
        """Log that sending begins."""
        self._next_progress_at = self._clock() + PROGRESS_SECONDS
        rate = "max" if rate_per_second is None else round(rate_per_second, 3)
        self._say("sending", load=load, pending=books.pending, rate_per_s=rate)

    def progressed(self, load: int, books: Books, *, per_second: float) -> None:
        """Log how far the sending is, at most once a minute."""
        if self._clock() >= self._next_progress_at:
            self._next_progress_at = self._clock() + PROGRESS_SECONDS
            self._say("progress", load=load, rows=books.to_json(), events_per_s=round(per_second, 1))

    def waiting(self, load: int, *, seconds: float, asked_by: str) -> None:
        """Log a wait that is worth a line, once."""
        if seconds >= WAIT_SECONDS and self._clock() >= self._waits_until:
            self._waits_until = self._clock() + seconds
            self._say(
                "waiting",
                level="warning",
                load=load,
                seconds=round(seconds),
                asked_by=asked_by or "no header",
            )

    def settled(self, load: int, books: Books, *, seconds: float, statuses: Mapping[int, int]) -> None:
        """Log what came of sending a load."""
        counts = {str(status) if status else "none": count for status, count in sorted(statuses.items())}
        level: Level = "warning" if books.pending else "info"
        self._say(
            "settled",
            level=level,
            load=load,
            rows=books.to_json(),
            seconds=round(seconds, 3),
            statuses=counts,
        )

    def rejected(self, counts: Mapping[str, int]) -> None:
        """Log how many rejects there are of each code; nothing where there are none."""
        if counts:
            self._say("rejected", level="warning", rejects=dict(counts))

    def stopped(self, cause: str) -> None:
        """Log that the run ends early."""
        self._say("stopped", level="warning", cause=cause)

    def warn(self, event: str, reason: str) -> None:
        """Log that something beside the run went wrong: `reason` must be fit for strangers."""
        self._say(event, level="warning", reason=reason)

    def finished(self, outcome: Outcome) -> None:
        """Log how the run ended."""
        level: Level = "info" if outcome.exit_code == 0 else "warning" if outcome.exit_code == 3 else "error"
        reason = {"reason": why} if (why := public_reason(outcome)) else {}
        fields = {
            "state": outcome.state,
            "exit_code": outcome.exit_code,
            "rows": outcome.books.to_json(),
            "sent_now": outcome.sent_now,
            "attempts": outcome.attempts,
            "retries": outcome.retries,
            "uncertain_found_there": outcome.uncertain.found_there,
            "uncertain_sent_again": outcome.uncertain.sent_again,
            "seconds": round(outcome.elapsed_seconds, 3),
        }
        self._write("finished", level, None, {**fields, **reason})

    def _say(self, event: str, *, level: Level = "info", load: int | None = None, **fields: Any) -> None:
        self._write(event, level, load, fields)

    def _write(self, event: str, level: Level, load: int | None, fields: dict[str, Any]) -> None:
        line = replace(self._line, at=self._wall_clock(), level=level, event=event, load=load, fields=fields)
        for sink in list(self._sinks):
            try:
                sink(line)
            except (OSError, ValueError):  # a full disk, a stream that was closed
                self._sinks.remove(sink)


def _host_of(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "unreadable"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else endpoint.partition("?")[0][:40]
