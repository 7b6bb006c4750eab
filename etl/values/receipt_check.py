"""What asking the destination for the events of a receipt came to, without a ledger. Pure."""

from dataclasses import dataclass
from typing import Any

__all__ = ["CountDifference", "ReceiptCheck"]


@dataclass(frozen=True, slots=True)
class CountDifference:
    """A day and type of which the destination shows another number of the receipt's events than it counts."""

    day: str
    entity_type: str
    type: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """Of how many of `delivered` events was asked, and what was found of each by its id: asked = the four together.

    `endpoint` was asked, `sent_to` is what the receipt says. `proven` of those present carry an id that is the digest
    of their content; of the others the content can't be compared, for a receipt holds none. `counts` are days and types
    that differ, and `uncounted_reason` says why they could not be compared. `before` and `after` are the receipts of
    its chain beside it; `goes_on`: one before those isn't there.
    """

    receipt: str
    ids: str
    job: str
    load: int
    endpoint: str
    sent_to: str
    delivered: int
    asked: int = 0
    present: int = 0
    missing: int = 0
    doubled: int = 0
    unknown: int = 0
    proven: int = 0
    is_sample: bool = False
    counts: tuple[CountDifference, ...] = ()
    uncounted_reason: str = ""
    before: int = 0
    after: int = 0
    goes_on: bool = False
    queries: int = 0
    lag_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    exit_code: int = 0
    message: str = ""
    fix: str = ""

    @property
    def differences(self) -> int:
        """How many events are known not to be there once."""
        return self.missing + self.doubled

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        names = ("receipt", "ids", "job", "load", "endpoint", "sent_to", "delivered", "asked")
        counted = ("present", "missing", "doubled", "unknown", "proven", "is_sample")
        return {
            **{name: getattr(self, name) for name in (*names, *counted)},
            "counts": [
                {name: getattr(one, name) for name in CountDifference.__dataclass_fields__}
                for one in self.counts
            ],
            "counts_compared": not self.uncounted_reason,
            "chain": {"before": self.before, "after": self.after, "goes_on": self.goes_on},
            "queries": self.queries,
            "lag_s": round(self.lag_seconds, 1),
            "elapsed_s": round(self.elapsed_seconds, 3),
            "message": self.message,
            "exit_code": self.exit_code,
        }
