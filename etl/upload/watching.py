"""Everything that listens to one run of a job, as one thing that the run tells: its log, its traces, its notices.

Rule: never raises, never fails a run. A run calls `begin` once it has a number, `watcher` while it works, `end` at its
end; for one that ended before it had a number (another run holds the job, the disk is at fault) `end` alone is called.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.values.outcome import Outcome
from etl.watch.metrics import JobMetrics
from etl.watch.notice import History
from etl.watch.notify import notify_end, notify_start
from etl.watch.otel import open_telemetry
from etl.watch.run_log import RunLog
from etl.watch.sinks import Sink
from etl.watch.watcher import Watcher, Watchers

__all__ = ["JobWatch", "history_of", "metrics_of"]

LOGS: Final = "logs"
_SETTLED: Final = (0, 3)


class JobWatch:
    """Listens to one run. A context manager that closes the log; `sinks` get its lines beside the log in `folder`.

    `problems` are what couldn't be told, in sentences; they change nothing of what the run came to.
    """

    def __init__(
        self,
        job: Job,
        folder: Path,
        environ: Mapping[str, str],
        sinks: tuple[Sink, ...] = (),
        *,
        wall_clock: Callable[[], float],
    ) -> None:
        self._spec, self._job = job.notify, job.name
        self._environ, self._wall_clock = environ, wall_clock
        self._log = RunLog(
            job.name, sinks, folder=folder / LOGS, keep=job.state.keep_logs, wall_clock=wall_clock
        )
        self._history = History()
        self.watcher: Watcher = self._log
        self.run: int | None = None
        self.problems: list[str] = []

    @property
    def log_path(self) -> str:
        """Where the run's own log is; empty where it has none."""
        return str(self._log.path or "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.__exit__(kind, error, trace)

    def begin(self, run: int, endpoint: str, history: History) -> None:
        """Say that run `run` begins; `history` is what the ledger knew before."""
        self._history, self.run = history, run
        self._log.run_started(run, endpoint)
        telemetry = open_telemetry(self._job, self._environ, self._warn)
        if telemetry is not None:
            telemetry.run_started(run, endpoint)
            self.watcher = Watchers(self._log, telemetry)
        notify_start(self._spec, self._environ, self._warn)

    def end(self, outcome: Outcome, *, staged_at: float | None = None) -> None:
        """Say how the run ended; `staged_at` is when it staged new rows, if it did."""
        self.watcher.rejected(outcome.rejects)
        self.watcher.finished(outcome)
        history = self._history if staged_at is None else History(staged_at, self._history.last_run_at)
        notify_end(self._spec, outcome, history, self._environ, self._warn, now=self._wall_clock())

    def _warn(self, event: str, reason: str) -> None:
        """Log what couldn't be told, and keep it for whoever started the run."""
        self._log.warn(event, reason)
        self.problems.append(f"Expected to tell how the run went, found: {reason}")


def history_of(ledger: Ledger) -> History:
    """Return what the ledger knows of the job before a run that is about to begin."""
    runs = ledger.runs()
    staged = [load.staged_at for load in ledger.loads() if load.kind == "files"]
    first = min((run.started_at for run in runs), default=None)
    ended = [run.ended_at for run in runs if run.ended_at is not None]
    return History(last_new_at=max(staged, default=first), last_run_at=max(ended, default=None))


def metrics_of(ledger: Ledger, outcome: Outcome, *, started_at: float, ended_at: float) -> JobMetrics:
    """Return what the metrics file says of a run that is recorded in the ledger, and of the job after it."""
    settled = [
        run.ended_at
        for run in ledger.runs()
        if run.exit_code in _SETTLED and run.state == "complete" and run.ended_at
    ]
    pending = ledger.books_of(load.number for load in ledger.loads()).pending
    return JobMetrics(outcome, started_at, ended_at, max(settled, default=None), pending)
