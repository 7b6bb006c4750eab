"""The books of a load: every row that was read is in exactly one place."""

from dataclasses import asdict, dataclass

__all__ = ["Books"]


@dataclass(frozen=True, slots=True)
class Books:
    """Row counts of one load, or of several added up. Each row read is in exactly one of the other five."""

    read: int = 0
    delivered: int = 0
    rejected: int = 0
    duplicate: int = 0
    skipped: int = 0
    pending: int = 0

    @property
    def settled(self) -> int:
        """Rows whose fate is known: all but the pending ones."""
        return self.delivered + self.rejected + self.duplicate + self.skipped

    @property
    def balances(self) -> bool:
        """Whether `read = delivered + rejected + duplicate + skipped + pending`."""
        return self.read == self.settled + self.pending

    def to_json(self) -> dict[str, int]:
        """Return the counts under the words of the glossary, as every JSON object writes them."""
        return asdict(self)

    def __add__(self, other: "Books") -> "Books":
        return Books(
            self.read + other.read,
            self.delivered + other.delivered,
            self.rejected + other.rejected,
            self.duplicate + other.duplicate,
            self.skipped + other.skipped,
            self.pending + other.pending,
        )
