"""`backfill dismiss`: closes rejects that nobody will mend."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import Target, echo_json, job_argument, json_option, say, target_options
from etl.errors import JobError
from etl.typed import type_command
from etl.values.reject import RejectCode

if TYPE_CHECKING:
    from etl.state.dismiss import Dismissed

__all__ = ["dismiss"]


@click.command()
@job_argument
@click.option(
    "--code",
    "codes",
    type=click.Choice([code.value for code in RejectCode]),
    multiple=True,
    metavar="CODE",
    help="Those with this code; may come more than once.",
)
@click.option(
    "--row",
    "rows",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="N",
    help="The one at this row; may come more than once.",
)
@click.option("--all", "every", is_flag=True, help="All that are open.")
@click.option("--file", metavar="FILE", help="Only those of this file, as `backfill rejects` names it.")
@click.option("--load", type=click.IntRange(min=1), metavar="N", help="Only those of load N.")
@click.option("--reason", metavar="TEXT", help="Why nobody will mend them. Needed, but to --undo.")
@click.option("--undo", is_flag=True, help="Open them again instead.")
@target_options
@json_option
def dismiss(
    job: Path,
    codes: tuple[str, ...],
    rows: tuple[int, ...],
    every: bool,
    file: str | None,
    load: int | None,
    reason: str | None,
    undo: bool,
    target: Target,
    as_json: bool,
) -> None:
    """Close rejects that nobody will mend, for a reason that stays on record.

    The books count them as before. `rejects` lists them no more, but with --all, which says why; `retry` takes them no
    more, and no run tells of them as open. Doing it twice changes nothing, and --undo opens them again.

    \b
    Exit status:
      0  done, also where all that were meant were closed before, or none has that code
      2  the command or the job file is wrong, or a row that is named has no reject
      7  the ledger or the report can't be read or written
      8  a run holds the job
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.state.dismiss import DismissRequest, dismiss_rejects, restore_rejects
    from etl.state.lookup import look_into

    _check(reason, is_narrow=bool(codes or rows or every), undo=undo)
    parsed = target.load(job)
    place = target.find_place(parsed)
    request = DismissRequest(codes, rows, file, load)
    with look_into(place.folder, f"backfill dismiss {job}") as ledger:
        if ledger is None:
            raise JobError(
                f"Expected a job that has run, found none - {place.folder}",
                f"Start it: {type_command('run')}",
            )
        if undo:
            done = restore_rejects(parsed, place, ledger, request)
        else:
            done = dismiss_rejects(parsed, place, ledger, request, str(reason).strip(), wall_clock=time.time)
    if as_json:
        word = "reopened" if undo else "dismissed"
        echo_json(
            {
                "job": parsed.name,
                word: done.changed,
                "before": done.before,
                "open_rejects": done.open_rejects,
                "reason": reason,
            }
        )
    else:
        say([f"{parsed.name}: {_tell(done, undo=undo)}"])


def _check(reason: str | None, *, is_narrow: bool, undo: bool) -> None:
    if not is_narrow:
        raise JobError(
            "Expected --code, --row or --all, found none of them",
            "Say which rejects: --code unmapped_value, or --row 118",
        )
    if not undo and not (reason and reason.strip()):
        raise JobError(
            "Expected a reason, found none - --reason",
            'Say why nobody will mend them: --reason "a test account"',
        )
    if undo and reason is not None:
        raise JobError("Expected --undo or --reason, found both", "Leave one of them out")


def _tell(done: "Dismissed", *, undo: bool) -> str:
    total, opened = sum(done.changed.values()), sum(done.open_rejects.values())
    codes = ", ".join(f"{code} {count:,}" for code, count in done.changed.items())
    verb = "opened again" if undo else "dismissed"
    were = "was" if done.before == 1 else "were"
    was = f", {done.before:,} {were} {'open' if undo else 'dismissed'} before" if done.before else ""
    what = f"{total:,} reject{'' if total == 1 else 's'} {verb}{': ' + codes if codes else ''}"
    return f"{what}{was}; {opened:,} {'is' if opened == 1 else 'are'} open"
