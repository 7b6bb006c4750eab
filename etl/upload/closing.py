"""Ends a load: closes its books and keeps only the ids of its parts, or drops it before any of it was sent."""

import shutil
from pathlib import Path

from etl.errors import InputError
from etl.intake.fingerprint import mapping_fingerprint
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.read.files import fingerprint
from etl.read.resolve import resolve_files
from etl.receipts.issue import issue_due
from etl.stage.parts import explain_disk, load_folder
from etl.state.open_job import OpenJob
from etl.state.retiring import retire_parts

__all__ = [
    "can_discard",
    "complete_load",
    "discard_stale_load",
    "finish_closing",
]


def complete_load(opened: OpenJob, load: int, *, completed_at: float) -> None:
    """Close the books of a load, keep of its parts only the ids and what the report needs, and issue its receipt."""
    opened.ledger.complete_load(load, completed_at=completed_at)
    retire_parts(opened.folder, opened.ledger, opened.ledger.load(load), opened.job.keeps)
    issue_due(opened.folder, opened.ledger, issued_at=completed_at)


def finish_closing(opened: OpenJob, *, now: float) -> None:
    """Do what a run that was killed while it closed a load has left: ids put beside parts, parts removed, a receipt."""
    folder, ledger = opened.folder, opened.ledger
    for load in ledger.loads():
        retire_parts(folder, ledger, load, opened.job.keeps)
    issue_due(folder, ledger, issued_at=now)


def discard_stale_load(opened: OpenJob) -> int | None:
    """Drop the open load where none of it was sent and its job or files were mended since; return its number.

    Its rows are then staged again, as the job and the files are now.
    """
    job, folder, ledger = opened.job, opened.folder, opened.ledger
    load = ledger.open_load()
    if load is None or not can_discard(ledger, load):
        return None
    if load.mapping == mapping_fingerprint(job) and not (
        _is_hopeless(job, ledger, load) and _files_changed(job, folder, ledger, load)
    ):
        return None
    ledger.discard_load(load.number)
    place = load_folder(folder, load.number)
    try:
        shutil.rmtree(place)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise explain_disk(error, place) from None
    return load.number


def can_discard(ledger: Ledger, load: LoadEntry) -> bool:
    """Whether the rows of an open load can be had again from the job's files, and nothing of it was ever sent."""
    return load.kind == "files" and ledger.takes_over(load.number) is None and not ledger.is_sent(load.number)


def _is_hopeless(job: Job, ledger: Ledger, load: LoadEntry) -> bool:
    books = ledger.books(load.number)
    return load.kind == "files" and not job.limits.max_rejects.allows(books.rejected, books.read)


def _files_changed(job: Job, folder: Path, ledger: Ledger, load: LoadEntry) -> bool:
    before = {file.path: file.sha256 for file in ledger.files(load.number)}
    try:
        now = {
            file.name: fingerprint(file).sha256
            for file in resolve_files(job, folder / "fetched")
            if file.name in before
        }
    except InputError:
        return False
    return now != before
