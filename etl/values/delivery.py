"""The values that pass between the staged parts, the sender and the ledger."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from etl.values.reject import RejectCode

__all__ = ["BEFORE_ALL", "EventPlace", "Outgoing", "Refusal", "Settlement", "UncertainCounts"]


# One staged event on its way out: its place (part number, index in the part), its id, its exact bytes. A plain tuple,
# because there is one for each event sent, and a named one takes three times as long to make.
Outgoing: TypeAlias = tuple[int, int, str, bytes]


class EventPlace(NamedTuple):
    """Where an event of a load is: its part, and at which place there. Events are sent in the order of their places."""

    part: int
    at: int


BEFORE_ALL: Final = EventPlace(-1, -1)


@dataclass(frozen=True, slots=True)
class UncertainCounts:
    """What became of a run's uncertain events: those that may have been stored although no answer proved it.

    `found_there` were found at the destination, of them `doubled` more than once and `altered` otherwise than they were
    sent; `sent_again` weren't there within `patience_seconds`; `pending` are still to be asked for. `reads` is whether
    the key can read, None where that isn't known; `line` says it.
    """

    found_there: int = 0
    sent_again: int = 0
    pending: int = 0
    doubled: int = 0
    altered: int = 0
    reads: bool | None = None
    patience_seconds: float = 0.0
    line: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the counts, as `--json` writes them."""
        told = self.__dataclass_fields__.keys() - {"line", "patience_seconds"}
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name in told}


class Refusal(NamedTuple):
    """What the server said when it refused an event for good. Times are seconds since the epoch, UTC."""

    code: RejectCode
    reason: str
    status: int
    server_code: str | None
    detail: str | None
    request_id: str | None
    attempts: int
    first_at: float
    last_at: float


class Settlement(NamedTuple):
    """The fate of one staged event: delivered, or refused for the reason given."""

    part: int
    index: int  # type: ignore[assignment]  # a tuple also has a method of this name, which nothing here uses
    refusal: Refusal | None
