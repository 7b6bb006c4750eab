"""`backfill status`: where jobs stand, also while they run."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import (
    Target,
    echo_json,
    jobs_argument,
    json_option,
    say,
    target_options,
    worst_exit_code,
)
from etl.errors import BackfillError

if TYPE_CHECKING:
    from etl.values.status import Standing

__all__ = ["status"]

WATCH_SECONDS = 1.0
# A run has loaded its libraries and holds its job well within this.
STARTING_SECONDS = 10.0


@click.command()
@jobs_argument
@click.option(
    "--watch",
    is_flag=True,
    help="Look again each second, until no run holds a job; one that is just starting is waited for.",
)
@target_options
@json_option
def status(
    jobs: tuple[Path, ...],
    watch: bool,
    target: Target,
    as_json: bool,
) -> None:
    """Say where jobs stand, also while they run.

    While a run holds the job: what it does, how far it is, how fast, and how long the rest takes. After: the books of
    all its loads, the rejects by code, where the reports are, and why it stopped and what next. Sends nothing and needs
    no key. Of several jobs one that can't be told keeps no other from being told.

    \b
    Exit status (of several jobs the worst):
      0  said
      2  the command or the job file is wrong
      7  the ledger can't be read
      8  another program or command holds the ledger, so it can't be read now
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    shown = 0
    told = [_look(job, target) for job in jobs]
    if watch and not _is_running(told) and any(one.standing is not None for one in told):
        which = "the job" if len(jobs) == 1 else "a job"
        waiting = (
            f"no run holds {which}; waiting up to {STARTING_SECONDS:.0f} s for one that is just starting"
        )
        say([waiting], error=True)
        told = _await_run(jobs, target)
    while True:
        shown = _show(told, target, as_json=as_json, over=shown if sys.stdout.isatty() else 0)
        if not watch or not _is_running(told):
            break
        time.sleep(WATCH_SECONDS)
        told = [_look(job, target) for job in jobs]
    raise click.exceptions.Exit(worst_exit_code(one.exit_code for one in told))


@dataclass(frozen=True, slots=True)
class _Told:
    """Where one job stands, or why that can't be told."""

    job: Path
    standing: "Standing | None" = None
    error: BackfillError | None = None

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error is not None else 0

    def to_json(self) -> dict[str, Any]:
        if self.standing is not None:
            return self.standing.to_json()
        assert self.error is not None
        said = {"message": self.error.problem, "fix": self.error.fix, "exit_code": self.error.exit_code}
        return {"job": self.job.stem, "state": "unknown"} | said


def _look(job: Path, target: Target) -> _Told:
    from etl.state.status import read_standing

    try:
        parsed = target.load(job)
        return _Told(job, read_standing(parsed, target.find_place(parsed)))
    except BackfillError as error:
        return _Told(job, error=error)


def _is_running(told: list[_Told]) -> bool:
    return any(one.standing is not None and one.standing.state == "running" for one in told)


def _await_run(jobs: tuple[Path, ...], target: Target) -> list[_Told]:
    """Return where the jobs stand once a run holds one of them, or once none has come to."""
    until = time.monotonic() + STARTING_SECONDS
    while True:
        told = [_look(job, target) for job in jobs]
        if _is_running(told) or time.monotonic() >= until:
            return told
        time.sleep(WATCH_SECONDS / 4)


def _show(told: list[_Told], target: Target, *, as_json: bool, over: int) -> int:
    """Print where the jobs stand over the `over` rows printed before; return how many rows of the screen it took."""
    from etl.report.console import count_rows, move_up
    from etl.report.status import standing_lines

    failed = [one.error for one in told if one.error is not None]
    if as_json and len(told) > 1:
        code = worst_exit_code(one.exit_code for one in told)
        echo_json({"jobs": [one.to_json() for one in told], "exit_code": code})
    elif as_json and not failed:
        echo_json(told[0].to_json())
    lines: list[str] = []
    for one in told if not as_json else ():
        if one.standing is not None:
            lines += [*([""] if lines else []), *standing_lines(one.standing, target.name_of(one.job))]
    if over:
        move_up(sys.stdout, over)
    say(lines)
    for error in failed:
        say(str(error).split("\n"), error=True)
    sys.stdout.flush()
    return count_rows(lines)
