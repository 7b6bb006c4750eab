"""Faults of the machine that no command has words for, as errors that a person can mend."""

import errno
import os
import re
from pathlib import Path
from typing import Final

from etl.errors import BackfillError, StateError
from etl.private import explain_os_error

__all__ = ["as_bug", "explain_fault"]

_SCARCE: Final = (
    "Expected what the machine usually gives a process (what was delivered is in the ledger and safe), found"
)
# What an error says that became a text, or that a panic quotes.
_IN_RUST: Final = re.compile(r"\bos error (\d+)|\bOs { code: (\d+),")


def explain_fault(error: BaseException) -> BackfillError | None:
    """Return what a person should read when `error` came up: something is scarce, or a file can't be used.

    None for anything else, which is a bug.
    """
    if isinstance(error, BackfillError):
        return error
    if (scarcity := _name_scarcity(error)) is not None:
        found, fix = scarcity
        return StateError(f"{_SCARCE} {found}", fix)
    if isinstance(error, OSError) and error.filename is not None:
        return explain_os_error(error, Path(os.fsdecode(error.filename)))
    return None


def as_bug(error: BaseException, where: Path) -> BackfillError:
    """Return what a person should read of an error that only the makers can mend."""
    return BackfillError(
        f"Expected the run to end, found a bug: {type(error).__name__} - {where}",
        "Nothing that was delivered is forgotten: running again goes on. Please report it with the lines above",
    )


def _name_scarcity(error: BaseException) -> tuple[str, str] | None:
    """Return what there is too little of, and how to give more; the libraries in Rust say so in their text alone."""
    text = str(error)
    told = _IN_RUST.search(text)
    number = int(told[1] or told[2]) if told else getattr(error, "errno", None)
    if number in (errno.EMFILE, errno.ENFILE):
        return "too many open files", "Allow more (ulimit -n 1024), then run it again"
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return "no memory left", "Free some, or lift the limit (ulimit -v), then run it again"
    if "can't start new thread" in text or (told is not None and number == errno.EAGAIN and "thread" in text):
        return "no thread left", "Allow more (ulimit -u), then run it again"
    return None
