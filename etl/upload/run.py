"""One run of one job: finish what is unfinished, stage what is new, send, settle, report.

The only place that knows the order. Whatever stops it, running it again goes on.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import polars as pl

from etl.errors import BackfillError, StateError
from etl.interrupt import Interrupted, interruptible
from etl.job.model import Job
from etl.ledger.facts import Ending, RunEntry
from etl.ledger.lock import JobLock
from etl.ledger.store import Ledger
from etl.machine_faults import as_bug, explain_fault
from etl.report.progress import Progress
from etl.state.last_word import compose_word, take_up_word
from etl.state.marks import Marks
from etl.state.open_job import OpenJob
from etl.state.owner import claim_state
from etl.state.place import Destination, JobPlace
from etl.state.proven import read_proven
from etl.state.retention import clear_old_loads
from etl.state.retiring import waiting_loads
from etl.state.status_file import StatusFile
from etl.state.told import begin_telling, note_told
from etl.upload.accounting import RunTimes, sum_up
from etl.upload.closing import discard_stale_load, finish_closing
from etl.upload.conclusion import Conclusion, conclude, interrupted
from etl.upload.context import RunContext
from etl.upload.delivering import Delivering
from etl.upload.preflight import check_readiness
from etl.upload.run_options import RunOptions
from etl.upload.staging_step import RunStaging
from etl.upload.watching import JobWatch, history_of, metrics_of
from etl.values.outcome import Outcome
from etl.watch.metrics import JobMetrics

__all__ = ["RunOptions", "run_job"]

# Another command may look into the ledger for an instant; a run that holds the job is told of within a second.
LOCK_PATIENCE_SECONDS: Final = 0.5
# A panic of Polars is no Exception.
_ANY_FAULT: Final = (Exception, pl.exceptions.PanicException)


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
                    check_readiness(destination)
                    with Ledger.open(place.folder, job=job.name, endpoint=destination.identity) as ledger:
                        claim_state(job, place, ledger)
                        if not options.accept_state:
                            marks.check(ledger)
                        take_up_word(ledger, lock.last_word)
                        status = StatusFile(place.status, job.name, wall_clock, token=lock.token)
                        opened = OpenJob(job, place, ledger)
                        run = _Run(
                            RunContext(
                                opened, destination, options, progress, watch, status, wall_clock, clock
                            ),
                            marks,
                        )
                        outcome = run.run()
                    status.publish_outcome(outcome)
                except _ANY_FAULT as error:
                    fault = explain_fault(error) or as_bug(error, job.path)
                    told = {"started_at": began_at, "ended_at": wall_clock()}
                    lock.leave_word(compose_word(fault, watch.run, place.name_inside(watch.log_path), **told))
                    raise
            staged_at = run.staging.staged_at
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


class _Run:
    """The order of the steps."""

    def __init__(self, context: RunContext, marks: Marks) -> None:
        self.context, self._marks = context, marks
        self.staging, self._delivering = RunStaging(context), Delivering(context)
        self._untold: list[int] = []

    def run(self) -> Outcome:
        run = self.context
        started_at = run.clock()
        history = history_of(run.ledger)
        entry = run.ledger.start_run(None, started_at=run.started.timestamp())
        self._marks.write(run.ledger, run.started.timestamp())
        try:
            with run.progress, interruptible() as run.heed_signals:
                run.watch.begin(entry.number, run.destination.endpoint, history)
                self._work()
            ending = self._conclude()
        except Interrupted as signal:
            ending = interrupted(signal.number)
        except StateError:
            # The ledger may be what failed: what it says now isn't to be relied on.
            raise
        except BackfillError as error:
            ending = Conclusion("aborted", error.exit_code, error.problem, error.fix)
        outcome = replace(self._outcome(ending, run.clock() - started_at), log=run.watch.log_path)
        self._record_end(entry, outcome)
        self._marks.write(run.ledger, run.wall_clock())
        sendings = self._delivering.sendings
        if sendings and (cause := sendings[-1].report.stopped) is not None:
            run.watch.watcher.stopped(cause)
        waiting = waiting_loads(run.ledger, run.job.keeps)
        clear_old_loads(run.folder, run.ledger, keep=run.job.state.keep_loads, waiting=waiting)
        # A run that was stopped gave its own exit code, so that of a load which it found untold is still to come.
        if outcome.state == "complete" or not self._untold:
            note_told(run.ledger)
        return outcome

    def _work(self) -> None:
        run, delivering = self.context, self._delivering
        run.status.publish_phase("starting")
        self._take_up_untold()
        self.staging.settle_mapping(delivering.ask_first)
        discard_stale_load(run.opened)
        finish_closing(run.opened, now=run.wall_clock())
        delivering.finish_open_loads()
        if delivering.may_go_on():
            self.staging.stage()
            delivering.finish_open_loads()
        if run.options.take_skipped and delivering.may_go_on() and run.ledger.open_load() is None:
            self.staging.stage(take_skipped=True)
            delivering.finish_open_loads()
        found = run.ledger.notes.second_event
        if run.options.probe_dedupe and (found is None or found.found_at < run.started.timestamp()):
            run.tell("No event was sent a second time: that takes a canary (--canary N) of a new load")

    def _take_up_untold(self) -> None:
        self._untold = begin_telling(self.context.ledger)
        for number in self._untold:
            self.context.loads.append(number)
            self.context.notes.append(
                f"Load {number} was complete, but the run was killed before it told of it: this is what it came to"
            )

    def _conclude(self) -> Conclusion:
        run, sendings = self.context, self._delivering.sendings
        last = sendings[-1] if sendings else None
        books = run.ledger.books_of(run.loads)
        ending = conclude(
            last.report if last else None,
            rejected=books.rejected + len(self.staging.retried.left_out),
            number=last.signal if last else None,
        )
        if ending.state == "complete" and books.pending:
            return Conclusion(
                "incomplete",
                0,
                f"Stopped as asked: sent the {run.options.limit:,} events that were asked for",
                "Run again without --limit to send the rest",
            )
        return ending

    def _outcome(self, ending: Conclusion, elapsed_seconds: float) -> Outcome:
        run, staging = self.context, self.staging
        times = RunTimes(elapsed_seconds, staging.seconds)
        reports = [sending.report for sending in self._delivering.sendings]
        outcome = sum_up(run.opened, run.loads, reports, ending, times, run.notes)
        return replace(
            outcome,
            remapped=staging.remapped,
            uncertain=self._delivering.count_uncertain(),
            second_event=run.ledger.notes.second_event,
            proven=read_proven(run.ledger, run.wall_clock()),
            left_out=staging.retried.left_out,
            undone=staging.retried.undone,
        )

    def _record_end(self, entry: RunEntry, outcome: Outcome) -> None:
        run, ended_at = self.context, self.context.wall_clock()
        ended = replace(
            entry,
            ended_at=ended_at,
            exit_code=outcome.exit_code,
            state=outcome.state,
            delivered=outcome.sent_now,
            attempts=outcome.attempts,
            retries=outcome.retries,
            ending=Ending(outcome.message, outcome.fix, run.opened.place.name_inside(outcome.log)),
        )
        run.ledger.end_run(ended)
        if run.options.note_metrics is not None:
            started_at = run.started.timestamp()
            run.options.note_metrics(
                metrics_of(run.ledger, outcome, started_at=started_at, ended_at=ended_at)
            )
