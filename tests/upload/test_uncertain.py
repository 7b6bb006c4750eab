"""What becomes of uncertain events, whatever the answers and in whatever order they come."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from etl.upload.uncertain import MOST_TIMES, Uncertain, UncertainEvent, round_wait_seconds
from etl.values.delivery import EventPlace
from etl.witness.inquiry import Finding, Presence


def event_of(number: int) -> UncertainEvent:
    return UncertainEvent(EventPlace(0, number), f"id-{number}", bytes(16))


class Fates(RuleBasedStateMachine):
    """Each event is in one place at a time: held, asked for, found, to be sent again, under way, or left."""

    def __init__(self) -> None:
        super().__init__()
        self.one = Uncertain()
        self.rounds: list[set[str]] = []
        self.under_way: set[str] = set()
        self.held = 0
        self.found: set[str] = set()

    @rule(more=st.integers(1, 5))
    def lose_answers(self, more: int) -> None:
        self.one.hold(event_of(number) for number in range(self.held, self.held + more))
        self.held += more

    @rule()
    def begin_round(self) -> None:
        if ids := self.one.begin_round():
            self.rounds.append(set(ids))

    @rule(data=st.data(), presence=st.sampled_from(Presence))
    def answer(self, data: st.DataObject, presence: Presence) -> None:
        rounds = [some for some in self.rounds if some]
        if rounds:
            some = data.draw(st.sampled_from(rounds))
            event_id = data.draw(st.sampled_from(sorted(some)))
            some.remove(event_id)
            self.one.take(Finding(event_id, presence))

    @rule(data=st.data())
    def stop_round(self, data: st.DataObject) -> None:
        if self.rounds:
            some = data.draw(st.sampled_from(self.rounds))
            self.rounds.remove(some)
            self.one.give_back(some)

    @rule()
    def settle_and_send_again(self) -> None:
        self.found |= {found.event.id for found in self.one.found}
        self.one.found.clear()
        self.under_way |= {event.id for event in self.one.absent}
        self.one.absent.clear()

    @rule()
    def lose_again(self) -> None:
        self.one.hold(event_of(int(event_id[3:])) for event_id in self.under_way)
        self.under_way.clear()

    @rule()
    def give_up_asking(self) -> None:
        self.one.give_up_asking()

    @invariant()
    def every_event_is_somewhere_once(self) -> None:
        one = self.one
        places = [
            *one.held,
            *one.asked,
            *(found.event.id for found in one.found),
            *(event.id for event in one.absent),
            *self.under_way,
            *self.found,
        ]
        assert len(places) == len(set(places))
        assert len(places) + len(one.left) == self.held
        assert set(one.asked) == set().union(*self.rounds)
        assert all(times <= MOST_TIMES + 1 for times in one.times.values())


TestFates = Fates.TestCase


def test_an_event_that_replaces_another_is_there_only_as_it_was_sent() -> None:
    one = Uncertain(replaces=True)
    one.hold([event_of(1)])
    one.take(Finding(one.begin_round()[0], Presence.THERE))
    assert [event.id for event in one.absent] == ["id-1"]
    assert not one.found


def test_two_events_of_one_id_are_asked_for_one_after_the_other_and_neither_is_lost() -> None:
    one = Uncertain()
    first, second = event_of(1), event_of(1)._replace(place=EventPlace(0, 2), digest=b"2" * 16)
    one.hold([first, second])
    assert one.begin_round() == ["id-1"]
    assert one.begin_round() == []
    one.take(Finding("id-1", Presence.MISSING))
    assert one.absent == [first]
    assert one.begin_round() == ["id-1"]
    one.take(Finding("id-1", Presence.THERE))
    assert [found.event for found in one.found] == [second]


def test_what_was_sent_too_often_is_left_for_its_reason() -> None:
    one = Uncertain()
    for _ in range(MOST_TIMES):
        one.hold([event_of(1)._replace(reason="500 Internal Server Error")])
        one.take(Finding(one.begin_round()[0], Presence.MISSING))
    assert one.left == [EventPlace(0, 1)]
    assert one.left_reason == "it was sent 5 times and isn't there; 500 Internal Server Error"


def test_rounds_are_further_apart_the_more_are_under_way() -> None:
    assert [round_wait_seconds(count) for count in (0, 3, 4, 8, 40)] == [0.5, 0.5, 1.0, 1.5, 5.5]
