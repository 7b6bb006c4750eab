"""One run of one job: finish what is unfinished, stage what is new, send, settle, report.

The only place that knows the order. Whatever stops it, running it again goes on.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from etl.books import Books
from etl.errors import BackfillError, KeyProblem, StateError
from etl.job.model import Job, MaxRejects, Rate
from etl.ledger.lock import JobLock
from etl.ledger.store import Ledger
from etl.ledger.values import LoadEntry
from etl.outcome import Outcome
from etl.report.progress import Progress
from etl.run.closing import begin_sending, complete_load, discard_stale_load, retire_parts
from etl.run.conclusion import Conclusion, check_rejects, conclude, interrupted
from etl.run.interrupt import Interrupted, interruptible
from etl.run.mapping import accept_mapping, check_mapping
from etl.run.place import Destination, JobPlace
from etl.run.rejected import count_rejects, open_reject_frames, write_reports
from etl.run.retry import RetryRequest, stage_retry
from etl.run.sending import Sending, send_load
from etl.run.staging import stage_new_rows
from etl.run.status import StatusFile

__all__ = ["RunOptions", "run_job"]

# Another command may look into the ledger for an instant; a run that holds the job is told of within a second.
LOCK_PATIENCE_SECONDS = 0.5
NO_LIMIT = MaxRejects(None, 1.0)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: where the state is, and what overrides the job file.

    `retry`: stage rejects again, instead of what is new. `command` is what a second run is told that this one does.
    `stop`: once another thread sets it, the run ends as if it were interrupted.
    """

    state_dir: Path | None = None
    rate: Rate | None = None
    limit: int | None = None
    accept_new_ids: bool = False
    retry: RetryRequest | None = None
    command: str = "backfill run"
    stop: threading.Event | None = None


def run_job(
    job: Job,
    destination: Destination,
    options: RunOptions,
    progress: Progress,
    *,
    wall_clock: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run `job` once and return what came of it; the outcome's exit code is the command's.

    Errors that a person can mend become an outcome too, once the job's books can be told; before that (no lock, no
    ledger) they are raised, as are faults of the disk and bugs.
    """
    _check_key(destination)
    place = JobPlace.of(job, options.state_dir, destination.mark)
    with JobLock(place.folder, command=options.command, wait_seconds=LOCK_PATIENCE_SECONDS):
        with Ledger.open(place.folder, job=job.name, endpoint=destination.identity) as ledger:
            run = _Run(job, destination, options, progress, place, ledger, wall_clock, clock)
            outcome = run.run()
        run.status.publish_outcome(outcome)
    return outcome


def _check_key(destination: Destination) -> None:
    if destination.key is None:
        raise KeyProblem(
            "Expected an API key, found none in INKEEPANALYTICS_API_INTEGRATION_KEY, "
            "INKEEPANALYTICS_WEB_INTEGRATION_KEY or --key-file",
            "Set one of them, or rehearse without a key: backfill run --sandbox",
        )


@dataclass
class _Run:
    job: Job
    destination: Destination
    options: RunOptions
    progress: Progress
    place: JobPlace
    ledger: Ledger
    wall_clock: Callable[[], float]
    clock: Callable[[], float]
    loads: list[int] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stage_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.status = StatusFile(self.place.status, self.job.name, self.wall_clock)
        self.rate = self.options.rate or self.job.upload.rate
        self.started = datetime.fromtimestamp(self.wall_clock(), UTC)

    def run(self) -> Outcome:
        started_at = self.clock()
        number = self.ledger.start_run(None, started_at=self.wall_clock())
        try:
            with self.progress, interruptible():
                self._work()
            ending = self._conclude()
        except Interrupted as signal:
            ending = interrupted(signal.number)
        except StateError:
            # The ledger may be what failed: what it says now isn't to be relied on.
            raise
        except BackfillError as error:
            ending = Conclusion("aborted", error.exit_code, error.problem, error.fix)
        outcome = self._outcome(ending, self.clock() - started_at)
        self._record_end(number, outcome)
        return outcome

    def _work(self) -> None:
        self.status.publish_phase("starting")
        folder, ledger = self.place.folder, self.ledger
        if self.options.accept_new_ids:
            accept_mapping(self.job, ledger)
        elif self.options.retry is None:
            check_mapping(self.job, folder, ledger, self.started)
        discard_stale_load(self.job, folder, ledger)
        for load in ledger.loads():
            if load.state == "complete" and not load.ids_kept and not self.job.keep:
                retire_parts(folder, ledger, load.number)
        self._finish_open_loads()
        if self._may_go_on():
            self._stage()
            self._finish_open_loads()

    def _stage(self) -> None:
        self.status.publish_phase("staging")
        started_at = self.clock()
        view = _ReadingView(self.progress, self.status, self.options.stop)
        try:
            if self.options.retry is not None:
                staged = stage_retry(
                    self.job,
                    self.place,
                    self.ledger,
                    self.options.retry,
                    started=self.started,
                    wall_clock=self.wall_clock,
                )
                self.notes += staged.notes
            else:
                stage_new_rows(
                    self.job,
                    self.place.folder,
                    self.ledger,
                    view.read,
                    started=self.started,
                    wall_clock=self.wall_clock,
                )
        finally:
            self.stage_seconds += self.clock() - started_at

    def _finish_open_loads(self) -> None:
        while self._may_go_on() and (load := self.ledger.open_load()) is not None:
            self.loads.append(load.number)
            max_rejects = self._max_rejects(load)
            check_rejects(self.job.path, self.ledger.books(load.number), max_rejects)
            if self.ledger.books(load.number).pending and self._events_left() != 0:
                self._send(load.number, max_rejects)
            if self.ledger.books(load.number).pending:
                return
            complete_load(
                self.job, self.place.folder, self.ledger, load.number, completed_at=self.wall_clock()
            )

    def _send(self, load: int, max_rejects: MaxRejects) -> None:
        begin_sending(self.ledger, load)
        sending = send_load(
            self.job,
            self.destination,
            self.ledger,
            load,
            self.place.folder,
            self.progress,
            self.status,
            rate=self.rate,
            limit=self._events_left(),
            rejects=count_rejects(open_reject_frames(self.job, self.place.folder, self.ledger, [load])),
            max_rejects=max_rejects,
            stop=self.options.stop,
        )
        self.sendings.append(sending)

    def _max_rejects(self, load: LoadEntry) -> MaxRejects:
        # What is retried was rejected before: that some of it is again says nothing of the job.
        return self.job.limits.max_rejects if load.kind == "files" else NO_LIMIT

    def _may_go_on(self) -> bool:
        return not self.sendings or self.sendings[-1].report.stopped is None

    def _events_left(self) -> int | None:
        if self.options.limit is None or self.options.retry is not None:
            return None
        return self.options.limit - sum(
            sending.report.sent + sending.report.refused for sending in self.sendings
        )

    def _conclude(self) -> Conclusion:
        last = self.sendings[-1] if self.sendings else None
        books = self.ledger.books_of(self.loads)
        ending = conclude(
            last.report if last else None, rejected=books.rejected, number=last.signal if last else None
        )
        if ending.state == "complete" and books.pending:
            return Conclusion(
                "incomplete",
                0,
                f"Stopped as asked: sent the {self.options.limit:,} events that were asked for",
                "Run again without --limit to send the rest",
            )
        return ending

    def _outcome(self, ending: Conclusion, elapsed_seconds: float) -> Outcome:
        books = self.ledger.books_of(self.loads)
        if not books.balances:
            raise AssertionError(f"the books of loads {self.loads} don't balance: {books}")
        frames = (
            open_reject_frames(self.job, self.place.folder, self.ledger, self.loads)
            if books.rejected
            else iter(())
        )
        reported = [sending.report for sending in self.sendings]
        return Outcome(
            job=self.job.name,
            state=ending.state,
            exit_code=ending.exit_code,
            books=books,
            rejects=count_rejects(frames),
            sent_now=sum(report.sent for report in reported),
            attempts=sum(report.attempts for report in reported),
            retries=sum(report.retries for report in reported),
            resent=sum(report.resent for report in reported),
            elapsed_seconds=elapsed_seconds,
            stage_seconds=self.stage_seconds,
            send_seconds=sum(report.elapsed_seconds for report in reported),
            message=ending.message,
            fix=ending.fix,
            notes=tuple(self.notes),
            reports=self._write_reports(books),
            loads=tuple(self.loads),
        )

    def _write_reports(self, books: Books) -> tuple[Path, ...]:
        # Also where no reject is left: a report that is there says what is true now.
        if books.rejected or (self.loads and self.place.rejects_csv.exists()):
            return write_reports(self.job, self.place, self.ledger)
        return ()

    def _record_end(self, number: int, outcome: Outcome) -> None:
        self.ledger.end_run(
            number,
            ended_at=self.wall_clock(),
            exit_code=outcome.exit_code,
            state=outcome.state,
            delivered=outcome.sent_now,
            attempts=outcome.attempts,
            retries=outcome.retries,
        )


@dataclass(frozen=True, slots=True)
class _ReadingView:
    """Shows the reading to whoever watches this run, and publishes it for whoever asks from elsewhere."""

    progress: Progress
    status: StatusFile
    stop: threading.Event | None

    def read(self, rows: int, rejected: int) -> None:
        if self.stop is not None and self.stop.is_set():
            raise Interrupted(signal.SIGINT)
        self.progress.read(rows, rejected)
        self.status.publish_reading(rows, rejected)
