"""What a send is told: how fast, how patient, when to stop.

Rule: values and seams only.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from etl.send.account import StopCause
from etl.send.pacing import NOTHING_CARRIED, Carried
from etl.send.transport import Transport
from etl.send.verdict import ConflictPolicy
from etl.values.delivery import Outgoing, Refusal

__all__ = ["MOST_LEFT", "Apart", "Ends", "SendSettings", "Settle", "StopSignal", "Timing"]

MOST_LEFT: Final = 100

# Takes the fate of an event (part, index, refusal or None for delivered) at once and returns None, or returns what
# ends once it has been taken.
Settle = Callable[[int, int, Refusal | None], Awaitable[None] | None]


class StopSignal(Protocol):
    """Tells a send to stop; an `asyncio.Event` is one."""

    async def wait(self) -> object:
        """Return once the send should stop."""


class Apart(Protocol):
    """Takes the events that may be stored although nothing proves it, and gives back those that aren't."""

    def hold(self, event: Outgoing, reason: str) -> Awaitable[bool] | None:
        """Take an event at once that is uncertain for `reason`; return None, or what ends once there is room again.

        It is false where there never will be, for which `unresolved` says why.
        """

    def again(self) -> Outgoing | None:
        """Return an event of this send that is to be sent again, None where there is none now."""

    def missed(self) -> Outgoing | None:
        """Return an event of an earlier send that never arrived, None where there is none now."""

    async def wait(self, *, for_missed: bool) -> bool:
        """Return true once an event is to be sent again, or `for_missed` one of an earlier send; false once none
        will be.
        """

    def close(self) -> None:
        """Let nobody wait any more: the send ends."""

    @property
    def unresolved(self) -> tuple[StopCause, str] | None:
        """Why some events that were taken stay pending, None where none does."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where an event goes: out by `transport`, its fate to `settle`, and to `apart` while nobody knows it."""

    transport: Transport
    settle: Settle
    apart: Apart | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks and the chance that a send goes by."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    rng: Random = field(default_factory=Random)


@dataclass(frozen=True, slots=True)
class SendSettings:
    """How to send. None means: no rate, a limit found by itself, all events.

    `max_refused` is the most events this send may have refused, or says of a number whether it is still allowed.
    `max_left` is how many events may stay pending because they fail while others succeed.
    `carried` is what an earlier send to the same endpoint left.
    `give_up_seconds` is how long nothing may succeed, `first_answer_seconds` how long where nothing was ever
    answered, `max_wait_seconds` the longest pause a server may ask for. `disk_status` is the one by which a server on
    this machine says that its disk takes nothing.
    """

    rate_per_second: float | None = None
    concurrency: int | None = None
    conflict: ConflictPolicy = "rejected"
    limit: int | None = None
    max_left: int = MOST_LEFT
    max_refused: Callable[[int], bool] | int | None = None
    give_up_seconds: float = 120.0
    first_answer_seconds: float = 10.0
    drain_seconds: float = 5.0
    max_wait_seconds: float = 3600.0
    disk_status: int | None = None
    carried: Carried = NOTHING_CARRIED

    def allows_refused(self, refused: int) -> bool:
        """Return whether the send may go on after `refused` refusals."""
        if self.max_refused is None:
            return True
        return refused <= self.max_refused if isinstance(self.max_refused, int) else self.max_refused(refused)
