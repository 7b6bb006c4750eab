"""One run of one job: finish what is unfinished, stage what is new, send, settle, report.

The only place that knows the order. Whatever stops it, running it again goes on.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import polars as pl

from etl.errors import BackfillError, StateError
from etl.intake.clock import CLOCK_FIX
from etl.intake.delivered import find_delivered
from etl.intake.filters import change_lines, find_change
from etl.intake.fingerprint import accept_mapping, is_accepted, is_mapped_alike
from etl.intake.id_guard import check_mapping
from etl.intake.new_ids import keep_new_ids
from etl.intake.restaging import settle_open_load
from etl.intake.retry import RetryRequest, StagedRetry, stage_retry
from etl.intake.staging import stage_new_rows
from etl.interrupt import Interrupted, interruptible
from etl.job.model import Job, MaxRejects, Rate
from etl.ledger.facts import Ending, LoadEntry, RunEntry
from etl.ledger.lock import JobLock
from etl.ledger.store import Ledger
from etl.machine_faults import as_bug, explain_fault
from etl.report.progress import Progress
from etl.send.account import SendReport
from etl.send.connect import check_endpoint
from etl.send.key import no_key
from etl.stage.parts import load_folder
from etl.state.last_word import compose_word, take_up_word
from etl.state.marks import Marks
from etl.state.owner import claim_state
from etl.state.place import SANDBOX_MARK, Destination, JobPlace
from etl.state.proven import read_proven
from etl.state.rejects import count_rejects, open_reject_frames
from etl.state.retention import clear_old_loads
from etl.state.status_file import StatusFile
from etl.state.told import begin_telling, note_told
from etl.upload.accounting import RunTimes, sum_up
from etl.upload.audience import Audience, ReadingView
from etl.upload.canary import CanaryCheck, send_canary
from etl.upload.closing import can_discard, complete_load, discard_stale_load, finish_closing
from etl.upload.conclusion import Conclusion, check_rejects, conclude, interrupted
from etl.upload.load_parts import LoadParts
from etl.upload.overlap import is_to_be_looked_for, look_for_load
from etl.upload.pace import SharedPace
from etl.upload.policy import UncertainPolicy
from etl.upload.preflight import check_open_files
from etl.upload.sending import Sending, send_load
from etl.upload.watching import JobWatch, history_of, metrics_of
from etl.values.delivery import UncertainCounts
from etl.values.outcome import Outcome
from etl.values.remapped import Remapped
from etl.watch.metrics import JobMetrics
from etl.watch.sinks import Sink

__all__ = ["RunOptions", "run_job"]

# Another command may look into the ledger for an instant; a run that holds the job is told of within a second.
LOCK_PATIENCE_SECONDS = 0.5
# The embedded sandbox shows an event at once.
SANDBOX_PATIENCE_SECONDS = 1.0
# A panic of Polars is no Exception.
_ANY_FAULT: Final = (Exception, pl.exceptions.PanicException)
NO_LIMIT = MaxRejects(None, 1.0)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: where the state is, and what overrides the job file.

    `take_skipped`: also take rows that an earlier filter skipped. `accept_state`: go on though more was delivered than
    the ledger knows. `retry`: stage rejects again, instead of what is new. `on_uncertain` and `canary` are the job's,
    where they are None; `probe_dedupe`: send one event of the canary a second time, to see what becomes of it.
    `command` is what a second run is told that this one does. `stop`: once another thread sets it, the run ends as if
    it were interrupted. `pace`: what is shared with the other jobs of a command. `sinks` get the log's lines too,
    `environ` names webhooks and collectors, `note_metrics` hears how it ended, `say` what must be said before anything
    is sent, `tell_problem` what couldn't be told to a webhook or a heartbeat.
    """

    state_dir: Path | None = None
    rate: Rate | None = None
    limit: int | None = None
    accept_new_mapping: bool = False
    accept_state: bool = False
    take_skipped: bool = False
    retry: RetryRequest | None = None
    overlap: Literal["check", "send"] | None = None
    canary: int | None = None
    probe_dedupe: bool = False
    command: str = "backfill run"
    on_uncertain: Literal["ask", "resend"] | None = None
    stop: threading.Event | None = None
    pace: SharedPace = field(default_factory=SharedPace)
    sinks: tuple[Sink, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    note_metrics: Callable[[JobMetrics], object] | None = None
    tell_problem: Callable[[str], object] | None = None
    say: Callable[[str], object] | None = None


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
    place = JobPlace.of(job, options.state_dir, destination.mark)
    marks = Marks.of(job, place, options.environ)
    failure: BaseException | None = None
    staged_at: float | None = None
    began_at = wall_clock()
    with JobWatch(job, place.folder, options.environ, options.sinks, wall_clock=wall_clock) as watch:
        try:
            with JobLock(
                place.folder, command=options.command, wait_seconds=LOCK_PATIENCE_SECONDS, is_run=True
            ) as lock:
                try:
                    check_open_files()
                    _check_key(destination)
                    check_endpoint(destination.endpoint)
                    with Ledger.open(place.folder, job=job.name, endpoint=destination.identity) as ledger:
                        claim_state(job, place, ledger)
                        if not options.accept_state:
                            marks.check(ledger)
                        take_up_word(ledger, lock.last_word)
                        status = StatusFile(place.status, job.name, wall_clock, token=lock.token)
                        run = _Run(
                            job,
                            destination,
                            options,
                            progress,
                            place,
                            ledger,
                            marks,
                            watch,
                            status,
                            wall_clock,
                            clock,
                        )
                        outcome = run.run()
                    status.publish_outcome(outcome)
                except _ANY_FAULT as error:
                    fault = explain_fault(error) or as_bug(error, job.path)
                    told = {"started_at": began_at, "ended_at": wall_clock()}
                    lock.leave_word(compose_word(fault, watch.run, place.name_inside(watch.log_path), **told))
                    raise
            staged_at = run.staged_at
        except _ANY_FAULT as error:
            failure = explain_fault(error) or error
            outcome = Outcome.failed(job.name, explain_fault(error) or as_bug(error, job.path))
            if options.note_metrics is not None:
                options.note_metrics(JobMetrics(outcome, began_at, wall_clock()))
        watch.end(outcome, staged_at=staged_at)
        if options.tell_problem is not None:
            for problem in watch.problems:
                options.tell_problem(problem)
    if failure is not None:
        raise failure
    return outcome


def _check_key(destination: Destination) -> None:
    if destination.key is None:
        raise no_key(destination.key_env)


@dataclass
class _Run:
    job: Job
    destination: Destination
    options: RunOptions
    progress: Progress
    place: JobPlace
    ledger: Ledger
    marks: Marks
    watch: JobWatch
    status: StatusFile
    wall_clock: Callable[[], float]
    clock: Callable[[], float]
    loads: list[int] = field(default_factory=list)
    untold: list[int] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remapped: Remapped | None = None
    retried: StagedRetry = field(default_factory=lambda: StagedRetry(None, ()))
    stage_seconds: float = 0.0
    staged_at: float | None = None
    heed_signals: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.rate = self.options.rate or self.job.upload.rate
        wanted = self.options.on_uncertain or self.job.upload.on_uncertain
        patience = self.job.upload.patience
        if self.destination.mark == SANDBOX_MARK:
            patience = min(patience, SANDBOX_PATIENCE_SECONDS)
        self.policy = UncertainPolicy(wanted, patience)
        self.started = datetime.fromtimestamp(self.wall_clock(), UTC)

    def run(self) -> Outcome:
        started_at = self.clock()
        history = history_of(self.ledger)
        run = self.ledger.start_run(None, started_at=self.started.timestamp())
        self.marks.write(self.ledger, self.started.timestamp())
        try:
            with self.progress, interruptible() as self.heed_signals:
                self.watch.begin(run.number, self.destination.endpoint, history)
                self._work()
            ending = self._conclude()
        except Interrupted as signal:
            ending = interrupted(signal.number)
        except StateError:
            # The ledger may be what failed: what it says now isn't to be relied on.
            raise
        except BackfillError as error:
            ending = Conclusion("aborted", error.exit_code, error.problem, error.fix)
        outcome = replace(self._outcome(ending, self.clock() - started_at), log=self.watch.log_path)
        self._record_end(run, outcome)
        self.marks.write(self.ledger, self.wall_clock())
        if self.sendings and (cause := self.sendings[-1].report.stopped) is not None:
            self.watch.watcher.stopped(cause)
        clear_old_loads(self.place.folder, self.ledger, keep=self.job.state.keep_loads)
        # A run that was stopped gave its own exit code, so that of a load which it found untold is still to come.
        if outcome.state == "complete" or not self.untold:
            note_told(self.ledger)
        return outcome

    def _work(self) -> None:
        self.status.publish_phase("starting")
        folder, ledger = self.place.folder, self.ledger
        self._take_up_untold()
        self._settle_mapping()
        discard_stale_load(self.job, folder, ledger)
        finish_closing(folder, ledger, keep=self.job.keep, now=self.wall_clock())
        self._finish_open_loads()
        if self._may_go_on():
            self._stage()
            self._finish_open_loads()
        if self.options.take_skipped and self._may_go_on() and self.ledger.open_load() is None:
            self._stage(take_skipped=True)
            self._finish_open_loads()
        found = ledger.notes.second_event
        if self.options.probe_dedupe and (found is None or found.found_at < self.started.timestamp()):
            self._tell("No event was sent a second time: that takes a canary (--canary N) of a new load")

    def _take_up_untold(self) -> None:
        self.untold = begin_telling(self.ledger)
        for number in self.untold:
            self.loads.append(number)
            self.notes.append(
                f"Load {number} was complete, but the run was killed before it told of it: this is what it came to"
            )

    def _settle_mapping(self) -> None:
        load, accepts = self.ledger.open_load(), self.options.accept_new_mapping
        was_accepted = is_accepted(self.job, self.ledger)
        if load is not None and not is_mapped_alike(self.job, load) and not can_discard(self.ledger, load):
            self.status.publish_phase("staging")
            view = ReadingView(self.progress, self.status, self.options.stop)
            keep_new_ids(self.job, self.place.folder, self.ledger, self.started)
            self.remapped = settle_open_load(
                self.job,
                self.place.folder,
                self.ledger,
                load,
                view.read,
                accepts=accepts,
                started=self.started,
                now=self.wall_clock(),
            )
            if self.remapped is not None:
                self.loads.append(load.number)
                first, *more = self.remapped.describe("go")
                self._tell(f"The mapping changed: {first}", *more)
        elif self.options.retry is None and not accepts:
            check_mapping(self.job, self.place.folder, self.ledger, self.started)
            accepts = not was_accepted
        if accepts:
            renamed = keep_new_ids(self.job, self.place.folder, self.ledger, self.started)
            if not was_accepted:
                self._tell(*renamed.accepted())
            accept_mapping(self.job, self.ledger)

    def _tell(self, *notes: str) -> None:
        """Say now what the summary says again at the end."""
        self.notes += notes
        if self.options.say is not None:
            for note in notes:
                self.options.say(f"{self.job.name}: {note}")

    def _stage(self, *, take_skipped: bool = False) -> None:
        self.status.publish_phase("staging")
        started_at = self.clock()
        try:
            load = (
                self._stage_rows(take_skipped=take_skipped)
                if self.options.retry is None
                else self._stage_rejects(self.options.retry)
            )
        finally:
            self.stage_seconds += self.clock() - started_at
        if load is not None:
            files, books = len(self.ledger.files(load)), self.ledger.books(load)
            self.watch.watcher.staged(load, books, files=files, seconds=self.stage_seconds)

    def _stage_rows(self, *, take_skipped: bool) -> int | None:
        if not self.options.take_skipped:
            self._tell_filter()
        view = ReadingView(self.progress, self.status, self.options.stop)
        staged = stage_new_rows(
            self.job,
            self.place.folder,
            self.ledger,
            view.read,
            started=self.started,
            wall_clock=self.wall_clock,
            take_skipped=take_skipped,
        )
        if staged.clock_doubt is not None:
            self.notes += [staged.clock_doubt, CLOCK_FIX]
        if staged.load is None:
            self.watch.watcher.nothing_new(files=staged.files)
        else:
            self.staged_at = self.wall_clock()
            if (came_again := self.ledger.notes.came_again.of(staged.load)) is not None:
                self._tell(*came_again.describe())
        return staged.load

    def _tell_filter(self) -> None:
        folder, ledger = self.place.folder, self.ledger
        change = find_change(self.job, folder, ledger, self.started, find_delivered(self.job, folder, ledger))
        if change is not None:
            self.notes += change_lines(change)

    def _stage_rejects(self, request: RetryRequest) -> int | None:
        staged = stage_retry(
            self.job, self.place, self.ledger, request, started=self.started, wall_clock=self.wall_clock
        )
        self.notes += staged.notes
        self.retried = staged
        return staged.load

    def _finish_open_loads(self) -> None:
        self.heed_signals()
        while self._may_go_on() and (load := self.ledger.open_load()) is not None:
            self.loads.append(load.number)
            max_rejects = self._max_rejects(load)
            check_rejects(self.job.path, self.ledger.books(load.number), max_rejects)
            if self.ledger.books(load.number).pending and self._events_left() != 0:
                self._look_for(load)
            self._send_canary(load, max_rejects)
            if self._may_go_on() and self.ledger.books(load.number).pending and self._events_left() != 0:
                self._send(self._parts(load.number), max_rejects)
            if self.ledger.books(load.number).pending:
                return
            complete_load(
                self.job, self.place.folder, self.ledger, load.number, completed_at=self.wall_clock()
            )

    def _look_for(self, load: LoadEntry) -> None:
        """Look for a new load at the destination; raises `DestinationDiffers` where some of it is there already."""
        wanted = self.options.overlap or self.job.upload.overlap
        # Who accepts a state that knows less than was delivered has said that it may be sent again.
        if wanted == "check" and not self.options.accept_state and is_to_be_looked_for(self.ledger, load):
            line = look_for_load(
                self.job,
                self.destination,
                self.ledger,
                load.number,
                self.place.folder,
            )
            self._tell(*filter(None, [line]))

    def _send_canary(self, load: LoadEntry, max_rejects: MaxRejects) -> None:
        """Send a few events of the load first; raises `DestinationDiffers` where they aren't there as sent."""
        options = self.options
        check = CanaryCheck(
            self.job,
            self.destination,
            self.ledger,
            self.place.folder,
            load,
            self.policy.patience_seconds,
            options.stop,
        )
        send_canary(
            check,
            options.canary,
            lambda parts: self._send_first(parts, max_rejects),
            self._tell,
            probes=options.probe_dedupe,
            wall_clock=self.wall_clock,
        )

    def _send_first(self, parts: LoadParts, max_rejects: MaxRejects) -> bool:
        """Send some events before the others; return whether all of them were."""
        if self._events_left() == 0:
            return False
        self._send(parts, max_rejects)
        return self._may_go_on()

    def _parts(self, load: int) -> LoadParts:
        return LoadParts(self.ledger, load, load_folder(self.place.folder, load))

    def _send(self, parts: LoadParts, max_rejects: MaxRejects) -> None:
        load = parts.load
        self.ledger.begin_sending(load)
        sending = send_load(
            self.job,
            self.destination,
            parts,
            Audience(self.progress, self.status, self.watch.watcher),
            rate=self.rate,
            pace=self.options.pace,
            limit=self._events_left(),
            rejects=count_rejects(open_reject_frames(self.place.folder, self.ledger, [load], ["code"])),
            max_rejects=max_rejects,
            policy=self.policy,
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
        done = sum(sending.report.sent + sending.report.refused for sending in self.sendings)
        return max(0, self.options.limit - done)

    def _conclude(self) -> Conclusion:
        last = self.sendings[-1] if self.sendings else None
        books = self.ledger.books_of(self.loads)
        ending = conclude(
            last.report if last else None,
            rejected=books.rejected + len(self.retried.left_out),
            number=last.signal if last else None,
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
        times = RunTimes(elapsed_seconds, self.stage_seconds)
        reports = [sending.report for sending in self.sendings]
        outcome = sum_up(
            self.job, self.place, self.ledger, self.loads, reports, ending, times, self.notes, self.remapped
        )
        return replace(
            outcome,
            uncertain=self._count_uncertain(reports),
            second_event=self.ledger.notes.second_event,
            proven=read_proven(self.ledger, self.wall_clock()),
            left_out=self.retried.left_out,
            undone=self.retried.undone,
        )

    def _count_uncertain(self, reports: list[SendReport]) -> UncertainCounts:
        return UncertainCounts(
            found_there=sum(report.found_there for report in reports),
            sent_again=sum(report.sent_again for report in reports),
            doubled=sum(sending.doubled for sending in self.sendings),
            altered=sum(sending.altered for sending in self.sendings),
            pending=sum(sending.uncertain for sending in self.sendings),
            patience_seconds=self.policy.patience_seconds,
            reads=self.policy.reads,
            line=self.policy.line,
        )

    def _record_end(self, run: RunEntry, outcome: Outcome) -> None:
        ended_at = self.wall_clock()
        ended = replace(
            run,
            ended_at=ended_at,
            exit_code=outcome.exit_code,
            state=outcome.state,
            delivered=outcome.sent_now,
            attempts=outcome.attempts,
            retries=outcome.retries,
            ending=Ending(outcome.message, outcome.fix, self.place.name_inside(outcome.log)),
        )
        self.ledger.end_run(ended)
        if self.options.note_metrics is not None:
            started_at = self.started.timestamp()
            self.options.note_metrics(
                metrics_of(self.ledger, outcome, started_at=started_at, ended_at=ended_at)
            )
