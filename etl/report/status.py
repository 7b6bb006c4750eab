"""Says where a job stands, for a person. Pure: values in, lines out."""

from collections.abc import Iterator
from datetime import UTC, datetime

from etl.report.proven import proven_line
from etl.report.summary import book_lines, format_duration
from etl.report.validation import format_bytes
from etl.typed import JobName
from etl.values.outcome import CorrectionCounts
from etl.values.status import Standing

__all__ = ["standing_lines"]

_STATES = {
    "new": "never run",
    "running": "running",
    "killed": "the last run was killed; run it again to go on",
    "complete": "complete",
    "incomplete": "incomplete; run it again to go on",
    "interrupted": "interrupted; run it again to go on",
    "aborted": "stopped; nothing is lost, what was not sent is pending",
    "failed": "the last run failed",
}
_FINE = (0, 3)


def standing_lines(standing: Standing, name: JobName) -> Iterator[str]:
    """Yield the lines of `backfill status`, of the job called `name`."""
    if standing.state == "new":
        yield f"{standing.job}: never run"
        yield f"Start it: {name.type('run')}"
        return
    yield f"{standing.job}: {', '.join(_headline(standing))}"
    if standing.rows.read:
        closed = {"dismissed": standing.dismissed} if standing.dismissed else {}
        yield from book_lines(standing.rows, standing.rejects | closed)
    if standing.found_there:
        yield f"  {standing.found_there:,} of the delivered were found there, by asking the destination"
    if standing.proven is not None:
        yield f"  {proven_line(standing.proven)}"
    if standing.second_event is not None:
        yield f"  {standing.second_event.means}"
    yield from _correction_lines(standing.corrections, name)
    if standing.attempts:
        again = f", {standing.retries:,} retries" if standing.retries else ""
        yield f"  {standing.attempts:,} attempts{again}"
    if standing.waiting_loads:
        yield f"  {_waiting(standing)}: {name.type('verify')}"
    if standing.state == "running":
        if standing.note:
            yield f"  {standing.note}"
        return
    if standing.started_at is not None or standing.runs:
        yield f"  {_history(standing)}"
    if standing.message:
        yield from standing.message.split("\n")
        yield standing.fix
    if standing.last_exit_code not in _FINE:
        if standing.log:
            yield f"Its log: {standing.log}"
        yield f"Then go on: {name.type('run')}"
    if standing.rows.rejected and not standing.rejects and standing.dismissed:
        yield f"See those that were dismissed, and why: {name.type('rejects', '--all')}"
    elif standing.rows.rejected:
        if standing.reports:
            yield f"Rejects, with every original column: {' and '.join(map(str, standing.reports))}"
        yield f"See them by cause: {name.type('rejects')}"
    if standing.mark:
        yield f"Its mark outside the state folder: {standing.mark}"


def _correction_lines(counts: CorrectionCounts, name: JobName) -> Iterator[str]:
    told = counts.found - counts.sent - counts.rejected
    if told:
        rows = "1 row" if told == 1 else f"{told:,} rows"
        yield (
            f"  {rows} came again with another content than was delivered; those that are open: "
            f"{name.type('rejects', '--corrections')}"
        )


def _waiting(standing: Standing) -> str:
    count = standing.waiting_loads
    loads = f"{count:,} load{'s' if count != 1 else ''}"
    return f"the parts of {loads} are kept until verified, {format_bytes(standing.waiting_bytes)}"


def _headline(standing: Standing) -> Iterator[str]:
    yield _STATES.get(standing.state, standing.state)
    if standing.phase:
        yield standing.phase
    if standing.percent is not None:
        yield f"{_percent(standing)} of {standing.rows.read:,} rows settled"
    if standing.events_per_second is not None:
        yield f"{standing.events_per_second:,.0f}/s"
    if standing.seconds_left is not None:
        yield f"{format_duration(standing.seconds_left)} left"
    if standing.state == "running" and standing.pid is not None:
        yield f"pid {standing.pid}"


def _percent(standing: Standing) -> str:
    percent = standing.percent or 0.0
    # 100% is said only where it is so.
    return "100%" if standing.rows.pending == 0 else f"{min(percent, 99.9):.1f}%"


def _history(standing: Standing) -> str:
    runs = (
        f"{standing.runs:,} run{'s' if standing.runs != 1 else ''}, {standing.loads:,} "
        f"load{'s' if standing.loads != 1 else ''}"
    )
    if standing.started_at is None:
        return runs
    began = f"{datetime.fromtimestamp(standing.started_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if standing.updated_at is None:
        return f"{runs}; the last began {began}"
    took = format_duration(max(0.0, standing.updated_at - standing.started_at))
    return f"{runs}; the last began {began}, took {took}, exit {standing.last_exit_code}"
