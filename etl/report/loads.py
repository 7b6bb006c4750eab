"""Says what a job has done so far, for a person. Pure: values in, lines out."""

from collections.abc import Iterator
from datetime import UTC, datetime

from etl.report.summary import format_duration
from etl.typed import JobName
from etl.values.loads import JobHistory, PastLoad, PastRun

__all__ = ["history_lines"]

MOST_FILES = 5
_FINE = (0, 3)


def history_lines(history: JobHistory, name: JobName, *, every_file: bool = False) -> Iterator[str]:
    """Yield the lines of `backfill loads`, of the job called `name`."""
    if not history.runs:
        yield f"{history.job}: never run"
        yield f"Start it: {name.type('run')}"
        return
    loads, runs = len(history.loads), len(history.runs)
    yield f"{history.job}: {loads:,} load{_s(loads)}, {runs:,} run{_s(runs)}"
    worked = {number for load in history.loads for number in load.runs}
    for load in history.loads:
        yield from _load_lines(history, load, every_file=every_file)
    idle = [run for run in history.runs if run.number not in worked]
    if idle:
        yield f"  runs without a load: {', '.join(_run_text(run) for run in idle[-MOST_FILES:])}"
    yield from _last_run_lines(history.runs[-1], name)
    if history.mark:
        yield f"Its mark outside the state folder: {history.mark}"


def _last_run_lines(run: PastRun, name: JobName) -> Iterator[str]:
    """Yield why the last run ended as it did and what to do, where that isn't well."""
    if run.exit_code in _FINE:
        return
    if run.message:
        yield from f"Run {run.number}: {run.message}".split("\n")
        yield run.fix
    if run.log:
        yield f"Its log: {run.log}"
    yield f"Then go on: {name.type('run')}"


def _load_lines(history: JobHistory, load: PastLoad, *, every_file: bool) -> Iterator[str]:
    kind = "" if load.kind == "files" else f" ({load.kind})"
    gone = "" if load.kept else "; ids and rejects removed"
    yield f"  load {load.number}{kind}: {_when(load)}{gone}"
    books = load.books
    words = ("delivered", "rejected", "duplicate", "skipped", "pending")
    counts = ", ".join(f"{getattr(books, word):,} {word}" for word in words if getattr(books, word))
    yield f"    rows  {books.read:,} read{': ' + counts if counts else ''}"
    if load.found_there:
        yield f"          {load.found_there:,} of the delivered were found there, by asking the destination"
    if load.corrections.found:
        sent = f", {load.corrections.sent:,} of them sent" if load.corrections.sent else ""
        yield f"          {load.corrections.found:,} came again with another content than was delivered{sent}"
    if load.came_again:
        yield f"          {load.came_again:,} of the duplicates are events of an older mapping"
    shown = load.files if every_file else load.files[:MOST_FILES]
    for position, file in enumerate(shown):
        size = f"{file.size / 1e6:,.1f} MB" if file.size >= 100_000 else f"{file.size:,} bytes"
        yield f"    {'files' if position == 0 else '     '} {file.path}: {file.rows:,} rows, {size}"
    if len(shown) < len(load.files):
        yield f"          and {len(load.files) - len(shown):,} more: --files lists them all"
    if load.runs:
        yield f"    runs  {', '.join(_run_text(history.run(number)) for number in load.runs)}"


def _when(load: PastLoad) -> str:
    staged = f"staged {_time(load.staged_at)}"
    if load.completed_at is None:
        return f"{staged}, unfinished"
    return f"{staged}, {load.state} after {format_duration(max(0.0, load.completed_at - load.staged_at))}"


def _run_text(run: PastRun) -> str:
    return f"{run.number} ({'killed' if run.exit_code is None else f'exit {run.exit_code}'})"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
