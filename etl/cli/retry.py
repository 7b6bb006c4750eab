"""`backfill retry`: rejects again, after the job or the rows were mended."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from etl.cli.options import (
    Target,
    accept_state_option,
    echo_json,
    job_argument,
    json_option,
    key_option,
    quiet_option,
    say,
    target_options,
    uncertain_option,
)
from etl.cli.running import (
    Destinations,
    LogForm,
    choose_rate,
    choose_sinks,
    log_option,
    print_outcome,
    run_one,
)
from etl.values.reject import RejectCode

if TYPE_CHECKING:
    from etl.intake.retry import RetryRequest
    from etl.job.model import Job
    from etl.state.place import JobPlace

__all__ = ["retry"]


@click.command()
@job_argument
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the rows from an edited CSV or JSONL file.",
)
@click.option(
    "--code",
    type=click.Choice([code.value for code in RejectCode]),
    metavar="CODE",
    help="Only rejects with this code.",
)
@click.option(
    "--corrections",
    is_flag=True,
    help="Instead of rejects: send the rows that `backfill rejects --corrections` lists, under their ids.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take up at most N rejects.")
@click.option(
    "--as-edited",
    is_flag=True,
    help="Take cells as they are, also where a spreadsheet seems to have changed them.",
)
@click.option(
    "--accept-new-mapping",
    is_flag=True,
    help="Go on though the mapping changed while a load was half sent: what is pending of it follows the new one.",
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would become of the rejects. Stages and sends nothing."
)
@click.option(
    "--rate",
    "rate_text",
    metavar="R",
    help='At most so fast: "20/s", "600/min" or "max". [default: the job\'s]',
)
@uncertain_option
@key_option
@accept_state_option
@log_option
@target_options
@json_option
@quiet_option
def retry(
    job: Path,
    file: Path | None,
    code: str | None,
    corrections: bool,
    limit: int | None,
    as_edited: bool,
    accept_new_mapping: bool,
    dry_run: bool,
    rate_text: str | None,
    on_uncertain: "Literal['ask', 'resend'] | None",
    accept_state: bool,
    log_form: LogForm | None,
    target: Target,
    as_json: bool,
    quiet: bool,
) -> None:
    """Send rejects again, after the job or the rows were mended.

    Without --from, the rejected rows are taken as they were and read by the job file as it is now. With it, they are
    taken from a file that `backfill rejects` wrote and a person edited. The cell that a reject was for may come in any
    form; where a spreadsheet rewrote another one (lost zeros, dates, points), what stood there is kept, and told. A
    reject is taken up once: doing it twice sends nothing twice.

    \b
    Exit status:
      0    every reject that was taken up is settled
      2    the command or the job file is wrong
      3    finished, with rejects or rows that were left out: they are listed
      4    the edited file, or a source file that is needed again, is missing, unreadable or changed
      5    incomplete, for a passing cause: run again to resume
      6    the key is missing or refused
      7    a fault of the local disk or the ledger
      8    a run holds the job
      130  interrupted, resumable (143: terminated, 129: hung up)
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.intake.retry import RetryRequest
    from etl.upload.run import RunOptions

    rate = choose_rate(rate_text, sandbox=target.sandbox)
    target.check()
    parsed = target.load(job)
    request = RetryRequest(file, code, limit, as_edited=as_edited, corrections=corrections)
    if dry_run:
        place = target.find_place(parsed)
        _rehearse(parsed, place, request, as_json=as_json)
        return
    with ExitStack() as stack:
        destinations = Destinations(stack, target)
        options = RunOptions(
            target.state_dir,
            rate,
            retry=request,
            accept_new_mapping=accept_new_mapping,
            accept_state=accept_state,
            on_uncertain=on_uncertain,
            command=f"backfill retry {job}",
            sinks=choose_sinks(log_form),
            say=None if quiet else lambda note: say([note], error=True),
        )
        outcome = run_one(parsed, destinations, options, quiet=quiet or as_json, log_form=log_form)
    if as_json:
        echo_json(outcome.to_json())
    else:
        print_outcome(
            outcome,
            job,
            target,
            logs=log_form is not None,
        )
    raise click.exceptions.Exit(outcome.exit_code)


def _rehearse(job: "Job", place: "JobPlace", request: "RetryRequest", *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from etl.intake.retry import rehearse_retry
    from etl.state.lookup import look_into

    with look_into(place.folder, f"backfill retry --dry-run {job.path}") as ledger:
        if ledger is None:
            say([f"{job.name}: never run, so nothing was rejected"], error=True)
            return
        found = rehearse_retry(job, place, ledger, request, started=datetime.now(UTC))
    if as_json:
        echo_json(
            {
                "job": job.name,
                "taken": found.taken,
                "would_send": found.events,
                "skipped": found.skipped,
                "rejects": found.rejects,
                "notes": list(found.notes),
                "left_out": list(found.left_out),
                "undone": list(found.undone),
            }
        )
        return
    again = ", ".join(f"{code} {count:,}" for code, count in found.rejects.items())
    lines = [
        f"{job.name}: {found.taken:,} rejects would be tried again; nothing is staged or sent",
        f"  would be sent      {found.events:,}",
        f"  would be rejected  {sum(found.rejects.values()):,}  {again}".rstrip(),
        f"  would be skipped   {found.skipped:,}",
        *found.notes,
    ]
    say(lines)
