"""What `run` and `retry` share: where events go, the command's one sandbox, the run, its log and its summary."""

import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from etl.cli.options import Target, say
from etl.errors import BackfillError, JobError, JobLocked
from etl.machine_faults import as_bug
from etl.send.key import find_key

if TYPE_CHECKING:
    from etl.job.model import Job, Rate
    from etl.state.place import Destination
    from etl.upload.run import RunOptions
    from etl.values.outcome import Outcome
    from etl.watch.sinks import Sink

__all__ = [
    "Destinations",
    "choose_rate",
    "choose_sinks",
    "log_option",
    "print_outcome",
    "print_outcomes",
    "run_one",
]

LogForm = Literal["text", "json"]
_FINE: Final = (0, 3)

log_option = click.option(
    "--log-format",
    "log_form",
    type=click.Choice(["text", "json"]),
    help="Log to standard error, a line for each thing that happens; the summary goes to standard output.",
)


class Destinations:
    """Finds where a job's events go; starts the one sandbox that all jobs of the command share."""

    def __init__(self, stack: ExitStack, target: Target) -> None:
        self._stack, self._target = stack, target
        self._sandboxes: dict[Path, tuple[str, str]] = {}

    @cached_property
    def _file_key(self) -> str | None:
        # Read once for all jobs: `--key-file <(pass show key)` gives it no second time.
        return self._target.read_key_file()

    def find_for_run(self, job: "Job", command: str) -> "Destination":
        """Return the destination of `job`; where there is none, `status` says so from then on, as of any run."""
        from etl.state.last_word import leave_word_of_unbegun

        began_at = time.time()
        try:
            return self.find(job)
        except BackfillError as error:
            leave_word_of_unbegun(self._target.find_place(job), error, command, began_at)
            raise

    def find(self, job: "Job") -> "Destination":
        """Return the destination of `job`; raises `StateError` where the sandbox doesn't start, `KeyProblem` where the
        key's file can't be read.
        """
        from etl.state.place import Destination, state_root

        mark = self._target.find_mark(job)
        if self._target.sandbox:
            return Destination(*self._start_sandbox(state_root(job, self._target.state_dir)), mark)
        key_env = job.upload.key_env
        key = find_key(os.environ, key_env) or self._file_key
        return Destination(self._target.endpoint or job.upload.endpoint, key, mark, key_env)

    def _start_sandbox(self, root: Path) -> tuple[str, str]:
        from etl.private import make_private_folder
        from etl.sandbox.process import SandboxProcess

        if root not in self._sandboxes:
            make_private_folder(root)
            process = self._stack.enter_context(SandboxProcess(store=root / "sandbox.db"))
            self._sandboxes[root] = (process.url, process.api_key)
        return self._sandboxes[root]


def choose_sinks(log_form: LogForm | None) -> "tuple[Sink, ...]":
    """Return where the lines of the log go besides the run's own file: with a form, to standard error."""
    from etl.watch.sinks import stream_sink

    return () if log_form is None else (stream_sink(sys.stderr, log_form),)


def run_one(
    job: "Job",
    destinations: Destinations,
    options: "RunOptions",
    *,
    quiet: bool,
    log_form: LogForm | None = None,
    goes_on: bool = False,
) -> "Outcome":
    """Run one job and return its outcome, also for an error; a bug is raised, unless the command `goes_on`."""
    from etl.report.progress import choose_progress
    from etl.upload.run import run_job
    from etl.values.outcome import Outcome

    if log_form is None:  # the log on standard error tells it as well
        options = replace(options, tell_problem=lambda problem: say([problem], error=True))
    # Nobody looks at a bar that is no terminal's; for a file there is --log-format.
    is_quiet = quiet or log_form is not None or not sys.stderr.isatty()
    try:
        destination = destinations.find_for_run(job, options.command)
        return run_job(job, destination, options, choose_progress(job.name, quiet=is_quiet))
    except BackfillError as error:
        return Outcome.failed(job.name, error)
    except Exception as error:
        if not goes_on:
            raise
        traceback.print_exc()
        return Outcome.failed(job.name, as_bug(error, job.path))


def print_outcome(
    outcome: "Outcome",
    path: Path,
    target: Target,
    *,
    logs: bool = False,
) -> None:
    """Print the summary: to standard output where all went well or standard error `logs`, else to standard error."""
    from etl.report.summary import summary_lines

    lines = summary_lines(outcome, target.name_of(path))
    if outcome.exit_code == JobLocked.exit_code:
        # Of two schedulers one is always too late: a line of its mail is enough.
        lines = iter([f"{outcome.message}. {outcome.fix}"])
    say(lines, error=not logs and outcome.exit_code not in _FINE)


def print_outcomes(
    outcomes: "Sequence[Outcome]",
    paths: Sequence[Path],
    exit_code: int,
    target: Target,
    *,
    logs: bool,
) -> None:
    """Print the one summary of several jobs: the table to standard output, what went wrong as `print_outcome` does."""
    from etl.report.several import advice_lines, table_lines

    say(table_lines(outcomes, exit_code, left=[str(path) for path in paths[len(outcomes) :]]))
    for outcome, path in zip(outcomes, paths, strict=False):
        is_wrong = outcome.exit_code not in _FINE
        say(advice_lines(outcome, target.name_of(path)), error=is_wrong and not logs)


def choose_rate(text: str | None, *, sandbox: bool) -> "Rate | None":
    """Return the rate that `--rate` says; full speed for a sandbox without it, None for the job's own.

    Raises `JobError` for text that is no rate.
    """
    from etl.job.model import Rate, parse_rate

    if text is None:
        return Rate(None) if sandbox else None
    try:
        return parse_rate(text)
    except ValueError as error:
        raise JobError(f"Expected {error}, found `{text}` - --rate", 'As in: --rate "20/s"') from None
