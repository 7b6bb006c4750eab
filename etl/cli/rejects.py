"""`backfill rejects`: the error report, grouped by cause or in full."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from etl.cli.options import Target, job_argument, say, target_options
from etl.cli.streams import output_bytes
from etl.errors import JobError
from etl.output import check_output, form_in_name, open_output, write_output
from etl.plain import plain_line
from etl.typed import type_command
from etl.values.reject import RejectCode

if TYPE_CHECKING:
    from etl.rejects.causes import By
    from etl.state.rejects import Rejects

__all__ = ["rejects"]


@click.command()
@job_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv", "parquet"]),
    help="How to write them. [default: by FILE's suffix, else table]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to. [default: standard output]",
)
@click.option(
    "--by", type=click.Choice(["code", "column", "file"]), default="code", help="How the table groups them."
)
@click.option(
    "--code",
    type=click.Choice([code.value for code in RejectCode]),
    metavar="CODE",
    help="Only those with this code.",
)
@click.option("--load", type=click.IntRange(min=1), metavar="N", help="Only those of load N.")
@click.option("--all", "with_closed", is_flag=True, help="Also those that were retried or dismissed since.")
@click.option(
    "--corrections",
    is_flag=True,
    help="Instead: rows that came again with another content than was delivered under their id.",
)
@target_options
def rejects(
    job: Path,
    form: str | None,
    output: Path | None,
    by: str,
    code: str | None,
    load: int | None,
    with_closed: bool,
    corrections: bool,
    target: Target,
) -> None:
    """Write the error report: file, row, code, reason, fix, and every original column.

    The table groups the rejects by cause, with examples. CSV opens in a spreadsheet and JSONL keeps every value as it
    was: mend the rows in either and send them with `backfill retry JOB --from FILE`.

    \b
    Exit status:
      0  written
      2  the command or the job file is wrong
      7  the ledger can't be read, or the file can't be written
      8  a run holds the job
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.state.lookup import look_into
    from etl.state.rejects import Rejects

    check_output(output, "the rejects")
    parsed = target.load(job)
    form = form or (output and form_in_name(output)) or "table"
    place = target.find_place(parsed)
    with look_into(place.folder, f"backfill rejects {job}") as ledger:
        if ledger is None:
            say(
                [
                    f"{parsed.name}: never run, so nothing was rejected",
                    f"Start it: {type_command('run')}",
                ],
                error=True,
            )
            return
        if load is not None and load not in {entry.number for entry in ledger.loads()}:
            raise JobError(
                f"Expected a load of this job, found {load} - --load",
                f"See how many there are: {type_command('status')}",
            )
        found = Rejects(
            parsed, place, ledger, code=code, load=load, with_closed=with_closed, corrections=corrections
        )
        if form == "table":
            _print_table(found, cast("By", by), output)
        else:
            _write(found, form, output)


def _print_table(found: "Rejects", by: "By", output: Path | None) -> None:
    from etl.rejects.causes import cause_lines, cause_table, group_causes

    causes = group_causes(found.told(), by)
    total = sum(cause.count for cause in causes)
    headline = (
        f"{found.job.name}: {total:,} {found.word}{'s' if total != 1 else ''}{', by ' + by if total else ''}"
    )
    if output is None and sys.stdout.isatty():
        from etl.report.console import open_console

        with open_console(sys.stdout) as console:
            console.print(headline, markup=False)
            if causes:
                console.print(cause_table(causes, by))
    elif output is None:
        say([headline, *cause_lines(causes)])
    else:
        write_output(
            output,
            "".join(f"{plain_line(line)}\n" for line in [headline, *cause_lines(causes)]),
            "the rejects",
        )


def _write(found: "Rejects", form: str, output: Path | None) -> None:
    if output is not None:
        with open_output(output, f"the {found.word}s") as out:
            written = found.write(form, out)
        say([f"{found.job.name}: {written:,} {found.word}s written to {output}"], error=True)
        return
    if not sys.stdout.isatty():
        found.write(form, output_bytes())
        return
    if form == "parquet":
        raise JobError("Expected a file for Parquet, found a terminal - -o", "Name one: -o rejects.parquet")
    # What a file keeps as it was, a terminal might obey.
    shown = io.BytesIO()
    found.write(form, shown)
    print(shown.getvalue().decode(), end="")
