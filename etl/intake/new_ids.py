"""Compares what was delivered under an older mapping with what it would be now, and keeps its ids of now. So a row that
comes again is found to be a duplicate.

Rule: what is kept of a load is noted in one step with the files that hold it, and is of one mapping, that of now.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from etl.errors import InputError
from etl.intake.fingerprint import is_mapped_alike, mapping_of
from etl.intake.renaming import pair_delivered
from etl.intake.rereading import Rereading
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.parts import explain_disk, load_folder, renamed_path, write_part
from etl.values.remapped import RowChange
from etl.values.renamed import Renamed, RenamedLoads
from etl.values.staged import MAX_PART_EVENTS, KeptFile

__all__ = ["compare_loads", "keep_new_ids"]

_COUNTED: Final = ("new_id", "new_content", "gone", "unknown")


def compare_loads(
    job: Job, folder: Path, ledger: Ledger, loads: Iterable[LoadEntry], started: datetime
) -> RenamedLoads:
    """Return what the events that `loads` delivered would be under the job's mapping now. Changes nothing."""
    again = Rereading(job, folder, ledger, started)
    delivered = [(load, count) for load in loads if (count := ledger.books(load.number).delivered)]
    return RenamedLoads(
        [(load.number, _compare(again, load, count, lambda _: None)) for load, count in delivered]
    )


def keep_new_ids(job: Job, folder: Path, ledger: Ledger, started: datetime) -> RenamedLoads:
    """Keep what complete loads under other mappings delivered by the ids that it has under the job's mapping now.

    Return what they come to; of a load of which that is kept by now, nothing is read again. Raises `StateError`.
    """
    mapping, found = mapping_of(job), []
    again = Rereading(job, folder, ledger, started)
    for load in ledger.loads():
        delivered = ledger.books(load.number).delivered
        if load.state != "complete" or load.number <= ledger.cleared_through or not delivered:
            continue
        if is_mapped_alike(job, load):
            continue
        renamed = ledger.notes.renamed.of(load.number)
        if renamed is None or renamed.mapping != mapping:
            renamed = _keep(again, load, delivered)
        found.append((load.number, renamed))
    return RenamedLoads(found)


def _compare(
    again: Rereading, load: LoadEntry, delivered: int, keep: Callable[[pl.DataFrame], None]
) -> Renamed:
    """Return what becomes of the `delivered` events of `load`; `keep` gets the rows that differ."""
    mapping = mapping_of(again.job)
    counts: Counter[str] = Counter()
    example: RowChange | None = None
    try:
        for rows in pair_delivered(again, load):
            counts.update({name: int(rows[name].sum()) for name in _COUNTED})
            changed = rows.filter(pl.col("new_id") | pl.col("new_content"))
            if changed.height:
                example = example or _example_of(changed, again.ledger, load)
                keep(changed.select("file", "row", "id", "id_now", "content_now"))
    except InputError as error:
        return Renamed(mapping, delivered, problem=error.problem)
    return Renamed(
        mapping,
        delivered,
        new_id=counts["new_id"],
        new_content=counts["new_content"],
        gone=counts["gone"],
        unknown=counts["unknown"],
        example=example,
    )


def _keep(again: Rereading, load: LoadEntry, delivered: int) -> Renamed:
    mapping, place = mapping_of(again.job), load_folder(again.folder, load.number)
    files: list[KeptFile] = []
    waiting: list[pl.DataFrame] = []

    def write(at_least: int) -> None:
        if waiting and sum(frame.height for frame in waiting) >= at_least:
            files.append(write_part(pl.concat(waiting), renamed_path(place, mapping, len(files))))
            waiting.clear()

    def keep(rows: pl.DataFrame) -> None:
        waiting.append(rows)
        write(MAX_PART_EVENTS)

    renamed = _compare(again, load, delivered, keep)
    if renamed.problem:
        files.clear()
    else:
        write(1)
    renamed = replace(renamed, parts=len(files))
    again.ledger.keep_renamed(load.number, files, renamed)
    _remove_others(place, {file.name for file in files})
    return renamed


def _remove_others(place: Path, kept: set[str]) -> None:
    """Remove what was kept for the mapping before this one, and what a kill left."""
    try:
        for path in place.glob("renamed-*.parquet"):
            if path.name not in kept:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise explain_disk(error, place) from None


def _example_of(changed: pl.DataFrame, ledger: Ledger, load: LoadEntry) -> RowChange:
    file, row, old, new = changed.select("file", "row", "id", "id_now").row(0)
    return RowChange(ledger.files(load.number)[file].path, row, old, new)
