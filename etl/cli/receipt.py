"""`backfill receipt`: what a load delivered, as a document to keep."""

import time
from pathlib import Path

import click

from etl.cli.options import Target, job_argument, say, target_options

__all__ = ["receipt"]


@click.command()
@job_argument
@click.option(
    "--load", "number", type=click.IntRange(min=1), metavar="N", help="Of load N. [default: the newest]"
)
@click.option(
    "--format", "form", type=click.Choice(["json", "text"]), default="json", help="Text is for people."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to. [default: standard output]",
)
@click.option(
    "--ids",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the ids beside it, sorted, one a line.",
)
@target_options
def receipt(
    job: Path,
    number: int | None,
    form: str,
    output: Path | None,
    ids: Path | None,
    target: Target,
) -> None:
    """Write what a load delivered as one JSON document that an auditor can keep and check.

    Job and tool, the source files with their SHA-256, the books, events by day and type, rejects by code, the SHA-256
    of all delivered ids, what verifying found, and the digest of the receipt before it. Every load leaves one in the
    state folder, under receipts/, once it is complete, and another when verifying finds something new; this issues one
    where that is out of date. `backfill schema --receipt` prints its JSON Schema.

    \b
    Exit status:
      0  written
      2  the command or the job file is wrong, or there is no such load
      7  the state can't be read, or the file can't be written
      8  a run holds the job
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.output import check_output, open_output
    from etl.receipts.compose import write_ids
    from etl.receipts.issue import find_load, issue_receipt
    from etl.report.receipt import receipt_lines
    from etl.state.lookup import look_into
    from etl.values.receipt import render_receipt

    parsed = target.load(job)
    for path in (output, ids):
        check_output(path, "the receipt")
    place = target.find_place(parsed)
    with look_into(place.folder, f"backfill receipt {job}") as ledger:
        wanted = find_load(parsed, ledger, number)
        assert ledger is not None
        issued = issue_receipt(place.folder, ledger, wanted, issued_at=time.time())
        found = issued.receipt
        if issued.break_reason:
            say(
                [
                    issued.break_reason,
                    "Put back the copy that was kept of it: without it the chain is broken there",
                ],
                error=True,
            )
        if ids is not None:
            with open_output(ids, "the ids") as out:
                write_ids(place.folder, ledger, wanted, out)
    if output is not None:
        text = "".join(f"{line}\n" for line in receipt_lines(found)).encode()
        with open_output(output, "the receipt") as out:
            out.write(render_receipt(found) if form == "json" else text)
    elif form == "json":
        print(render_receipt(found).decode(), end="")
    else:
        say(receipt_lines(found))
