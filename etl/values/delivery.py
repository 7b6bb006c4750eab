"""The values that pass between the staged parts, the sender and the ledger."""

from typing import NamedTuple, TypeAlias

from etl.values.reject import RejectCode

__all__ = ["Outgoing", "Refusal", "Settlement"]


# One staged event on its way out: its place (part number, index in the part), its id, its exact bytes. A plain tuple,
# because there is one for each event sent, and a named one takes three times as long to make.
Outgoing: TypeAlias = tuple[int, int, str, bytes]


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
