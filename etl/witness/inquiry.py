"""Asks a destination for events by id, until it is known of each whether it is there. Pure: no network.

Theory of operation
-------------------
*What proves what.* A whole answer (as many results as there are in all) that holds an id once proves that the event is
there, and holding it twice that it is doubled. An id that a whole answer lacks was not visible at that moment, which is
no proof that it is missing: a destination may show an event late. So it is asked for again, after growing waits, until
`patience_seconds` have gone by since the first time, and only then called missing. A cut answer proves neither absence
nor that an event is there once only: its ids are asked for again in halves. A question that is refused as too large is
halved, too, and the size that works is kept.

*What proves nothing* is called unknown: an answer that can't be read, that lacks how many results there are, or that
holds ids which were never asked for. It is asked again twice first.

*What ends it.* A key that can't read and a destination without the route end the inquiry at once; answers that prove
nothing, three questions in a row; passing troubles, once they have lasted for `outage_seconds`, or where it is asked to
wait for longer than that. `stopped` then says why, and of the ids that were not yet settled nothing is said.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Final

from etl.event import StoredEvent
from etl.witness.result_page import LASTING, Page, Problem, ProblemKind

__all__ = ["MOST_IDS", "Finding", "Inquiry", "Presence", "Question"]

MOST_IDS: Final = 500
# Ids that are waited for are held in memory.
MOST_WAITING: Final = 50_000
FIRST_WAIT_SECONDS: Final = 2.0
BACKOFF_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# A destination that asks to wait for longer ends the inquiry, unless it may last longer anyway.
LONGEST_WAIT_SECONDS: Final = 300.0
TRIES: Final = 3


class Presence(StrEnum):
    """What is known of an event at the destination."""

    THERE = "there"
    DOUBLED = "doubled"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one id: its stored events, why it is unknown, and how long it took to be seen."""

    id: str
    presence: Presence
    events: Sequence[StoredEvent] = ()
    reason: str = ""
    lag_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """One query to be made: for these ids, at this moment. What it shows may be as old as that."""

    ids: tuple[str, ...]
    tries: int = 0
    asked_at: float = 0.0

    def halves(self) -> tuple["Question", "Question"]:
        """Return the question in two parts."""
        middle = len(self.ids) // 2
        return Question(self.ids[:middle]), Question(self.ids[middle:])


@dataclass(frozen=True, slots=True)
class _Absent:
    """Ids that an answer lacked, and when they are to be asked for again."""

    due_at: float
    ids: tuple[str, ...]


class Inquiry:
    """One inquiry after `ids`. `ask` until it returns None and nothing is in flight, and hand each answer to `take`."""

    def __init__(
        self,
        ids: Iterable[str],
        *,
        patience_seconds: float,
        most_ids: int = MOST_IDS,
        outage_seconds: float = 300.0,
    ) -> None:
        self._fresh = iter(ids)
        self._is_exhausted = False
        self._patience = patience_seconds
        self._outage_seconds = outage_seconds
        self._longest_wait_seconds = max(outage_seconds, LONGEST_WAIT_SECONDS)
        self._again: deque[Question] = deque()
        self._absent: deque[_Absent] = deque()
        self._first_absent: dict[str, float] = {}
        self._paused_until = 0.0
        self._trouble_since: float | None = None
        self._troubles = 0
        self._unproven = 0
        self.most_ids = most_ids
        self.in_flight = 0
        self.queries = 0
        self.stopped: Problem | None = None

    def ask(self, now: float) -> Question | None:
        """Return the next question, or None where there is none at `now`: see `wait_seconds`."""
        if self.stopped is not None or now < self._paused_until:
            return None
        question = self._next_question(now)
        if question is not None:
            self.in_flight += 1
            self.queries += 1
            return replace(question, asked_at=now)
        return None

    @property
    def may_ask(self) -> bool:
        """Whether there may be another question, now or later."""
        return self.stopped is None and bool(self._again or self._absent or not self._is_exhausted)

    def wait_seconds(self, now: float) -> float | None:
        """Return how long until `ask` may have a question; None where only an answer in flight can bring one."""
        if self.stopped is not None:
            return None
        dues = [absent.due_at for absent in self._absent]
        if self._again or (self._paused_until > now and not dues):
            dues.append(self._paused_until)
        return max(0.0, max(min(dues), self._paused_until) - now) if dues else None

    def take(self, question: Question, answer: Page | Problem, now: float) -> Iterator[Finding]:
        """Yield what the answer to `question`, which came at `now`, settles."""
        self.in_flight -= 1
        if isinstance(answer, Problem):
            yield from self._take_problem(question, answer, now)
            return
        self._trouble_since, self._troubles, self._unproven = None, 0, 0
        if answer.is_whole:
            yield from self._take_whole(question, answer, now)
        elif len(question.ids) > 1:
            self._again.extend(question.halves())
        else:
            yield self._settle_cut(question.ids[0], answer, now)

    def _next_question(self, now: float) -> Question | None:
        if self._again:
            question = self._again.popleft()
            if len(question.ids) > self.most_ids:  # asked before the size that works was known
                self._again.extendleft(reversed(question.halves()))
                return self._next_question(now)
            return question
        due = self._take_due(now)
        if due:
            return Question(due)
        if len(self._first_absent) >= MOST_WAITING:
            return None
        fresh = tuple(islice(self._fresh, self.most_ids))
        self._is_exhausted = not fresh
        return Question(fresh) if fresh else None

    def _take_due(self, now: float) -> tuple[str, ...]:
        ids: list[str] = []
        while self._absent and self._absent[0].due_at <= now and len(ids) < self.most_ids:
            absent = self._absent.popleft()
            room = self.most_ids - len(ids)
            ids += absent.ids[:room]
            if len(absent.ids) > room:
                self._absent.appendleft(_Absent(absent.due_at, absent.ids[room:]))
        return tuple(ids)

    def _take_whole(self, question: Question, page: Page, now: float) -> Iterator[Finding]:
        absent: dict[float, list[str]] = {}
        for event_id in question.ids:
            events = page.events.get(event_id, ())
            if event_id in page.unreadable:
                yield self._settle(event_id, Presence.UNKNOWN, now, reason="what is stored can't be read")
            elif len(events) > 1:
                yield self._settle(event_id, Presence.DOUBLED, now, events)
            elif events:
                yield self._settle(event_id, Presence.THERE, now, events)
            else:
                first = self._first_absent.setdefault(event_id, question.asked_at)
                if question.asked_at - first >= self._patience:
                    yield self._settle(event_id, Presence.MISSING, now)
                else:
                    absent.setdefault(self._ask_again_at(first, now), []).append(event_id)
        for due_at, ids in absent.items():
            self._absent.append(_Absent(due_at, tuple(ids)))
        if absent:
            self._absent = deque(sorted(self._absent, key=lambda one: one.due_at))

    def _ask_again_at(self, first: float, now: float) -> float:
        # The waits double: 2, 4, 8 seconds and so on, and the last question is at the end of the patience.
        passed = now - first
        return min(now + max(FIRST_WAIT_SECONDS, passed + FIRST_WAIT_SECONDS), first + self._patience)

    def _settle_cut(self, event_id: str, page: Page, now: float) -> Finding:
        """Settle an id whose own answer is cut: more results than one are there, or none is shown."""
        if page.total > 1:
            return self._settle(event_id, Presence.DOUBLED, now, page.events.get(event_id, ()))
        return self._settle(
            event_id,
            Presence.UNKNOWN,
            now,
            reason="it is counted, but a page of the destination holds no result",
        )

    def _take_problem(self, question: Question, problem: Problem, now: float) -> Iterator[Finding]:
        if problem.kind in LASTING:
            self.stopped = problem
        elif problem.kind is ProblemKind.PASSING:
            self._again.append(question)
            self._pause(problem, now)
        elif problem.kind is ProblemKind.TOO_LARGE and len(question.ids) > 1:
            self.most_ids = min(self.most_ids, len(question.ids) // 2)
            self._again.extend(question.halves())
        elif problem.kind is ProblemKind.NOT_AN_ANSWER and question.tries + 1 < TRIES:
            self._again.append(Question(question.ids, question.tries + 1))
            self._paused_until = max(self._paused_until, now + BACKOFF_SECONDS[question.tries])
        else:
            self._unproven += 1
            if self._unproven >= TRIES:
                self.stopped = problem
            for event_id in question.ids:
                yield self._settle(event_id, Presence.UNKNOWN, now, reason=problem.reason)

    def _pause(self, problem: Problem, now: float) -> None:
        if (asked := problem.wait_seconds or 0.0) > self._longest_wait_seconds:
            reason = f"{problem.reason}, and it asks to wait {asked:,.0f} s"
            self.stopped = replace(problem, reason=reason)
        if self._trouble_since is None:
            self._trouble_since = now
        elif now - self._trouble_since >= self._outage_seconds:
            self.stopped = problem
        wait = BACKOFF_SECONDS[min(self._troubles, len(BACKOFF_SECONDS) - 1)]
        self._troubles += 1
        self._paused_until = max(self._paused_until, now + max(wait, problem.wait_seconds or 0.0))

    def _settle(
        self,
        event_id: str,
        presence: Presence,
        now: float,
        events: Sequence[StoredEvent] = (),
        reason: str = "",
    ) -> Finding:
        first = self._first_absent.pop(event_id, now)
        return Finding(event_id, presence, events, reason, now - first)
