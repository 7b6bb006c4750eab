"""What several commands share: the job argument, where the state is, the key, the sandbox, the output."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from etl.cli.parameters import check_parameters, parameter_option
from etl.errors import JobError, KeyProblem
from etl.limited import read_limited
from etl.plain import plain_json, plain_line
from etl.send.key import find_key
from etl.typed import JobName
from etl.values.parameters import NO_PARAMETERS, Parameters

if TYPE_CHECKING:
    from datetime import datetime

    from etl.job.model import Job
    from etl.state.place import JobPlace

__all__ = [
    "Target",
    "accept_state_option",
    "check_charts",
    "echo_json",
    "job_argument",
    "jobs_argument",
    "json_option",
    "key_option",
    "quiet_option",
    "say",
    "target_options",
    "uncertain_option",
    "worst_exit_code",
]

# Of several jobs the worst counts: a bug before a lost disk before a refused key, and so on.
SEVERITY: Final = (1, 143, 130, 129, 7, 6, 2, 11, 4, 8, 10, 5, 9, 3, 0)

MOST_KEY_BYTES: Final = 65_536

F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)

job_argument = click.argument("job", type=_PATH)
jobs_argument = click.argument("jobs", type=_PATH, nargs=-1, required=True, metavar="JOB...")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
key_option = click.option("--key-file", type=_PATH, metavar="FILE", help="A file that holds the API key.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress; the summary and errors only.")


@dataclass(frozen=True, slots=True)
class Target:
    """Whose state is meant and where events go, as the flags of a command say: `key_file` only where it takes one."""

    sandbox: bool
    endpoint: str | None
    state_dir: Path | None
    key_file: Path | None = None
    parameters: Parameters = NO_PARAMETERS

    def name_of(self, path: Path) -> JobName:
        """Return how the job of the file at `path` is named in a command that means the same state again."""
        return JobName(str(path), self.sandbox, self.endpoint, self.state_dir, self.parameters.given)

    def load(self, path: Path) -> "Job":
        """Return the job of the file at `path`, with the parameters given, and speak of it from now on; raises
        `JobError`.
        """
        from etl.job.load import load_job

        self.name_of(path).speak()
        return load_job(path, self.parameters)

    def within(self, since: "datetime | None", until: "datetime | None") -> "Target":
        """Return the target with the window that `--since` and `--until` say."""
        return replace(self, parameters=replace(self.parameters, since=since, until=until))

    def check(self) -> None:
        """Raise `JobError` where two destinations are named."""
        if self.sandbox and self.endpoint:
            raise JobError("Expected --sandbox or --endpoint, found both", "Leave one of them out")

    def find_mark(self, job: "Job") -> str:
        """Return the mark of the destination of `job`; raises `EndpointError` for one that can't be."""
        from etl.state.place import mark_for

        return mark_for(job, sandbox=self.sandbox, endpoint=self.endpoint)

    def find_place(self, job: "Job") -> "JobPlace":
        """Return the place of the state of `job`; raises `JobError` where the flags contradict each other."""
        from etl.state.place import JobPlace

        self.check()
        return JobPlace.of(job, self.state_dir, self.find_mark(job))

    def read_key(self, key_env: str | None) -> str | None:
        """Return the API key from the environment or the file, or None where there is none; raises `KeyProblem`.

        `key_env` is the variable that the job names for it.
        """
        return find_key(os.environ, key_env) or self.read_key_file()

    def read_key_file(self) -> str | None:
        """Return the API key that --key-file holds, or None without one; raises `KeyProblem`."""
        return _read_key(self.key_file)


def target_options(command: F) -> F:
    """Add the options that say whose state is meant; the command gets them as one `target`."""

    @wraps(command)
    def with_target(
        *,
        sandbox: bool,
        endpoint: str | None,
        state_dir: Path | None,
        parameters: Parameters,
        key_file: Path | None = None,
        **others: Any,
    ) -> Any:
        check_parameters(parameters, [path for path in (*others.get("jobs", ()), others.get("job")) if path])
        return command(target=Target(sandbox, endpoint, state_dir, key_file, parameters), **others)

    wrapped = click.option(
        "--endpoint",
        metavar="URL",
        help="Another events API than the job's; its state is kept apart.",
    )(with_target)
    wrapped = click.option("--sandbox", is_flag=True, help="The embedded sandbox instead of the real API.")(
        wrapped
    )
    option = click.option(
        "--state-dir",
        type=_PATH,
        metavar="DIR",
        help="Where state is kept. [default: .backfill beside the job file]",
    )
    return cast("F", parameter_option(option(wrapped)))


def _read_key(key_file: Path | None) -> str | None:
    """Return the API key that a file holds; None without one.

    Raises `KeyProblem` for a file that can't be read or holds no key. The key itself is in no message.
    """
    if key_file is None:
        return None
    try:
        key = read_limited(key_file, MOST_KEY_BYTES).decode().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text, or not a usable path"
        raise KeyProblem(
            f"Expected a readable key file, found: {reason} - {key_file}",
            "Write the key into it, and nothing else",
        ) from None
    if not key:
        raise KeyProblem(
            f"Expected a key, found an empty file - {key_file}", "Write the key into it, and nothing else"
        )
    return key


def say(lines: Iterable[str], *, error: bool = False) -> None:
    """Print lines to standard output, or to standard error."""
    for line in lines:
        print(plain_line(line), file=sys.stderr if error else sys.stdout)


def echo_json(value: Any) -> None:
    """Print the one JSON object of a command."""
    # Where the encoding lacks a character, JSON has another way to write it.
    print(plain_json(value, ascii_only=not (sys.stdout.encoding or "").lower().startswith("utf")))


def worst_exit_code(codes: Iterable[int]) -> int:
    """Return the code of several jobs: that of the one in most need of a person."""
    found = set(codes)
    return next((code for code in SEVERITY if code in found), 0)


def check_charts(page: Path | None) -> None:
    """Raise `JobError`, before any work, where a page with charts is asked for and what draws them isn't installed."""
    if page is not None and importlib.util.find_spec("matplotlib") is None:
        raise JobError(
            "Expected matplotlib, which draws the charts of --html, found it not installed",
            "Install it: pip install 'inkeep-backfill[report]', or leave --html out",
        )


uncertain_option = click.option(
    "--on-uncertain",
    type=click.Choice(["ask", "resend"]),
    help="What may be stored though no answer proves it: ask for it, or send it again. [default: ask, where it reads]",
)

accept_state_option = click.option(
    "--accept-state",
    is_flag=True,
    help="Go on though this state knows less than was delivered: an older copy of it, or a second one. What it doesn't "
    "know of is sent again, with the same ids.",
)
