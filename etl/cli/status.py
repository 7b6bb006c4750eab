"""`backfill status`: where a job stands, also while it runs."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import echo_json, find_place, job_argument, json_option, place_flags, place_options, say

if TYPE_CHECKING:
    from etl.standing import Standing

__all__ = ["status"]

WATCH_SECONDS = 1.0


@click.command()
@job_argument
@click.option("--watch", is_flag=True, help="Look again each second, until no run holds the job.")
@place_options
@json_option
def status(
    job: Path, watch: bool, sandbox: bool, endpoint: str | None, state_dir: Path | None, as_json: bool
) -> None:
    """Say where a job stands, also while it runs.

    While a run holds the job: what it does, how far it is, how fast, and how long the rest takes. After: the books of
    all its loads, the rejects by code, and where the reports are. Sends nothing and needs no key.

    \b
    Exit status:
      0  said
      2  the command or the job file is wrong
      7  the ledger can't be read
      8  another program or command holds the ledger, so it can't be read now
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.job.load import load_job
    from etl.run.standing import read_standing

    parsed = load_job(job)
    place = find_place(parsed, sandbox=sandbox, endpoint=endpoint, state_dir=state_dir)
    flags = place_flags(sandbox=sandbox, endpoint=endpoint, state_dir=state_dir)
    shown = 0
    while True:
        standing = read_standing(parsed, place)
        shown = _show(standing, job, flags, as_json=as_json, over=shown if sys.stdout.isatty() else 0)
        if not watch or standing.state != "running":
            return
        time.sleep(WATCH_SECONDS)


def _show(standing: "Standing", job: Path, flags: str, *, as_json: bool, over: int) -> int:
    """Print the standing over the `over` lines printed before; return how many lines it took."""
    from etl.report.standing import standing_lines

    if as_json:
        echo_json(standing.to_json())
        sys.stdout.flush()
        return 0
    lines = list(standing_lines(standing, str(job), flags=flags))
    if over:
        getattr(sys.stdout, "escapes", sys.stdout).write(f"\x1b[{over}A\x1b[J")
    say(lines)
    sys.stdout.flush()
    return len(lines)
