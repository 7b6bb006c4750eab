"""`backfill run`: stage, send, settle, report; of one job, or of several, one after another."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from etl.cli.options import (
    Target,
    accept_state_option,
    check_charts,
    echo_json,
    jobs_argument,
    json_option,
    key_option,
    quiet_option,
    say,
    target_options,
    uncertain_option,
    worst_exit_code,
)
from etl.cli.parameters import window_options
from etl.cli.run_page import write_run_page
from etl.cli.running import (
    Destinations,
    LogForm,
    choose_rate,
    choose_sinks,
    log_option,
    print_outcome,
    print_outcomes,
    run_one,
)
from etl.errors import BackfillError, JobError
from etl.output import check_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from etl.job.model import Job
    from etl.upload.run import RunOptions
    from etl.values.outcome import Outcome
    from etl.watch.metrics import JobMetrics

__all__ = ["run"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@jobs_argument
@click.option(
    "--rate",
    "rate_text",
    metavar="R",
    help='At most so fast: "20/s", "600/min" or "max". [default: the job\'s]',
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Send at most N events, then stop.")
@click.option(
    "--accept-new-mapping",
    is_flag=True,
    help="Go on though the mapping changed after events were delivered: what is pending or new follows the new one.",
)
@key_option
@click.option("--html", type=_FILE, metavar="FILE", help="Write a report with charts of the one job's run.")
@click.option(
    "--metrics-file", type=_FILE, metavar="FILE", help="Write metrics for Prometheus' textfile collector."
)
@click.option(
    "--take-skipped",
    is_flag=True,
    help="Also read known files again, for rows that an earlier [filter] skipped and the one of now lets in.",
)
@click.option(
    "--overlap",
    type=click.Choice(["check", "send"]),
    help="What of a new load may be at the destination already: look for it first, or send it. [default: the job's]",
)
@uncertain_option
@click.option(
    "--canary",
    type=click.IntRange(0, 10_000),
    metavar="N",
    help="Send N events that stand for a new load first; unless they are there as they were sent, nothing else goes. "
    "0: none, and go on where one differed. [default: the job's]",
)
@click.option(
    "--probe-dedupe",
    is_flag=True,
    help="Send one event of the canary a second time, and say what the destination does with that. It may leave that "
    "one event twice.",
)
@accept_state_option
@window_options
@log_option
@target_options
@json_option
@quiet_option
def run(
    jobs: tuple[Path, ...],
    rate_text: str | None,
    limit: int | None,
    accept_new_mapping: bool,
    take_skipped: bool,
    overlap: "Literal['check', 'send'] | None",
    on_uncertain: "Literal['ask', 'resend'] | None",
    canary: int | None,
    probe_dedupe: bool,
    accept_state: bool,
    since: "datetime | None",
    until: "datetime | None",
    html: Path | None,
    metrics_file: Path | None,
    log_form: LogForm | None,
    target: Target,
    as_json: bool,
    quiet: bool,
) -> None:
    """Stage what is new, send what is pending; running it again resumes.

    The key comes from INKEEPANALYTICS_API_INTEGRATION_KEY, else INKEEPANALYTICS_WEB_INTEGRATION_KEY, else --key-file.
    With --sandbox none is needed: events go to a local stand-in for the API, at full speed unless --rate says
    otherwise, and the state of such a rehearsal is kept apart.

    Several jobs run one after another: one that fails keeps no other from running, and the exit status is that of the
    one in most need of a person. Each run keeps a log of its own in the state folder.

    \b
    Exit status:
      0    every row settled: delivered, duplicate or skipped
      2    the command or the job file is wrong
      3    finished, with rejects: the report is written
      4    the input is missing, unreadable or changed
      5    incomplete, for a passing cause: run again to resume
      6    the key is missing or refused
      7    a fault of the local disk or the ledger
      8    another run holds the job
      9    the destination has some of it already, or a canary otherwise than it was sent
      10   a limit of the job was reached
      130  interrupted, resumable (143: terminated, 129: hung up)
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.upload.run import RunOptions

    rate = choose_rate(rate_text, sandbox=target.sandbox)
    target.check()
    target = target.within(since, until)
    check_charts(html)
    check_output(html, "the page")
    if html is not None and len(jobs) > 1:
        raise JobError("Expected one job with --html, found several", "Run one at a time, or leave it out")
    if probe_dedupe and canary == 0:
        raise JobError(
            "Expected a canary with --probe-dedupe, found --canary 0", "As in: --canary 20 --probe-dedupe"
        )
    metrics: list[JobMetrics] = []
    options = RunOptions(
        target.state_dir,
        rate,
        limit,
        accept_new_mapping=accept_new_mapping,
        accept_state=accept_state,
        take_skipped=take_skipped,
        overlap=overlap,
        on_uncertain=on_uncertain,
        canary=canary,
        probe_dedupe=probe_dedupe,
        sinks=choose_sinks(log_form),
        note_metrics=metrics.append,
        say=None if quiet else lambda note: say([note], error=True),
    )
    with ExitStack() as stack:
        command = _Command(
            Destinations(stack, target),
            options,
            metrics,
            target,
            quiet=quiet or as_json,
            log_form=log_form,
        )
        # All before the first is run: what is wrong with the last is told in the first second.
        loaded = [(path, _load(path, target)) for path in jobs]
        outcomes = command.run_all(loaded)
    code = worst_exit_code(outcome.exit_code for outcome in outcomes)
    if as_json:
        single = outcomes[0].to_json() if len(jobs) == 1 else None
        echo_json(single or {"jobs": [outcome.to_json() for outcome in outcomes], "exit_code": code})
    elif len(jobs) == 1:
        print_outcome(outcomes[0], jobs[0], target, logs=log_form is not None)
    else:
        print_outcomes(outcomes, jobs, code, target, logs=log_form is not None)
    _write_metrics(metrics_file, metrics)
    if html is not None:
        write_run_page(html, loaded[0][1], outcomes[0], target)
    raise click.exceptions.Exit(code)


@dataclass(frozen=True, slots=True)
class _Command:
    """What all jobs of the command share: the sandbox, the pace, the log, the metrics."""

    destinations: Destinations
    options: "RunOptions"
    metrics: "list[JobMetrics]"
    target: Target
    quiet: bool
    log_form: LogForm | None

    def run_all(self, jobs: "Sequence[tuple[Path, Job | BackfillError]]") -> "list[Outcome]":
        """Run the jobs in order: a job that fails stops none of the others, an interrupt stops them all."""
        outcomes: list[Outcome] = []
        for path, job in jobs:
            outcomes.append(self._run(path, job, is_alone=len(jobs) == 1))
            if outcomes[-1].state == "interrupted":
                break
        return outcomes

    def _run(self, path: Path, job: "Job | BackfillError", *, is_alone: bool) -> "Outcome":
        from etl.values.outcome import Outcome
        from etl.watch.metrics import JobMetrics

        began_at, noted = time.time(), len(self.metrics)
        self.target.name_of(path).speak()
        if isinstance(job, BackfillError):
            outcome = Outcome.failed(path.stem, job)
        else:
            outcome = run_one(
                job,
                self.destinations,
                replace(self.options, command=f"backfill run {path}"),
                quiet=self.quiet,
                log_form=self.log_form,
                goes_on=not is_alone,
            )
        if len(self.metrics) == noted:  # it never came to a run
            self.metrics.append(JobMetrics(outcome, began_at, time.time()))
        return outcome


def _load(path: Path, target: Target) -> "Job | BackfillError":
    try:
        return target.load(path)
    except BackfillError as error:
        return error


def _write_metrics(path: Path | None, metrics: "list[JobMetrics]") -> None:
    """Write the metrics; that they can't be written is told, and changes no exit code."""
    if path is None:
        return
    from importlib.metadata import PackageNotFoundError, version

    from etl.watch.metrics import metrics_text, write_metrics

    try:
        installed = version("inkeep-backfill")
    except PackageNotFoundError:  # run from a checkout
        installed = "unknown"
    if problem := write_metrics(path, metrics_text(metrics, installed)):
        say([f"Expected to write the metrics, found: {problem}"], error=True)
