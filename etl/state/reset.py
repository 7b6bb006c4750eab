"""Forgets the state of a job, so that it starts over. Touches nothing but the job's own folder."""

import shutil
from pathlib import Path

from etl.errors import StateError
from etl.job.model import Job
from etl.ledger.lock import LOCK_NAME, JobLock
from etl.private import explain_os_error, sync_folder
from etl.state.lookup import look_into
from etl.state.marks import Marks
from etl.state.place import JobPlace
from etl.state.status import books_of_job

__all__ = ["describe_state", "reset_job"]


def describe_state(job: Job, place: JobPlace) -> str | None:
    """Return what would be forgotten, for a person; None where the job has no state.

    Raises `JobLocked` while a run holds the job. A ledger that can't be read is state as well: forgetting it is the way
    out.
    """
    try:
        with look_into(place.folder, f"backfill reset {job.path}") as ledger:
            if ledger is None:
                return None
            books = books_of_job(ledger)
    except StateError:
        return "a ledger that can't be read"
    return f"what was staged and sent of {books.read:,} rows ({books.delivered:,} delivered, {books.pending:,} pending)"


def reset_job(place: JobPlace, marks: Marks) -> None:
    """Remove the state of the job; raises `JobLocked` while a run holds it, `StateError` where it can't be removed.

    The lock stays where it is: whoever waits for it must find the same file. Killed halfway, it is done again in the
    same way.
    """
    with JobLock(place.folder, command="backfill reset"):
        try:
            for path in sorted(place.folder.iterdir(), key=_removal_order):
                if path.name != LOCK_NAME:
                    _remove(path)
            sync_folder(place.folder)
            marks.forget()
        except OSError as error:
            raise explain_os_error(error, place.folder) from None


def _removal_order(path: Path) -> tuple[bool, bool]:
    # Cut short, it leaves loads without a ledger, which every command refuses with the advice to reset.
    return path.name == "loads", path.name != "ledger.db"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
