"""`backfill verify`: asks the destination for what the ledger calls delivered."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from etl.cli.options import (
    Target,
    echo_json,
    json_option,
    key_option,
    quiet_option,
    say,
    target_options,
    worst_exit_code,
)
from etl.cli.running import Destinations
from etl.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.proof.verify_job import VerifyOptions
    from etl.values.verification import JobVerification, VerificationCounts

__all__ = ["PROGRESS_SECONDS", "parse_asking", "patience_option", "query_rate_option", "verify"]

F = TypeVar("F", bound="Callable[..., Any]")

PROGRESS_SECONDS = 10.0


query_rate_option = click.option(
    "--rate",
    "rate_text",
    metavar="R",
    default="5/s",
    show_default=True,
    help="At most so many queries.",
)


def patience_option(default: str) -> "Callable[[F], F]":
    """Return the option that says how long to wait for events that don't show."""
    return click.option(
        "--patience",
        "patience_text",
        metavar="TIME",
        default=default,
        show_default=True,
        help="How long to wait for events that don't show before they are called missing.",
    )


@click.command()
@click.argument("jobs", type=click.Path(path_type=Path), nargs=-1, metavar="JOB...")
@query_rate_option
@patience_option("2m")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Ask for N events, drawn at random.")
@click.option("--seed", type=int, default=0, metavar="N", help="Draw another sample.")
@click.option(
    "--repair", is_flag=True, help="Send what is missing again, with the same ids and content, and ask again."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write each difference: CSV or Parquet by FILE's suffix, else JSONL.",
)
@click.option(
    "--receipt",
    "receipt_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of a job: the events of a receipt, whose ids lie beside it.",
)
@click.option(
    "--ids",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The ids of the receipt. [default: NAME.ids.txt beside NAME.json, else ids.txt]",
)
@key_option
@target_options
@json_option
@quiet_option
def verify(
    jobs: tuple[Path, ...],
    rate_text: str,
    patience_text: str,
    sample: int | None,
    seed: int,
    repair: bool,
    output: Path | None,
    receipt_path: Path | None,
    ids: Path | None,
    target: Target,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask the destination for every event that was delivered, by id, and compare.

    An event is confirmed where it is there once and as it was sent. Missing, doubled and altered ones are told, with
    what was expected and found; what no answer proves is unknown, never missing and never confirmed. It needs a key
    that can read. Killed at any moment, the same command goes on where it was. Sends nothing without --repair: what is
    doubled or altered can't be mended through this API.

    With --receipt no job and no state is needed, as on another machine: the ids that `receipt --ids` wrote are held
    against the receipt's digest, then asked for. Of each it is told whether it is there once; a receipt holds no
    contents, so that those are compared only by day and type, and where an id is the digest of its event.

    \b
    Exit status:
      0    every event that was asked for is confirmed
      2    the command or the job file is wrong
      4    the receipt or its ids are damaged, or its chain is broken
      5    not finished, or not all can be told: run again
      6    the key is missing, or can't read
      7    the ledger or a file of the state can't be read
      8    a run holds the job
      9    some events are missing, doubled or altered
      130  interrupted, resumable (143: terminated)
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.output import check_output
    from etl.proof.verify_job import VerifyOptions
    from etl.witness.choose import largest_missing_share

    target.check()
    check_output(output, "the differences")
    options = VerifyOptions(*parse_asking(rate_text, patience_text), sample, seed, repair)
    if receipt_path is not None:
        from etl.cli.verify_receipt import verify_claim

        verify_claim(receipt_path, ids, options, target, output, jobs=jobs, as_json=as_json, quiet=quiet)
    if not jobs or ids is not None:
        what = "none" if not jobs else "--ids beside jobs"
        raise JobError(f"Expected JOB... or --receipt FILE, found {what}", "As in: backfill verify JOB")
    if output is not None and len(jobs) > 1:
        raise JobError(
            "Expected one job beside -o, found several", "Verify them one by one to write their differences"
        )
    found: list[JobVerification] = []
    with ExitStack() as stack:
        destinations = Destinations(stack, target)
        for path in jobs:
            found.append(_verify(path, destinations, options, target, output, quiet=quiet))
            if found[-1].exit_code in (130, 143):
                break
    code = worst_exit_code(one.exit_code for one in found)
    if as_json:
        echo_json(
            found[0].to_json()
            if len(jobs) == 1
            else {"jobs": [one.to_json() for one in found], "exit_code": code}
        )
    else:
        from etl.report.verification import verification_lines

        for path, one in zip(jobs, found, strict=False):
            proves = options.sample is not None and one.counts.asked and not one.counts.missing
            share = largest_missing_share(one.counts.asked) if proves else None
            say(
                verification_lines(one, target.name_of(path), share=share),
                error=one.exit_code not in (0, 9),
            )
    raise click.exceptions.Exit(code)


def _verify(
    path: Path,
    destinations: Destinations,
    options: "VerifyOptions",
    target: Target,
    output: Path | None,
    *,
    quiet: bool,
) -> "JobVerification":
    from etl.proof.verify_job import verify_job

    job = target.load(path)
    place = target.find_place(job)
    return verify_job(
        job, place, destinations.find(job), options, _shower(job.name, quiet=quiet), output=output
    )


def parse_asking(rate_text: str, patience_text: str) -> tuple[float, float]:
    """Return how many queries a second there may be, and how long to wait; raises `JobError` for other text."""
    from etl.job.amounts import parse_rate, parse_seconds

    try:
        rate = parse_rate(rate_text).per_second
    except ValueError as error:
        raise JobError(f"Expected {error}, found `{rate_text}` - --rate", 'As in: --rate "5/s"') from None
    try:
        patience = 0.0 if patience_text == "0" else parse_seconds(patience_text)
    except ValueError as error:
        raise JobError(
            f"Expected {error}, found `{patience_text}` - --patience", "As in: --patience 2m"
        ) from None
    return rate if rate is not None else 1e6, patience


def _shower(job: str, *, quiet: bool) -> "Callable[[VerificationCounts, int], None]":
    """Return what shows how far the verification is: a line now and then, on standard error."""
    from etl.report.verification import describe_progress

    next_at = [time.monotonic() + PROGRESS_SECONDS]

    def show(counts: "VerificationCounts", total: int) -> None:
        if not quiet and time.monotonic() >= next_at[0]:
            next_at[0] = time.monotonic() + PROGRESS_SECONDS
            say([f"{job}: {describe_progress(counts, total)}"], error=True)

    return show
