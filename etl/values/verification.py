"""What verifying found, as values: the ledger keeps them, `verify` and `status` tell them. Times are seconds since the
epoch, UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "DifferenceKind",
    "EventDifference",
    "JobVerification",
    "Others",
    "Verification",
    "VerificationCounts",
]


class DifferenceKind(StrEnum):
    """How an event at the destination is not as it was sent; `UNKNOWN`: that can't be told."""

    MISSING = "missing"
    DOUBLED = "doubled"
    ALTERED = "altered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EventDifference:
    """One event that is not as it was sent: which one, how, and for an altered one the first field that differs.

    `expected` and `found` are JSON; `reason` says why an unknown one is unknown.
    """

    part: int
    index: int
    kind: DifferenceKind
    field: str = ""
    expected: str = ""
    found: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VerificationCounts:
    """How many delivered events were asked for, and what was said of them: asked = the five others together."""

    asked: int = 0
    confirmed: int = 0
    missing: int = 0
    doubled: int = 0
    altered: int = 0
    unknown: int = 0

    def __add__(self, other: "VerificationCounts") -> "VerificationCounts":
        return VerificationCounts(
            *(getattr(self, name) + getattr(other, name) for name in VerificationCounts.__dataclass_fields__)
        )

    @property
    def differences(self) -> int:
        """How many are known not to be there as they were sent."""
        return self.missing + self.doubled + self.altered


@dataclass(frozen=True, slots=True)
class Verification:
    """One verification of a load; without `ended_at` it is under way or was killed.

    `sample` is how many events were asked for where not all were, None for all. `lag_seconds` is how long after the
    first question an event was seen that hadn't shown then, at most.
    """

    number: int
    load: int
    began_at: float
    ended_at: float | None = None
    sample: int | None = None
    queries: int = 0
    lag_seconds: float = 0.0
    counts: VerificationCounts = field(default_factory=VerificationCounts)

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        return {
            "load": self.load,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "sample": self.sample,
            **{name: getattr(self.counts, name) for name in VerificationCounts.__dataclass_fields__},
            "queries": self.queries,
            "lag_s": round(self.lag_seconds, 1),
        }


@dataclass(frozen=True, slots=True)
class Others:
    """How many events of a job's types the destination holds, from its first day to its last, that it did not send.

    `count` is None where that isn't known; `reason` says why, nothing where nobody asked.
    """

    count: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JobVerification:
    """What verifying a job came to: the newest verification of each of its loads, and all of them added up.

    `delivered` is how many events of these loads the ledger calls delivered, without the `superseded` ones, which a
    later load corrected. `resent` missing ones were sent again, `repaired` of them are there now; the content of `lost`
    ones can't be had any more. `others` are events that the job did not send: no difference. `message` says why it is
    not all well, `fix` what to do.
    """

    job: str
    counts: VerificationCounts = VerificationCounts()
    loads: tuple[Verification, ...] = ()
    elapsed_seconds: float = 0.0
    exit_code: int = 0
    message: str = ""
    fix: str = ""
    resent: int = 0
    repaired: int = 0
    lost: int = 0
    others: Others = Others()
    delivered: int = 0
    superseded: int = 0

    @property
    def queries(self) -> int:
        """How many queries were made."""
        return sum(load.queries for load in self.loads)

    @property
    def lag_seconds(self) -> float:
        """How long after the first question an event was seen that hadn't shown then, at most."""
        return max((load.lag_seconds for load in self.loads), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        return {
            "job": self.job,
            "delivered": self.delivered,
            "superseded": self.superseded,
            "loads": [load.to_json() for load in self.loads],
            **{name: getattr(self.counts, name) for name in VerificationCounts.__dataclass_fields__},
            "resent": self.resent,
            "repaired": self.repaired,
            "lost": self.lost,
            "others": self.others.count,
            "queries": self.queries,
            "lag_s": round(self.lag_seconds, 1),
            "elapsed_s": round(self.elapsed_seconds, 3),
            "message": self.message,
            "exit_code": self.exit_code,
        }
