"""Finds the ids of what was delivered, as duplicates of it have them now; notes which of it came again."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from etl.intake.fingerprint import mapping_of
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.duplicates import DeliveredIds
from etl.stage.kept import KeptFolder, read_ids_at
from etl.stage.parts import renamed_path
from etl.state.kept_load import kept_folder
from etl.values.remapped import RowChange
from etl.values.renamed import CameAgain
from etl.values.staged import RenamedRows

__all__ = ["find_delivered", "note_came_again"]


def find_delivered(job: Job, folder: Path, ledger: Ledger) -> list[DeliveredIds]:
    """Return, for each part of each complete load, what reads the ids that were delivered from it.

    A row whose id is among them is a duplicate, whichever load had it first; so is one that has by now the id of a row
    which was delivered under another mapping. What retention removed is not among them.
    """
    cleared = ledger.cleared_through
    found: list[DeliveredIds] = []
    for load in ledger.loads():
        if load.state == "complete" and load.number > cleared:
            kept = kept_folder(folder, ledger, load.number)
            takes_over = ledger.takes_over(load.number) is not None
            parts = [part for part in ledger.parts(load.number) if part.n_delivered or takes_over]
            found += [
                DeliveredIds(partial(read_ids_at, kept, part.number, part.delivered, takes_over=takes_over))
                for part in parts
            ]
            # Behind them: of an event whose id is the same, this content is what its row has now.
            found += [DeliveredIds(read, are_renamed=True) for read in _read_renamed(job, ledger, load, kept)]
    return found


def _read_renamed(
    job: Job, ledger: Ledger, load: LoadEntry, kept: KeptFolder
) -> Iterator[Callable[[], pl.DataFrame]]:
    for path in _renamed_paths(job, ledger, load.number, kept):
        yield partial(_read_new_ids, kept, path)


def _read_new_ids(kept: KeptFolder, path: Path) -> pl.DataFrame:
    rows = kept.read(path, ["id_now", "content_now"])
    has_content = rows["content_now"].null_count() < rows.height  # an id by content speaks for itself
    return rows.select(
        pl.col("id_now").alias("id"), *([pl.col("content_now").alias("content")] if has_content else [])
    )


def _renamed_paths(job: Job, ledger: Ledger, load: int, kept: KeptFolder) -> list[Path]:
    renamed, mapping = ledger.notes.renamed.of(load), mapping_of(job)
    if renamed is None or renamed.mapping != mapping:
        return []
    return [renamed_path(kept.folder, mapping, number) for number in range(renamed.parts)]


def note_came_again(
    job: Job, folder: Path, ledger: Ledger, load: int, rows: RenamedRows, names: Sequence[str]
) -> None:
    """Note which events came again in `load`, which is about to be recorded; `names` are those of its files."""
    if rows.first is None:
        return
    file, row, id_now = rows.first
    old = _find_old_id(job, folder, ledger, id_now)
    example = RowChange(names[file], row, old, id_now) if old is not None else None
    ledger.notes.came_again.put(load, CameAgain(rows.events, rows.changed, example))


def _find_old_id(job: Job, folder: Path, ledger: Ledger, id_now: str) -> str | None:
    for load in ledger.loads():
        kept = kept_folder(folder, ledger, load.number)
        for path in _renamed_paths(job, ledger, load.number, kept):
            found = kept.read(path, ["id", "id_now"]).filter(pl.col("id_now") == id_now)
            if found.height:
                old: str = found["id"][0]
                return old
    return None
