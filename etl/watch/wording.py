"""What may be said of a run outside its own terminal. Pure.

Rule: an outcome's message may quote what a server answered, and a server may quote the event that it refused: only
messages about files and disks, which quote neither, go into a log or a notice. Of the others the exit code speaks.
"""

from typing import Final

from etl.values.outcome import Outcome

__all__ = ["describe_code", "public_reason"]

_BY_CODE: Final = {
    0: "every row is settled",
    1: "a bug",
    2: "the job file, the command or the endpoint is wrong",
    3: "finished, with rejects",
    4: "the input is missing, unreadable or changed",
    5: "incomplete for a passing cause: the same command goes on",
    6: "the key is missing or refused",
    7: "a fault of the local disk or the ledger",
    8: "another run holds the job",
    9: "the destination has an event otherwise, or has it already",
    10: "a limit of the job was reached",
    130: "interrupted: the same command goes on",
    143: "terminated: the same command goes on",
}
_ABOUT_FILES: Final = (4, 7, 8)


def describe_code(exit_code: int) -> str:
    """Return what `exit_code` means, in a few words."""
    return _BY_CODE.get(exit_code, f"ended with exit code {exit_code}")


def public_reason(outcome: Outcome) -> str:
    """Return why the run ended as it did, fit for a log that strangers read; empty where all went well."""
    if outcome.exit_code == 0 and not outcome.message:
        return ""
    if outcome.exit_code in _ABOUT_FILES and outcome.message:
        return outcome.message
    return "stopped as asked" if outcome.exit_code == 0 else describe_code(outcome.exit_code)
