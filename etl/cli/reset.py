"""`backfill reset`: a job starts over, after asking."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from etl.cli.options import Target, job_argument, say, target_options
from etl.errors import JobError
from etl.typed import type_command

__all__ = ["reset"]


@click.command()
@job_argument
@click.option("--yes", is_flag=True, help="Don't ask.")
@target_options
def reset(job: Path, yes: bool, target: Target) -> None:
    """Forget what a job has staged and sent, so that it starts over.

    Removes the job's folder of state: its ledger, its staged parts, its reports. The next run stages every row again
    and sends every event again, with the same ids where the mapping is the same. What was sent stays where it is.

    \b
    Exit status:
      0   the state is gone, or there was none
      2   the command or the job file is wrong, or nobody said yes
      7   the state can't be removed
      8   a run holds the job
      130 asked, and answered no
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.state.marks import Marks
    from etl.state.reset import describe_state, reset_job

    parsed = target.load(job)
    place = target.find_place(parsed)
    marks = Marks.of(parsed, place, os.environ)
    state = describe_state(parsed, place)
    if state is None:
        # A folder that was removed by hand has left one.
        with suppress(OSError):
            marks.forget()
        say([f"{parsed.name}: never run, so there is nothing to forget"])
        return
    if not yes:
        if not sys.stdin.isatty():
            raise JobError(
                f"Expected a yes before {state} is forgotten, found nobody to ask - {place.folder}",
                f"Say it: {type_command('reset', '--yes')}",
            )
        click.confirm(f"Forget {state}, in {place.folder}?", abort=True, err=True)
    reset_job(place, marks)
    say([f"{parsed.name}: forgotten; the next run starts over"])
