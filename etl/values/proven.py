"""What verifying proved of a job's events so far, as a value: `status`, pages, metrics and notices tell it."""

from dataclasses import dataclass
from typing import Any

from etl.values.verification import VerificationCounts

__all__ = ["Proven"]

_DIFFERENCES = ("missing", "doubled", "altered", "unknown")


@dataclass(frozen=True, slots=True)
class Proven:
    """What the newest verification of each load says, all added up, of the `delivered` events of the job.

    `verified_at` is when the last of them ended, or began where it has no end; `age_seconds` how long ago that was when
    this was read.
    """

    delivered: int
    counts: VerificationCounts
    verified_at: float
    age_seconds: float

    @property
    def share(self) -> float:
        """The share of the delivered events that is known to be there once and as it was sent."""
        return self.counts.confirmed / self.delivered if self.delivered else 0.0

    @property
    def percent(self) -> str:
        """The share, for a person: 100 only where it is so."""
        if self.counts.confirmed == self.delivered:
            return "100%"
        return f"{min(100 * self.share, 99.9):.1f}%"

    @property
    def differences(self) -> str:
        """What isn't confirmed of those that were asked for, as in `5 missing, 2 doubled`; empty where all is."""
        found = ((getattr(self.counts, word), word) for word in _DIFFERENCES)
        return ", ".join(f"{count:,} {word}" for count, word in found if count)

    @property
    def text(self) -> str:
        """Say it, for a person, as in `291 of 300 delivered events confirmed at the destination (97.0%), 9 missing`."""
        differences = f", {self.differences}" if self.differences else ""
        return (
            f"{self.counts.confirmed:,} of {self.delivered:,} delivered events confirmed at the destination "
            f"({self.percent}){differences}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        return {
            "delivered": self.delivered,
            **{name: getattr(self.counts, name) for name in VerificationCounts.__dataclass_fields__},
            "share": round(self.share, 6),
            "verified_at": self.verified_at,
            "age_s": round(self.age_seconds, 1),
        }
