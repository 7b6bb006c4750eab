import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.ledger.bitmap import set_indices
from etl.ledger.entries import staged_part_entry
from etl.ledger.part_change import settle_part
from etl.values.delivery import Settlement
from tests.ledger.staged import delivered, refusal, refused, staged_part

PART = staged_part_entry(staged_part(1, 20, duplicates=[3]))

batches = st.lists(
    st.builds(
        Settlement,
        st.just(1),
        st.integers(0, 19).filter(lambda index: index != 3),
        st.one_of(st.none(), st.just(refusal())),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(batches)
def test_delivered_wins_over_refused_in_any_order(batch: list[Settlement]) -> None:
    change = settle_part(PART, batch)
    wins = {s.index for s in batch if s.refusal is None}
    loses = {s.index for s in batch} - wins
    assert set(set_indices(change.part.delivered)) == wins
    assert set(set_indices(change.part.refused)) == loses == set(change.added)
    assert (change.part.n_delivered, change.part.n_refused) == (len(wins), len(loses))
    assert change.voided == []


@settings(deadline=None)
@given(batches)
def test_settling_a_batch_twice_changes_nothing(batch: list[Settlement]) -> None:
    once = settle_part(PART, batch).part
    assert settle_part(once, batch) == (once, {}, [])


@settings(deadline=None)
@given(batches, batches)
def test_how_settlements_are_batched_does_not_matter(
    first: list[Settlement], second: list[Settlement]
) -> None:
    apart = settle_part(settle_part(PART, first).part, second).part
    assert apart == settle_part(PART, first + second).part


def test_delivering_a_refused_event_voids_its_refusal() -> None:
    part = settle_part(PART, refused(1, 5)).part
    change = settle_part(part, delivered(1, 5))
    assert (change.voided, change.part.n_delivered, change.part.n_refused) == ([5], 1, 0)


@pytest.mark.parametrize("index", [-1, 20, 65_536])
def test_an_index_outside_the_part_is_a_bug(index: int) -> None:
    with pytest.raises(AssertionError, match="has no event"):
        settle_part(PART, delivered(1, index))


@pytest.mark.parametrize("batch", [delivered(1, 3), refused(1, 3)])
def test_settling_a_duplicate_is_a_bug(batch: list[Settlement]) -> None:
    with pytest.raises(AssertionError, match="duplicate"):
        settle_part(PART, batch)
