"""What adopting a job came to, as values: `adopt` tells it. What the destination holds already is not sent."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Adoption", "OtherwiseThere"]


@dataclass(frozen=True, slots=True)
class OtherwiseThere:
    """A pending event whose id the destination has, though not once and as it would be sent: why, and whose row it is.

    `field` is the first that differs, `expected` and `found` its values as JSON; all are empty for one that is there
    twice.
    """

    finding: str
    id: str
    load: int
    file: str
    row: int
    field: str = ""
    expected: str = ""
    found: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        return {name: getattr(self, name) for name in OtherwiseThere.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Adoption:
    """How many pending events of a job were asked for, and what was said of them: asked = the five after it together.

    `found` are there once and as they would be sent, and count as delivered now; `absent` aren't there. `altered` are
    there otherwise, `doubled` more than once: they stay pending unless `accepted` says that they count as delivered,
    too. `first` are some of those, `unknown_reason` says why one can't be told. `message` says why it is not all well,
    `fix` what to do.
    """

    job: str
    load: int | None = None
    asked: int = 0
    found: int = 0
    absent: int = 0
    altered: int = 0
    doubled: int = 0
    unknown: int = 0
    accepted: int = 0
    pending: int = 0
    first: tuple[OtherwiseThere, ...] = ()
    unknown_reason: str = ""
    queries: int = 0
    elapsed_seconds: float = 0.0
    message: str = ""
    fix: str = ""
    exit_code: int = 0

    @property
    def otherwise(self) -> int:
        """How many are there otherwise than they would be sent, and stay pending."""
        return self.altered + self.doubled - self.accepted

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        counts = ("load", "asked", "found", "absent", "altered", "doubled", "unknown", "accepted", "pending")
        return {
            "job": self.job,
            **{name: getattr(self, name) for name in counts},
            "first": [one.to_json() for one in self.first],
            "queries": self.queries,
            "elapsed_s": round(self.elapsed_seconds, 3),
            "message": self.message,
            "fix": self.fix,
            "exit_code": self.exit_code,
        }
