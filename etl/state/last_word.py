"""Tells how a run ended where its ledger can't: the disk is full, the ledger is damaged, a key is missing.

It is left in the lock file, where it needs no room, and told by whatever looks; the next run takes it into the ledger,
so that the run doesn't count as killed.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from etl.errors import BackfillError
from etl.ledger.facts import Ending
from etl.ledger.lock import JobLock
from etl.ledger.store import Ledger
from etl.state.place import JobPlace

__all__ = ["compose_word", "leave_word_of_unbegun", "take_up_word"]

# The lock file holds a few kilobytes.
MOST_CHARS: Final = 600


def compose_word(
    error: BackfillError, run: int | None, log: str, *, started_at: float, ended_at: float
) -> dict[str, Any]:
    """Return the word of a run that `error` ended; `run` is its number, None where it never got one. Times are UTC
    seconds.
    """
    return {
        "run": run,
        "state": "failed",
        "exit_code": error.exit_code,
        "started_at": started_at,
        "ended_at": ended_at,
        "message": error.problem[:MOST_CHARS],
        "fix": error.fix[:MOST_CHARS],
        "log": log[:MOST_CHARS],
    }


def leave_word_of_unbegun(place: JobPlace, error: BackfillError, command: str, at: float) -> None:
    """Leave the word of a run that `error` ended before it took the job's lock; nothing where another run holds it."""
    with suppress(BackfillError, OSError), JobLock(place.folder, command=command) as lock:
        lock.leave_word(compose_word(error, None, "", started_at=at, ended_at=at))


def take_up_word(ledger: Ledger, word: dict[str, Any] | None) -> None:
    """Record in the ledger how the run before this one ended, where it couldn't say so itself."""
    runs = ledger.runs()
    if word is None or not runs or runs[-1].number != word["run"] or runs[-1].ended_at is not None:
        return
    how = {name: word[name] for name in ("ended_at", "exit_code", "state")}
    ending = Ending(word["message"], word["fix"], word["log"])
    ledger.end_run(replace(runs[-1], **how, ending=ending))
