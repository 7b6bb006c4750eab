"""What a changed mapping comes to for the events of a job, as a value: the run says it, `--json` writes it. Pure."""

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["AskedFirst", "Remapped", "RowChange"]


class AskedFirst(NamedTuple):
    """What came of asking for a load's uncertain events: how many were found there, and how many still may be."""

    found: int = 0
    maybe_there: int = 0


class RowChange(NamedTuple):
    """One event that another mapping changes: its row, and its id before and after."""

    file: str
    row: int
    old_id: str
    new_id: str


@dataclass(frozen=True, slots=True)
class Remapped:
    """How many events were `delivered` under the old mapping, how many go under the new one, and what differs.

    `new_ids` counts those that go with another id, `new_bodies` those that keep it with another content, `dropped`
    those that were pending and go no more: as rejects, as duplicates, or because they are left out; `revived` go that
    were duplicates. `delivered_differ` counts delivered events that the new mapping would have sent otherwise.
    `found_there` of those delivered were found at the destination before the others got other ids.
    `maybe_sent`: some of those that go may have arrived under their old ids already, because the run that sent them was
    killed.
    """

    delivered: int
    going: int
    new_ids: int = 0
    new_bodies: int = 0
    dropped: int = 0
    revived: int = 0
    delivered_differ: int = 0
    found_there: int = 0
    maybe_sent: bool = False
    example: RowChange | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether every event that was sent, or is still to go, stays byte for byte what it is."""
        return not (self.new_ids or self.new_bodies or self.dropped or self.revived or self.delivered_differ)

    def describe(self, goes: str) -> tuple[str, ...]:
        """Return the lines that a person reads before anything is sent; `goes` is the verb: "go", or "would go"."""
        first = (
            f"{_events(self.delivered)} delivered under the old mapping and can't be recalled; {self.going:,} {goes} "
            f"under the new one, {self._count(self.new_ids)} with another id"
        )
        if self.new_bodies:
            first += f", {self._count(self.new_bodies)} with the same id and another content"
        if self.example is not None:
            file, row, old, new = self.example
            first += f", as in {file} row {row}: {f'{old} becomes {new}' if old != new else old}"
        more = (
            (
                self.dropped,
                f"{self.dropped:,} that were pending {goes} no more: they are rejects, duplicates or skipped now",
            ),
            (self.revived, f"{self.revived:,} that were duplicates {goes} as well: their ids differ now"),
            (
                self.delivered_differ,
                f"{self.delivered_differ:,} of those delivered would be sent otherwise now",
            ),
            (
                self.found_there,
                f"{self.found_there:,} of those delivered had no answer, were asked for and found there",
            ),
            (
                self.maybe_sent,
                (
                    "The run that sent them was killed: the last ones that it sent may have arrived under their old "
                    "ids, besides"
                ),
            ),
        )
        return first, *(line for count, line in more if count)

    def _count(self, changed: int) -> str:
        if not changed:
            return "none of them"
        return "all of them" if changed == self.going else f"{changed:,} of them"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` of a run writes."""
        return {
            "delivered_before": self.delivered,
            "going": self.going,
            "new_ids": self.new_ids,
            "new_bodies": self.new_bodies,
            "dropped": self.dropped,
            "revived": self.revived,
            "delivered_differ": self.delivered_differ,
            "found_there": self.found_there,
            "maybe_sent": self.maybe_sent,
            "example": self.example._asdict() if self.example else None,
        }


def _events(count: int) -> str:
    return "1 event was" if count == 1 else f"{count:,} events were"
