"""When reading on is of no use: most of what was read so far is rejects, as with a wrong separator. Pure."""

from pathlib import Path
from typing import Final

from etl.errors import LimitReached
from etl.job.model import MaxRejects
from etl.typed import type_command

__all__ = ["check_hope", "stopped_early"]

# By then half a file of good rows would have shown.
LEAST_ROWS: Final = 100_000


def stopped_early(read: int, rejected: int, most: MaxRejects, job_path: Path) -> str | None:
    """Return what is said of files that are read no further, None where they are; a limit that allows it is heeded."""
    if read < LEAST_ROWS or 2 * rejected <= read or most.allows(rejected, read):
        return None
    return (
        f"Stopped after {read:,} rows: expected at most {most.text} rejects, found {rejected:,} "
        f"({100 * rejected / read:.1f}%) - [limits] max_rejects, {job_path}"
    )


def check_hope(read: int, rejected: int, most: MaxRejects, job_path: Path) -> None:
    """Raise `LimitReached` where it is of no use to stage more."""
    if problem := stopped_early(read, rejected, most, job_path):
        raise LimitReached(
            problem,
            f"See what is wrong: {type_command('validate')}. To stage every row all the same: "
            'max_rejects = "100%"; nothing was staged or sent',
        )
