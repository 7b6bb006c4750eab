"""What `run` and `retry` share: where events go, the one sandbox of a command, the run itself, its summary."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from etl.cli.options import place_flags, read_key, say
from etl.errors import BackfillError, JobError

if TYPE_CHECKING:
    from etl.job.model import Job, Rate
    from etl.outcome import Outcome
    from etl.run.job import RunOptions
    from etl.run.place import Destination

__all__ = ["Destinations", "choose_rate", "print_outcome", "run_one"]


class Destinations:
    """Finds where a job's events go; starts the one sandbox that all jobs of the command share."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        sandbox: bool,
        endpoint: str | None,
        key_file: Path | None,
        state_dir: Path | None,
    ) -> None:
        self._stack, self._endpoint, self._state_dir = stack, endpoint, state_dir
        self._uses_sandbox = sandbox
        self._key = None if sandbox else read_key(key_file)
        self._sandboxes: dict[Path, tuple[str, str]] = {}

    def find(self, job: "Job") -> "Destination":
        """Return the destination of `job`; raises `StateError` where the sandbox doesn't start."""
        from etl.run.place import Destination, mark_for, state_root

        mark = mark_for(job, sandbox=self._uses_sandbox, endpoint=self._endpoint)
        if self._uses_sandbox:
            url, key = self._start_sandbox(state_root(job, self._state_dir))
            return Destination(url, key, mark)
        return Destination(self._endpoint or job.upload.endpoint, self._key, mark)

    def _start_sandbox(self, root: Path) -> tuple[str, str]:
        from etl.private import make_private_folder
        from etl.sandbox.process import SandboxProcess

        if root not in self._sandboxes:
            make_private_folder(root)
            process = self._stack.enter_context(SandboxProcess(store=root / "sandbox.db"))
            self._sandboxes[root] = (process.url, process.api_key)
        return self._sandboxes[root]


def run_one(job: "Job", destinations: Destinations, options: "RunOptions", *, quiet: bool) -> "Outcome":
    """Run one job; an error that a person can mend becomes its outcome."""
    from etl.outcome import Outcome
    from etl.report.progress import choose_progress
    from etl.run.job import run_job

    try:
        return run_job(job, destinations.find(job), options, choose_progress(job.name, quiet=quiet))
    except BackfillError as error:
        return Outcome(
            job=job.name, state="failed", exit_code=error.exit_code, message=error.problem, fix=error.fix
        )


def print_outcome(
    outcome: "Outcome", path: Path, *, sandbox: bool, endpoint: str | None, state_dir: Path | None
) -> None:
    """Print the summary: to standard output where all went well, else to standard error."""
    from etl.report.summary import summary_lines

    flags = place_flags(sandbox=sandbox, endpoint=endpoint, state_dir=state_dir)
    say(summary_lines(outcome, str(path), flags=flags), error=outcome.exit_code not in (0, 3))


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
