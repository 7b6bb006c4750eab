"""What the events that were delivered under an older mapping would be under another one, as values. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from etl.values.remapped import RowChange

__all__ = ["CameAgain", "Renamed", "RenamedLoads"]


@dataclass(frozen=True, slots=True)
class Renamed:
    """What a load's delivered events would be under `mapping`: how many get another id or content, or wouldn't be sent.

    `unknown`: no digest of their content was kept. `parts`: so many files keep what differs. `problem` says why none of
    it can be told.
    """

    mapping: str
    delivered: int
    new_id: int = 0
    new_content: int = 0
    gone: int = 0
    unknown: int = 0
    example: RowChange | None = None
    parts: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CameAgain:
    """Events that an older mapping delivered under another id, and whose rows came again: they count as duplicates.

    `changed` of them came with another content. `example` is a row that came again, with the id of its event and the
    one that it would have now.
    """

    events: int = 0
    changed: int = 0
    example: RowChange | None = None

    def plus(self, other: "CameAgain") -> "CameAgain":
        """Return both added up; the example is that of `self`, where it has one."""
        return CameAgain(
            self.events + other.events, self.changed + other.changed, self.example or other.example
        )

    def describe(self) -> Iterator[str]:
        """Yield what a person should know of them; nothing where there are none."""
        if not self.events:
            return
        some = (
            "1 event that was delivered under an older mapping came again: it counts as a duplicate and isn't"
            if self.events == 1
            else f"{self.events:,} events that were delivered under an older mapping came again: they count as "
            "duplicates and aren't"
        )
        as_in = ""
        if self.example is not None:
            file, row, old, new = self.example
            as_in = f", as in {file} row {row}: {old}, which would be {new} now"
        yield f"{some} sent{as_in}"
        if self.changed:
            yield (
                f"{self.changed:,} of them came with another content; it isn't sent, because their ids are of the "
                "older mapping"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` of a run writes."""
        return {
            "events": self.events,
            "changed": self.changed,
            "example": self.example._asdict() if self.example else None,
        }


@dataclass(frozen=True, slots=True)
class RenamedLoads:
    """What all loads under an older mapping would be now, by their numbers."""

    loads: Sequence[tuple[int, Renamed]]

    @property
    def total(self) -> Renamed:
        """The counts of all of them added up."""
        every = [renamed for _, renamed in self.loads]
        return Renamed(
            mapping="",
            delivered=sum(one.delivered for one in every if not one.problem),
            new_id=sum(one.new_id for one in every),
            new_content=sum(one.new_content for one in every),
            gone=sum(one.gone for one in every),
            unknown=sum(one.unknown for one in every),
            example=next((one.example for one in every if one.example), None),
        )

    @property
    def untold(self) -> tuple[tuple[int, Renamed], ...]:
        """The loads of which nothing can be told."""
        return tuple((number, renamed) for number, renamed in self.loads if renamed.problem)

    def differences(self) -> Iterator[str]:
        """Yield what would differ, before it is accepted; nothing where nothing does."""
        total = self.total
        if not (total.new_id or total.new_content or total.gone):
            if total.unknown:
                yield (
                    f"Which events would differ can't be told: of {total.unknown:,} no digest of their content was kept"
                )
            return
        as_in = ""
        if total.example is not None:
            file, row, old, new = total.example
            as_in = f", as in {file} row {row}: {f'{old} would be {new}' if old != new else old}"
        yield (
            f"Of {total.delivered:,} events that were delivered and can't be recalled, {total.new_id:,} would get "
            f"another id and {total.new_content:,} the same id with another content{as_in}"
        )
        if total.gone:
            yield f"{total.gone:,} of them would not be sent at all"

    def doubts(self) -> Iterator[str]:
        """Yield what can't be told, and what comes of that; nothing where all can."""
        if untold := self.untold:
            first, renamed = untold[0]
            more = f" and {len(untold) - 1:,} more" if len(untold) > 1 else ""
            events = sum(one.delivered for _, one in untold)
            yield f"Which events would differ can't be told: {renamed.problem}"
            yield (
                f"Rows of load {first}{more} that come again would go as new events, beside the {events:,} that were "
                "delivered"
            )

    def accepted(self) -> Iterator[str]:
        """Yield what becomes of what was delivered, once the mapping of now is accepted."""
        total = self.total
        if total.new_id:
            as_in = ""
            if total.example is not None and total.example.old_id != total.example.new_id:
                file, row, old, new = total.example
                as_in = f", as in {file} row {row}: {old}, which would be {new} now"
            yield (
                f"{total.new_id:,} of {total.delivered:,} events that were delivered under an older mapping would have "
                f"another id now{as_in}; where their rows come again they count as duplicates"
            )
        yield from self.doubts()
