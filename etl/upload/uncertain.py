"""Keeps the events that may be stored although nothing proves it, until each is found or to be sent again. Pure.

Theory of operation
-------------------
*Held* events wait to be asked for: those whose answer was lost, and after a crash those that may have been on their
way. They are taken in rounds, which are the further apart the more of them are under way. *Asked* ones are in a round:
an inquiry that asks for them after growing waits until the patience is over. What it finds is *found*, what it doesn't
is *absent* and goes out again, with the same id and the same bytes. What can't be told, or was sent too often, is
*left*: it stays pending.

No body is held, only its digest: so memory is small however large the events are. The number of events that are held
or asked for is bounded, too: a sender that brings one more waits.

An event that replaces another of its id (a corrected row) is there only if what is shown is what was sent.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from etl.event import StoredEvent
from etl.values.canonical import has_digest
from etl.values.delivery import EventPlace
from etl.witness.inquiry import Finding, Presence

__all__ = ["MOST_HELD", "MOST_TIMES", "Found", "Uncertain", "UncertainEvent", "round_wait_seconds"]

MOST_HELD: Final = 20_000
# An event that was sent so often, and is neither answered nor there, is left pending: it is the cause.
MOST_TIMES: Final = 5
MOST_A_ROUND: Final = 5_000
ROUND_SECONDS: Final = 0.5
ROUNDS_AT_FULL_PACE: Final = 4


class UncertainEvent(NamedTuple):
    """An event that may be stored: its place, its id, its digest if there is one, and why nothing proves it."""

    place: EventPlace
    id: str
    digest: bytes | None
    reason: str = "the run that sent it was killed"


class Found(NamedTuple):
    """An uncertain event that is there; `shown` where that may not be what was sent, which its body tells."""

    event: UncertainEvent
    is_doubled: bool
    shown: StoredEvent | None


def round_wait_seconds(rounds_open: int) -> float:
    """Return how long after a round the next begins, while so many are open."""
    return ROUND_SECONDS * (1 + rounds_open // ROUNDS_AT_FULL_PACE)


@dataclass
class Uncertain:
    """The uncertain events of one load. `replaces`: events may have the id of one that was delivered before them."""

    replaces: bool = False
    held: dict[EventPlace, UncertainEvent] = field(default_factory=dict)
    asked: dict[str, UncertainEvent] = field(default_factory=dict)
    found: deque[Found] = field(default_factory=deque)
    absent: list[UncertainEvent] = field(default_factory=list)
    left: list[EventPlace] = field(default_factory=list)
    left_reason: str = ""
    times: dict[EventPlace, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many events are neither settled, nor to be sent again, nor left."""
        return len(self.held) + len(self.asked)

    @property
    def is_full(self) -> bool:
        """Whether whoever brings another event must wait."""
        return self.count >= MOST_HELD

    def places(self) -> Iterator[EventPlace]:
        """Yield where the events are that are neither settled, nor absent, nor left."""
        yield from self.held
        yield from (event.place for event in self.asked.values())
        yield from (found.event.place for found in self.found)

    def hold(self, events: Iterable[UncertainEvent]) -> None:
        """Take events that may be stored."""
        for event in events:
            self.held[event.place] = event

    def begin_round(self) -> list[str]:
        """Return the ids to be asked for next; `take` is told of each, or `give_back` of those that weren't settled."""
        some: dict[str, UncertainEvent] = {}
        for event in self.held.values():
            # Two events may share an id, where one corrects the other: they are asked for one after the other.
            if event.id not in self.asked:
                some.setdefault(event.id, event)
            if len(some) == MOST_A_ROUND:
                break
        for event in some.values():
            del self.held[event.place]
        self.asked |= some
        return list(some)

    def take(self, finding: Finding) -> None:
        """Take what is known of an event that was asked for."""
        event = self.asked.pop(finding.id)
        if finding.presence is Presence.UNKNOWN:
            self._leave(event, f"whether it is there can't be told: {finding.reason}; {event.reason}")
        elif finding.presence is Presence.MISSING:
            self._send_again(event)
        else:
            self._judge(event, finding)

    def give_back(self, ids: Iterable[str]) -> None:
        """Hold the `ids` that a round didn't settle, to be asked for again."""
        self.hold([self.asked.pop(event_id) for event_id in ids])

    def give_up_asking(self) -> None:
        """Have everything that is held sent again, as where nobody can be asked."""
        for event in self.held.values():
            self._send_again(event)
        self.held.clear()

    def _judge(self, event: UncertainEvent, finding: Finding) -> None:
        is_doubled = finding.presence is Presence.DOUBLED
        if any(has_digest(shown, event.digest) for shown in finding.events):
            self.found.append(Found(event, is_doubled, None))
        elif self.replaces:
            self._send_again(event)
        else:
            shown = finding.events[0] if finding.events else None
            self.found.append(Found(event, is_doubled, shown))

    def _send_again(self, event: UncertainEvent) -> None:
        times = self.times[event.place] = self.times.get(event.place, 1) + 1
        if times > MOST_TIMES:
            self._leave(event, f"it was sent {MOST_TIMES} times and isn't there; {event.reason}")
        else:
            self.absent.append(event)

    def _leave(self, event: UncertainEvent, reason: str) -> None:
        self.left.append(event.place)
        self.left_reason = reason
