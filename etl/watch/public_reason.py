"""What may be said of a run outside its own terminal. Pure.

Rule: an outcome's message may quote what a server answered, and a server may quote the event that it refused: only
messages about files and disks, which quote neither, go into a log or a notice. Of the others the exit code speaks.
"""

from typing import Final

from etl.exits import describe_exit
from etl.values.outcome import Outcome

__all__ = ["public_reason"]

_ABOUT_FILES: Final = (4, 7, 8)


def public_reason(outcome: Outcome) -> str:
    """Return why the run ended as it did, fit for a log that strangers read; empty where all went well."""
    if outcome.exit_code == 0 and not outcome.message:
        return ""
    if outcome.exit_code in _ABOUT_FILES and outcome.message:
        return outcome.message
    return "stopped as asked" if outcome.exit_code == 0 else describe_exit(outcome.exit_code)
