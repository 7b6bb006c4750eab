"""The few events of a load that go first, and what a destination does with a second event of one id, as values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal

from etl.values.delivery import EventPlace

__all__ = ["SECOND_EVENT_MEANS", "Canary", "CanaryState", "SecondEvent", "SecondEventEffect"]

# Chosen, and what is pending of it isn't there; what is pending of it may be there; not there as it was sent; there as
# it was sent, while one of it is sent once more; done with.
CanaryState = Literal["chosen", "open", "failed", "probing", "passed", "waived"]


@dataclass(frozen=True, slots=True)
class Canary:
    """The events of a load that are sent first and looked at before the others go, and how far that is."""

    places: tuple[EventPlace, ...]
    state: CanaryState = "chosen"

    @property
    def is_over(self) -> bool:
        """Whether the others may go."""
        return self.state in ("passed", "waived")

    def by_part(self) -> dict[int, list[int]]:
        """Return the indices by part, both in order."""
        found: dict[int, list[int]] = {}
        for place in sorted(self.places):
            found.setdefault(place.part, []).append(place.at)
        return found


class SecondEventEffect(StrEnum):
    """What a destination does with a second event of one id."""

    KEEPS_ONE = "keeps one"
    KEEPS_TWO = "keeps two"
    REPLACES = "replaces"
    REFUSES = "refuses"


_TWO: Final = "of two events of one id: what is sent again is there"
SECOND_EVENT_MEANS: Final = {
    SecondEventEffect.KEEPS_ONE: f"the destination keeps the first {_TWO} once",
    SecondEventEffect.KEEPS_TWO: f"the destination keeps both {_TWO} twice",
    SecondEventEffect.REPLACES: f"the destination replaces the first {_TWO} once",
    SecondEventEffect.REFUSES: f"the destination refuses the second {_TWO} once",
}


@dataclass(frozen=True, slots=True)
class SecondEvent:
    """What was found of a second event of one id, and when (seconds since the epoch, UTC)."""

    effect: SecondEventEffect
    found_at: float

    @property
    def means(self) -> str:
        """Say it, for a person."""
        return SECOND_EVENT_MEANS[self.effect]

    @property
    def day(self) -> str:
        """The day on which it was found, in UTC."""
        return f"{datetime.fromtimestamp(self.found_at, UTC):%Y-%m-%d}"

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` writes it."""
        return {"effect": self.effect.value, "found_at": self.found_at}
