"""`backfill run`: stage, send, settle, report."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import (
    echo_json,
    jobs_argument,
    json_option,
    place_options,
    quiet_option,
    refuse_both,
    worst_exit_code,
)
from etl.cli.running import Destinations, choose_rate, print_outcome, run_one
from etl.errors import BackfillError

if TYPE_CHECKING:
    from etl.job.model import Job

__all__ = ["run"]


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
    "--accept-new-ids",
    is_flag=True,
    help="Go on though the mapping changed after events were delivered: what is new follows the new one.",
)
@click.option(
    "--key-file", type=click.Path(path_type=Path), metavar="FILE", help="A file that holds the API key."
)
@place_options
@json_option
@quiet_option
def run(
    jobs: tuple[Path, ...],
    rate_text: str | None,
    limit: int | None,
    accept_new_ids: bool,
    key_file: Path | None,
    sandbox: bool,
    endpoint: str | None,
    state_dir: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Stage what is new, send what is pending; running it again resumes.

    The key comes from INKEEPANALYTICS_API_INTEGRATION_KEY, else INKEEPANALYTICS_WEB_INTEGRATION_KEY, else --key-file.
    With --sandbox none is needed: events go to a local stand-in for the API, at full speed unless --rate says
    otherwise, and the state of such a rehearsal is kept apart.

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
      10   a limit of the job was reached
      130  interrupted, resumable (143: terminated)
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.outcome import Outcome
    from etl.run.job import RunOptions

    rate = choose_rate(rate_text, sandbox=sandbox)
    refuse_both(sandbox=sandbox, endpoint=endpoint)
    outcomes: list[Outcome] = []
    parsed = _load_jobs(jobs)
    with ExitStack() as stack:
        destinations = Destinations(
            stack, sandbox=sandbox, endpoint=endpoint, key_file=key_file, state_dir=state_dir
        )
        for path, job in zip(jobs, parsed, strict=True):
            if isinstance(job, BackfillError):
                outcome = Outcome(
                    job=path.stem, state="failed", exit_code=job.exit_code, message=job.problem, fix=job.fix
                )
            else:
                options = RunOptions(
                    state_dir, rate, limit, accept_new_ids=accept_new_ids, command=f"backfill run {path}"
                )
                outcome = run_one(job, destinations, options, quiet=quiet or as_json)
            outcomes.append(outcome)
            if not as_json:
                print_outcome(outcome, path, sandbox=sandbox, endpoint=endpoint, state_dir=state_dir)
            if outcome.state == "interrupted":
                break
    code = worst_exit_code(outcome.exit_code for outcome in outcomes)
    if as_json:
        echo_json(
            outcomes[0].to_json()
            if len(jobs) == 1
            else {"jobs": [o.to_json() for o in outcomes], "exit_code": code}
        )
    raise click.exceptions.Exit(code)


def _load_jobs(paths: tuple[Path, ...]) -> "list[Job | BackfillError]":
    """Return the jobs; of several, one that is wrong keeps no other from running."""
    from etl.job.load import load_job

    jobs: list[Job | BackfillError] = []
    for path in paths:
        try:
            jobs.append(load_job(path))
        except BackfillError as error:
            jobs.append(error)
    return jobs
