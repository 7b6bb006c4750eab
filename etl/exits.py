"""How a command can end: every exit code, what it means, what is safe then, and what to do next. Pure.

The one source of these sentences: logs, telemetry and the page for whoever is on call draw from it.
"""

from typing import Final, NamedTuple

__all__ = ["EXITS", "Exit", "describe_exit"]


class Exit(NamedTuple):
    """One way to end. `following` is what to do; where that is a command, JOB stands for the job file."""

    meaning: str
    safe: str
    following: str


_ON_RECORD: Final = "what was delivered is on record"
_GOES_ON: Final = f"{_ON_RECORD}; the rest waits"

EXITS: Final[dict[int, Exit]] = {
    0: Exit("every row is settled", "every event is delivered; running again sends nothing", "nothing"),
    1: Exit(
        "a bug",
        f"{_ON_RECORD}, as after a kill",
        "the same command again; report the lines above it",
    ),
    2: Exit(
        "the job file, the command or the endpoint is wrong",
        f"{_ON_RECORD}; where it ends so at once, nothing was sent",
        "mend the line that the message names, then `backfill preview JOB`",
    ),
    3: Exit(
        "finished, with rejects",
        "all other events are delivered; the rejects are kept with their rows",
        "`backfill rejects JOB`, mend them, `backfill retry JOB`; or `backfill dismiss JOB`",
    ),
    4: Exit(
        "the input is missing, unreadable or changed",
        f"{_ON_RECORD}; the rest waits",
        "put it back, or say what is meant with `on_change`, then the same command",
    ),
    5: Exit("incomplete for a passing cause: the same command goes on", _GOES_ON, "the same command"),
    6: Exit("the key is missing or refused", _GOES_ON, "mend the key, then `backfill doctor JOB`"),
    7: Exit(
        "a fault of the local disk or the ledger",
        f"{_ON_RECORD} as far as the ledger is sound, and nothing is sent on a ledger that isn't",
        "do what the message says, then `backfill doctor JOB`; keep the state folder: it knows what was delivered",
    ),
    8: Exit(
        "another run holds the job",
        "this command did nothing; the other run goes on",
        "`backfill status JOB`",
    ),
    9: Exit(
        "the destination has an event otherwise than it was sent, or has already what would be sent",
        "what the destination has was left as it is",
        "`backfill verify JOB`, or `backfill adopt JOB`",
    ),
    10: Exit(
        "a limit of the job was reached",
        _GOES_ON,
        "`backfill validate JOB`, mend the job file, then the same command",
    ),
    11: Exit(
        "no column of the files holds times that can be read",
        "the job file is written; nothing was sent",
        "name the column of the time and its `format` in the job file, then `backfill preview JOB`",
    ),
    129: Exit("hung up: the same command goes on", _GOES_ON, "the same command"),
    130: Exit("interrupted: the same command goes on", _GOES_ON, "the same command"),
    143: Exit("terminated: the same command goes on", _GOES_ON, "the same command"),
}


def describe_exit(code: int) -> str:
    """Return what `code` means, in a few words."""
    return EXITS[code].meaning if code in EXITS else f"ended with exit code {code}"
