"""The values that come out of the ledger. Times are seconds since the epoch, UTC.

A bitmap has one bit an event of its part, in the format of `etl.ledger.bitmap`.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from etl.values.staged import LoadKind

__all__ = [
    "Dismissal",
    "DismissedRow",
    "Ending",
    "LoadEntry",
    "LoadState",
    "PartEntry",
    "ProvedPart",
    "RunEntry",
]

LoadState = Literal["open", "complete", "discarded"]


@dataclass(frozen=True, slots=True)
class LoadEntry:
    """One load in the ledger, where `read = skipped + rejected + duplicate + events`.

    `rejected` counts those of staging alone, `events` those to be sent. `ids_kept` says that the parts gave way
    to their ids.
    """

    number: int
    kind: LoadKind
    state: LoadState
    staged_at: float
    completed_at: float | None
    read: int
    skipped: int
    rejected: int
    duplicate: int
    events: int
    n_parts: int
    mapping: str
    ids_digest: str
    id_scheme_version: int
    ids_kept: bool


@dataclass(frozen=True, slots=True)
class PartEntry:
    """One part in the ledger: what it is, and the fate of each of its events."""

    number: int
    events: int
    size_bytes: int
    sha256: str
    n_duplicate: int
    n_delivered: int
    n_refused: int
    duplicate: bytes
    delivered: bytes
    refused: bytes

    @property
    def n_pending(self) -> int:
        """How many events are not settled."""
        return self.events - self.n_duplicate - self.n_delivered - self.n_refused


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ended as it did, what to do, and where its log is; empty texts where the run said nothing."""

    message: str = ""
    fix: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run of the job; a run that was killed has no end."""

    number: int
    load: int | None
    started_at: float
    ended_at: float | None = None
    exit_code: int | None = None
    state: str | None = None
    delivered: int = 0
    attempts: int = 0
    retries: int = 0
    ending: Ending = Ending()


@dataclass(frozen=True, slots=True)
class Dismissal:
    """One decision to dismiss rejects: its number, its time (seconds since the epoch, UTC) and its reason."""

    number: int
    at: float
    reason: str


class DismissedRow(NamedTuple):
    """A dismissed reject: its load, the position of its file there, its row, and the number of the decision."""

    load: int
    file: int
    row: int
    dismissal: int


@dataclass(frozen=True, slots=True)
class ProvedPart:
    """What the destination said of one part: bitmaps of the events that it confirmed, and of those found there."""

    part: int
    confirmed: bytes
    found_there: bytes
