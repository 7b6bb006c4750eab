"""Notices that a job's [filter] changed after rows were skipped by it, and reads again what it lets in now.

Each load of files notes the filter's text. Rows that every filter so far let in have been taken; of the others of known
files those that the filter of now lets in are new, save what was delivered from elsewhere.
"""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from etl.errors import BackfillError
from etl.intake.batches import open_rows, transform_rows
from etl.intake.id_audit import IdAudit, facts_of
from etl.intake.window import job_window
from etl.job.model import FilterSpec, Job
from etl.ledger.notes import NotedFilter
from etl.ledger.store import Ledger
from etl.read.growing import NoWholeLine
from etl.stage.duplicates import DeliveredIds
from etl.typed import type_command

__all__ = ["FilterChange", "change_lines", "find_change", "note_filter", "of_skipped"]

MOST_COUNTED_BYTES: Final = 256_000_000


class FilterChange(NamedTuple):
    """The newest load with another filter than the job's; how many of its skipped rows would be events, if counted."""

    load: int
    rows: int | None


def note_filter(ledger: Ledger, load: int, job: Job) -> None:
    """Note the filter of `load`, which is about to be recorded."""
    ledger.notes.filter.put(load, NotedFilter(_sql_of(job)))


def of_skipped(job: Job, ledger: Ledger) -> Job | None:
    """Return `job` with a filter that lets in only what an earlier one may have skipped; None where none can have."""
    skipped = _of_skipped(job, [sql for _, sql in _noted(ledger)])
    # Repeats are numbered among all rows of a file.
    return job if skipped is not None and job.event.id.duplicates == "number" else skipped


def find_change(
    job: Job,
    folder: Path,
    ledger: Ledger,
    started: datetime,
    delivered_ids: Sequence[DeliveredIds],
    *,
    most_bytes: int | None = MOST_COUNTED_BYTES,
) -> FilterChange | None:
    """Return what a changed filter would let in; None where it didn't change, or lets in nothing.

    What is larger than `most_bytes` in all is not read again: then, or where it can't be, the rows are None.
    """
    noted = _noted(ledger)
    if not noted or noted[-1][1] == _sql_of(job) or (skipped := of_skipped(job, ledger)) is None:
        return None
    newest = noted[-1][0]
    if most_bytes is not None and sum(file.size for file in ledger.known_files().values()) > most_bytes:
        return FilterChange(newest, None)
    try:
        rows = _count(skipped, folder, ledger, started, delivered_ids)
    except (BackfillError, NoWholeLine):
        return FilterChange(newest, None)
    return FilterChange(newest, rows) if rows else None


def change_lines(change: FilterChange) -> Iterable[str]:
    """Yield what a person should know of `change`, and the way to take the rows in."""
    if change.rows is None:
        yield (
            f"[filter] changed since load {change.load}: rows that were skipped may be events now; they were not "
            "counted"
        )
    else:
        some = (
            "row that was skipped would be an event"
            if change.rows == 1
            else "rows that were skipped would be events"
        )
        yield f"[filter] changed since load {change.load}: {change.rows:,} {some} now"
    yield f"Take them in: {type_command('run', '--take-skipped')}; else they stay skipped"


def _sql_of(job: Job) -> str | None:
    return job.filter.sql if job.filter is not None else None


def _noted(ledger: Ledger) -> list[tuple[int, str | None]]:
    """Return the loads of files that noted their filter, in order; a load of an older backfill noted none."""
    found = []
    for load in ledger.loads():
        noted = ledger.notes.filter.of(load.number) if load.kind == "files" else None
        if noted is not None:
            found.append((load.number, noted.sql))
    return found


def _of_skipped(job: Job, before: Iterable[str | None]) -> Job | None:
    taken = [sql for sql in dict.fromkeys(before) if sql is not None and sql != _sql_of(job)]
    if not taken:
        return None
    every = " AND ".join(f"(\n{sql}\n)" for sql in taken)
    now = f"(\n{job.filter.sql}\n) AND " if job.filter is not None else ""
    return job.model_copy(update={"filter": FilterSpec(sql=f"{now}NOT COALESCE(({every}), FALSE)")})


def _count(
    skipped: Job,
    folder: Path,
    ledger: Ledger,
    started: datetime,
    delivered_ids: Sequence[DeliveredIds],
) -> int:
    source, plans = open_rows(skipped, started, with_source=False, fetched=folder / "fetched")
    known = ledger.known_files()
    files = [index for index, file in enumerate(source.files) if file.name in known]
    with tempfile.TemporaryDirectory(prefix="backfill-") as scratch:
        audit = IdAudit(Path(scratch), numbers_repeats=False, compares=False)
        with closing(audit):
            for batch in transform_rows(source, plans, files, window=job_window(skipped)):
                # Rows that came since are not of those that were skipped.
                last = known[source.files[batch.file].name].rows
                events = batch.transformed.events
                audit.add(facts_of(events.filter(events["row"] <= last), with_content=False))
            return audit.count_new(delivered_ids)
