"""`backfill loads`: what a job has done so far."""

from pathlib import Path

import click

from etl.cli.options import echo_json, find_place, job_argument, json_option, place_flags, place_options, say

__all__ = ["loads"]


@click.command()
@job_argument
@click.option("--files", "every_file", is_flag=True, help="List every file of a load, not the first few.")
@place_options
@json_option
def loads(
    job: Path,
    every_file: bool,
    sandbox: bool,
    endpoint: str | None,
    state_dir: Path | None,
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
    from etl.job.load import load_job
    from etl.report.loads import history_lines
    from etl.state.loads import read_history

    parsed = load_job(job)
    history = read_history(
        parsed, find_place(parsed, sandbox=sandbox, endpoint=endpoint, state_dir=state_dir)
    )
    if as_json:
        echo_json(history.to_json())
        return
    flags = place_flags(sandbox=sandbox, endpoint=endpoint, state_dir=state_dir)
    say(history_lines(history, str(job), flags=flags, every_file=every_file))
