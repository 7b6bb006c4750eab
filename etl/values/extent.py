"""How far a job has read its sources, by the times of its events and by a column that grows."""

from datetime import datetime
from typing import NamedTuple

__all__ = ["Span", "Watermark"]


class Span(NamedTuple):
    """From `since` on and before `until`; None leaves that end open."""

    since: datetime | None = None
    until: datetime | None = None

    def within(self, other: "Span") -> bool:
        """Whether `other` holds all of it."""
        return self.narrowed_by(other) == self

    def narrowed_by(self, other: "Span") -> "Span":
        """Return what both hold."""
        since = [moment for moment in (self.since, other.since) if moment is not None]
        until = [moment for moment in (self.until, other.until) if moment is not None]
        return Span(max(since, default=None), min(until, default=None))


class Watermark(NamedTuple):
    """The highest values of `column` that were read: of its numbers, and of its times (microseconds since the
    epoch).
    """

    column: str
    number: float | None
    micros: int | None
