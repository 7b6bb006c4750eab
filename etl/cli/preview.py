"""`backfill preview`: the first rows beside the events they become."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import echo_json, job_argument, json_option
from etl.cli.parameters import check_parameters, parameter_option, window_options
from etl.typed import JobName
from etl.values.parameters import Parameters

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@job_argument
@click.option(
    "-n",
    "rows",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="How many rows.",
)
@click.option(
    "--row",
    type=click.IntRange(min=1),
    metavar="N",
    help="Row N of the first file instead of the first rows.",
)
@click.option("--rejects-only", is_flag=True, help="The first rows that would be rejected.")
@window_options
@parameter_option
@json_option
def preview(
    job: Path,
    rows: int,
    row: int | None,
    rejects_only: bool,
    since: "datetime | None",
    until: "datetime | None",
    parameters: Parameters,
    as_json: bool,
) -> None:
    """Show the first rows beside the events they become. Sends nothing.

    Each value has the colour of the column it came from; columns that no field uses are struck through.

    \b
    Exit status:
      0  shown, whatever becomes of the rows
      2  the command or the job file is wrong
      4  the input is missing or unreadable, or has no such row
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from datetime import UTC, datetime

    from etl.job.load import load_job
    from etl.report.console import open_console
    from etl.report.preview import print_preview
    from etl.scaffold.preview import PreviewOptions, preview_job

    options = PreviewOptions(rows=1 if row is not None else rows, row=row, rejects_only=rejects_only)
    check_parameters(parameters, [job])
    JobName(str(job), settings=parameters.given).speak()
    parsed = load_job(job, replace(parameters, since=since, until=until))
    found = preview_job(parsed, options, started=datetime.now(UTC))
    if as_json:
        echo_json(found.to_json())
    else:
        with open_console(sys.stdout) as console:
            print_preview(found, console)
