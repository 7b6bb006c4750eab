"""Counts what the destination shows of the events of a receipt: by what is known of each, and by day and type. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC
from typing import Final

from etl.event import StoredEvent
from etl.values.receipt import Receipt
from etl.values.receipt_check import CountDifference
from etl.witness.inquiry import Finding, Presence
from etl.witness.own_id import entity_of, proves_itself

__all__ = ["ClaimTally"]

_Key = tuple[str, str, str]
_UNSHOWN: Final = "the answers don't show the time, type and own field of each"


@dataclass
class ClaimTally:
    """What was found so far of the events of a `receipt`."""

    receipt: Receipt
    presences: Counter[Presence] = field(default_factory=Counter)
    proven: int = 0
    lag_seconds: float = 0.0
    _shown: Counter[_Key] = field(default_factory=Counter)
    _is_countable: bool = True

    def add(self, finding: Finding) -> None:
        """Take what is known of one event."""
        self.presences[finding.presence] += 1
        if finding.presence is Presence.THERE:
            self.proven += proves_itself(finding.events[0])
            self.lag_seconds = max(self.lag_seconds, finding.lag_seconds)
        if finding.presence in (Presence.THERE, Presence.DOUBLED):
            self._count(finding.events[0] if finding.events else None)

    @property
    def asked(self) -> int:
        """Of how many events something was said."""
        return self.presences.total()

    def compare_counts(self) -> tuple[tuple[CountDifference, ...], str]:
        """Return the days and types that the receipt counts otherwise; or why that can't be told."""
        if self.asked < self.receipt.books.delivered:
            return (), "not all events were asked for"
        if self.presences[Presence.MISSING] or self.presences[Presence.UNKNOWN]:
            return (), "not all events are known to be there"
        if not self._is_countable:
            return (), _UNSHOWN
        counted = Counter[_Key]()
        for count in self.receipt.events:
            counted[str(count.day), count.entity_type, count.type] += count.events
        # A receipt of a load that an older version staged doesn't say the entity type.
        knows_entity = all(count.entity_type for count in self.receipt.events)
        shown = Counter[_Key]()
        for (day, entity, kind), events in self._shown.items():
            shown[day, entity if knows_entity else "", kind] += events
        keys = sorted(counted.keys() | shown.keys())
        return tuple(
            CountDifference(*key, counted[key], shown[key]) for key in keys if counted[key] != shown[key]
        ), ""

    def _count(self, stored: StoredEvent | None) -> None:
        entity = entity_of(stored) if stored is not None else None
        if stored is None or entity is None or stored.createdAt is None or stored.type is None:
            self._is_countable = False
            return
        self._shown[str(stored.createdAt.astimezone(UTC).date()), entity, stored.type] += 1
