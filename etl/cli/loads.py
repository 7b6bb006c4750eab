"""`backfill loads`: what a job has done so far."""

from pathlib import Path

import click

from etl.cli.options import Target, echo_json, job_argument, json_option, say, target_options

__all__ = ["loads"]


@click.command()
@job_argument
@click.option("--files", "every_file", is_flag=True, help="List every file of a load, not the first few.")
@target_options
@json_option
def loads(
    job: Path,
    every_file: bool,
    target: Target,
    as_json: bool,
) -> None:
    """List the loads of a job: files, rows, times, and the runs that worked on each with their exit codes.

    How many loads keep their ids and rejects on disk, [state] keep_loads in the job file says.

    \b
    Exit status:
      0  listed
      2  the command or the job file is wrong
      7  the ledger can't be read
      8  a run holds the job
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.report.loads import history_lines
    from etl.state.loads import read_history

    parsed = target.load(job)
    history = read_history(parsed, target.find_place(parsed))
    if as_json:
        echo_json(history.to_json())
        return
    say(history_lines(history, target.name_of(job), every_file=every_file))
