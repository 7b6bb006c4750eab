"""`backfill adopt`: settles what the destination holds already, after the state was lost or sent from elsewhere."""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import (
    Target,
    echo_json,
    job_argument,
    json_option,
    key_option,
    quiet_option,
    say,
    target_options,
)
from etl.cli.running import Destinations
from etl.cli.verify import PROGRESS_SECONDS, parse_asking, patience_option, query_rate_option

if TYPE_CHECKING:
    from etl.upload.adopt import ShowAdoption
    from etl.values.adoption import Adoption

__all__ = ["adopt"]


@click.command()
@job_argument
@query_rate_option
@patience_option("30s")
@click.option(
    "--as-found",
    is_flag=True,
    help="Also count as delivered what is there otherwise than it would be sent, or more than once.",
)
@key_option
@target_options
@json_option
@quiet_option
def adopt(
    job: Path,
    rate_text: str,
    patience_text: str,
    as_found: bool,
    target: Target,
    as_json: bool,
    quiet: bool,
) -> None:
    """Count as delivered what the destination holds already; sends nothing.

    For a state folder that was lost, or a load that was begun elsewhere. Stages what is new as a run would, asks for
    every pending event by id, and settles those that are there once and as they would be sent; `status`, `loads` and
    the receipt tell them apart as found there. What is there otherwise is told, and stays pending. `run` then sends the
    rest. It needs a key that can read. Killed at any moment, the same command goes on where it was.

    \b
    Exit status:
      0    of every pending event it is known whether it is there; what is there is settled
      2    the command or the job file is wrong
      4    the input is missing, unreadable or changed
      5    not finished, or not all can be told: run again
      6    the key is missing, or can't read
      7    a fault of the local disk or the ledger
      8    a run holds the job
      9    some events are there otherwise than they would be sent, or more than once
      130  interrupted, resumable (143: terminated)
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.report.adoption import adoption_lines
    from etl.state.marks import Marks
    from etl.upload.adopt import AdoptOptions, adopt_job

    target.check()
    rate, patience = parse_asking(rate_text, patience_text)
    parsed = target.load(job)
    place = target.find_place(parsed)
    with ExitStack() as stack:
        destinations = Destinations(stack, target)
        done = adopt_job(
            parsed,
            place,
            destinations.find(parsed),
            AdoptOptions(rate, patience, as_found=as_found),
            Marks.of(parsed, place, os.environ),
            _shower(parsed.name, quiet=quiet),
        )
    if as_json:
        echo_json(done.to_json())
    else:
        say(adoption_lines(done, target.name_of(job)), error=done.exit_code not in (0, 9))
    raise click.exceptions.Exit(done.exit_code)


def _shower(job: str, *, quiet: bool) -> "ShowAdoption":
    """Return what shows how far the adoption is: a line now and then, on standard error."""
    from etl.report.adoption import describe_adoption

    next_at = [time.monotonic() + PROGRESS_SECONDS]

    def show(done: "Adoption", total: int) -> None:
        if not quiet and time.monotonic() >= next_at[0]:
            next_at[0] = time.monotonic() + PROGRESS_SECONDS
            say([f"{job}: {describe_adoption(done, total)}"], error=True)

    return show
