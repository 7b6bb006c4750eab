"""Looks into the state of a job that no run holds: its ledger, where there is one. Sends nothing, makes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.ledger.lock import JobLock
from etl.ledger.store import Ledger
from etl.private import explain_os_error

__all__ = ["look_into"]

# What looks waits this long for what looks: each holds the lock for an instant.
PATIENCE_SECONDS = 0.5


@contextmanager
def look_into(folder: Path, command: str) -> Iterator[Ledger | None]:
    """Lend the ledger of the job whose state folder is `folder`, or None where it has never run.

    `command` is what a run that starts meanwhile is told. Raises `JobLocked` while a run holds the job, `StateError`
    where the ledger can't be trusted.
    """
    try:
        is_there = folder.is_dir()
    except OSError as error:  # another user's state
        raise explain_os_error(error, folder) from None
    if not is_there:
        yield None
        return
    with JobLock(folder, command=command, wait_seconds=PATIENCE_SECONDS):
        ledger = Ledger.open_existing(folder)
        if ledger is None:
            yield None
            return
        with ledger:
            yield ledger
