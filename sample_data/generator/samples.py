"""What a generator hands back: the bytes of a file, and what should become of each of its rows.

The fates are known from construction, so that they can be held against what the tool finds.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

__all__ = ["DELIVERED", "DUPLICATE", "SKIPPED", "Fate", "Fates", "Sample", "expect_books", "list_faults"]

DELIVERED: Final = "delivered"
DUPLICATE: Final = "duplicate"
SKIPPED: Final = "skipped"


class Fate(NamedTuple):
    """What should become of one row: an outcome that the books count, or a reject code; and why."""

    outcome: str
    note: str = ""


class Fates:
    """The fates of a file's rows, in the file's order."""

    def __init__(self) -> None:
        self._fates: list[Fate] = []

    def add(self, outcome: str = DELIVERED, note: str = "") -> None:
        """Add the fate of the next row."""
        self._fates.append(Fate(outcome, note))

    def freeze(self) -> tuple[Fate, ...]:
        """Return the fates as they are now."""
        return tuple(self._fates)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample file: its job, its name, its exact bytes, and the fate of each row."""

    job: str
    file: str
    data: bytes = field(repr=False)
    fates: Sequence[Fate] = field(repr=False)


def expect_books(samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
    """Return the books that each job should end with, by job name."""
    outcomes: dict[str, Counter[str]] = {}
    for sample in samples:
        outcomes.setdefault(sample.job, Counter()).update(fate.outcome for fate in sample.fates)
    return {job: _close_books(outcomes[job]) for job in sorted(outcomes)}


def list_faults(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Return every row with something on purpose: job, file, row (1-based), outcome, note."""
    return [
        {"job": sample.job, "file": sample.file, "row": row, "outcome": fate.outcome, "note": fate.note}
        for sample in samples
        for row, fate in enumerate(sample.fates, start=1)
        if fate.note
    ]


def _close_books(outcomes: Counter[str]) -> dict[str, Any]:
    counted = {DELIVERED, DUPLICATE, SKIPPED}
    rejects = {code: outcomes[code] for code in sorted(outcomes) if code not in counted}
    return {
        "read": outcomes.total(),
        "delivered": outcomes[DELIVERED],
        "rejected": sum(rejects.values()),
        "duplicate": outcomes[DUPLICATE],
        "skipped": outcomes[SKIPPED],
        "rejects": rejects,
    }
