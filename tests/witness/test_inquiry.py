"""No schedule of lag, cuts, doubles and failures makes an inquiry say what isn't so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.event import StoredEvent
from etl.witness.inquiry import MOST_IDS, Finding, Inquiry, Presence, Question
from etl.witness.result_page import Page, Problem, ProblemKind

PATIENCE = 120.0
Answer = Page | Problem


@dataclass
class Destination:
    """Events by id, each the moments from which its copies show; pages and questions of at most so many ids."""

    shown_at: dict[str, list[float]]
    page_rows: int = 1_000
    most_ids: int = 10_000
    asked: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def answer(self, question: Question) -> Answer:
        now = question.asked_at
        self.asked.append((now, question.ids))
        if len(question.ids) > self.most_ids:
            return Problem(ProblemKind.TOO_LARGE, "the query was refused: status 413")
        rows = [id_ for id_ in question.ids for at in self.shown_at.get(id_, ()) if at <= now]
        page: dict[str, list[StoredEvent]] = {}
        for id_ in rows[: self.page_rows]:
            page.setdefault(id_, []).append(StoredEvent(id=id_))
        return Page(page, frozenset(), min(len(rows), self.page_rows), len(rows))


def run(
    inquiry: Inquiry, answer: Callable[[Question], Answer], *, seconds: float = 0.1, most_in_flight: int = 1
) -> Iterator[tuple[float, Finding]]:
    """Ask until it is over, in virtual time; an answer shows the state at its question and takes `seconds`."""
    now, flying = 0.0, list[tuple[Question, Answer]]()
    for _ in range(100_000):
        while len(flying) < most_in_flight and (question := inquiry.ask(now)):
            flying.append((question, answer(question)))
        if flying:
            now += seconds
            yield from ((now, finding) for finding in inquiry.take(*flying.pop(0), now))
        elif (wait := inquiry.wait_seconds(now)) is not None:
            assert wait > 0, "neither a question nor a wait"
            now += wait
        else:
            return
    raise AssertionError("the inquiry never ends")


def test_what_is_there_is_found_with_one_query_a_batch() -> None:
    ids = [f"e{number}" for number in range(1_800)]
    inquiry = Inquiry(ids, patience_seconds=PATIENCE)
    found = [finding for _, finding in run(inquiry, Destination({id_: [0.0] for id_ in ids}).answer)]
    assert [finding.id for finding in found] == ids
    assert {finding.presence for finding in found} == {Presence.THERE}
    assert inquiry.queries == -(-len(ids) // MOST_IDS)


def test_what_is_not_there_is_asked_for_again_at_growing_waits_until_the_patience_is_over() -> None:
    destination = Destination({})
    [(at, finding)] = run(Inquiry(["gone"], patience_seconds=PATIENCE), destination.answer, seconds=0.0)
    assert (finding.presence, at) == (Presence.MISSING, PATIENCE)
    assert [asked for asked, _ in destination.asked] == [0, 2, 6, 14, 30, 62, 120]


def test_what_shows_late_is_there_and_its_lag_is_told() -> None:
    destination = Destination({"late": [40.0]})
    [(_, finding)] = run(Inquiry(["late"], patience_seconds=PATIENCE), destination.answer, seconds=0.0)
    assert (finding.presence, finding.lag_seconds) == (Presence.THERE, 62.0)


def test_a_size_that_works_is_kept() -> None:
    ids = [f"e{number}" for number in range(4_000)]
    destination = Destination({id_: [0.0] for id_ in ids}, most_ids=100)
    inquiry = Inquiry(ids, patience_seconds=PATIENCE)
    found = [finding for _, finding in run(inquiry, destination.answer)]
    assert {finding.presence for finding in found} == {Presence.THERE}
    assert len(found) == len(ids)
    assert inquiry.most_ids == 62
    refused = [ids for _, ids in destination.asked if len(ids) > 100]
    assert len(refused) <= 3


def test_a_page_that_never_holds_a_result_proves_nothing() -> None:
    destination = Destination({"a": [0.0], "b": [0.0, 0.0]}, page_rows=0)
    found = {
        finding.id: finding for _, finding in run(Inquiry("abc", patience_seconds=0), destination.answer)
    }
    assert found["a"].presence is Presence.UNKNOWN
    assert found["a"].reason == "it is counted, but a page of the destination holds no result"
    assert found["b"].presence is Presence.DOUBLED  # counted twice
    assert found["c"].presence is Presence.MISSING  # counted: none


@pytest.mark.parametrize("kind", [ProblemKind.KEY_CANNOT_READ, ProblemKind.NO_ROUTE])
def test_a_key_that_cannot_read_ends_it_at_once_and_says_nothing_of_the_events(kind: ProblemKind) -> None:
    inquiry = Inquiry("abc", patience_seconds=PATIENCE, most_ids=1)
    assert list(run(inquiry, lambda _: Problem(kind, "no"))) == []
    assert (inquiry.queries, inquiry.stopped) == (1, Problem(kind, "no"))


def test_answers_that_prove_nothing_are_asked_for_again_then_told_as_unknown() -> None:
    inquiry = Inquiry("ab", patience_seconds=PATIENCE, most_ids=1)
    problem = Problem(ProblemKind.NOT_AN_ANSWER, "expected JSON, found something else")
    found = [finding for _, finding in run(inquiry, lambda _: problem)]
    assert [(finding.id, finding.presence, finding.reason) for finding in found] == [
        ("a", Presence.UNKNOWN, problem.reason),
        ("b", Presence.UNKNOWN, problem.reason),
    ]
    assert inquiry.queries == 6


def test_a_destination_that_is_gone_for_long_ends_it() -> None:
    inquiry = Inquiry("ab", patience_seconds=PATIENCE, outage_seconds=300)
    gone = Problem(ProblemKind.PASSING, "status 503")
    assert list(run(inquiry, lambda _: gone)) == []
    assert inquiry.stopped == gone
    assert inquiry.queries < 30


def test_a_wait_that_is_asked_for_is_kept() -> None:
    destination = Destination({"a": [0.0]})
    answers = iter([Problem(ProblemKind.PASSING, "status 429", 45.0)])
    [(at, finding)] = run(
        Inquiry("a", patience_seconds=PATIENCE),
        lambda question: next(answers, None) or destination.answer(question),
    )
    assert finding.presence is Presence.THERE
    assert at >= 45.0


@given(
    copies=st.lists(st.lists(st.floats(0, 300), max_size=3), max_size=60),
    page_rows=st.integers(1, 80),
    most_ids=st.integers(1, 80),
    batch=st.integers(1, 50),
    patience=st.sampled_from([0.0, 1.0, 7.0, 120.0]),
    trouble=st.floats(0, 0.6),
    seconds=st.floats(0.0, 70.0),
    most_in_flight=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)
def test_nothing_is_called_missing_or_there_falsely(
    copies: list[list[float]],
    page_rows: int,
    most_ids: int,
    batch: int,
    patience: float,
    trouble: float,
    seconds: float,
    most_in_flight: int,
    seed: int,
) -> None:
    shown_at = {f"e{number}": at for number, at in enumerate(copies)}
    destination, rng = Destination(shown_at, page_rows, most_ids), Random(seed)

    def answer(question: Question) -> Answer:
        if rng.random() < trouble:
            destination.asked.append((-1.0, question.ids))  # nothing was shown
            kind = rng.choice([ProblemKind.PASSING, ProblemKind.NOT_AN_ANSWER])
            return Problem(kind, "trouble")
        return destination.answer(question)

    inquiry = Inquiry(shown_at, patience_seconds=patience, most_ids=batch, outage_seconds=1e9)
    found = dict[str, Finding]()
    for _, finding in run(inquiry, answer, seconds=seconds, most_in_flight=most_in_flight):
        assert finding.id not in found, "settled twice"
        found[finding.id] = finding
        looks = [at for at, ids in destination.asked if finding.id in ids and at >= 0]
        visible = [[shown for shown in shown_at[finding.id] if shown <= at] for at in looks]
        if finding.presence is Presence.THERE:
            assert len(visible[-1]) == 1
        elif finding.presence is Presence.DOUBLED:
            assert len(visible[-1]) > 1
        elif finding.presence is Presence.MISSING:
            assert looks[-1] - looks[0] >= patience
            assert not any(visible), "it was shown"
        else:
            assert trouble
    if inquiry.stopped is None:
        assert found.keys() == shown_at.keys()
