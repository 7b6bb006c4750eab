from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.values.delivery import EventPlace
from etl.witness.choose import choose_canary, choose_sample, largest_missing_share

START = datetime(2024, 1, 1, tzinfo=UTC)


def part(rows: list[tuple[int, str, str, int, int]]) -> pl.DataFrame:
    """Rows of file, entity, type, seconds after the start, size."""
    frame = pl.DataFrame(rows, schema=["file", "entity_type", "type", "s", "size"], orient="row")
    at = pl.Series("created_at", [START + timedelta(seconds=s) for s in frame["s"]], pl.Datetime("us", "UTC"))
    return frame.drop("s").with_columns(at)


PARTS = [
    (
        0,
        part(
            [
                (0, "message", "copied", 50, 100),
                (0, "message", "copied", 60, 900),
                (0, "message", "opened", 40, 100),
            ]
        ),
    ),
    (
        1,
        part(
            [
                (1, "search", "asked", 10, 100),
                (1, "message", "copied", 99, 100),
                (2, "message", "copied", 70, 5),
            ]
        ),
    ),
]


def test_a_canary_has_one_of_each_kind_then_the_extremes_then_each_file() -> None:
    kinds = (EventPlace(0, 0), EventPlace(0, 2), EventPlace(1, 0))
    assert choose_canary(PARTS, 3) == kinds
    # The oldest is there already; the newest and the largest come next, and then the third file.
    assert choose_canary(PARTS, 5) == tuple(sorted([*kinds, EventPlace(1, 1), EventPlace(0, 1)]))
    assert EventPlace(1, 2) in choose_canary(PARTS, 6)
    assert choose_canary(PARTS, 1) == (EventPlace(0, 0),)
    assert len(choose_canary(PARTS, 100)) == 6
    assert choose_canary([], 5) == ()


def test_where_rows_are_left_out_their_places_are_kept() -> None:
    pending = PARTS[0][1].with_columns(pl.Series("index", [7, 8, 11], pl.UInt32))
    assert choose_canary([(4, pending)], 2) == (EventPlace(4, 7), EventPlace(4, 11))


@given(sizes=st.lists(st.integers(0, 40), max_size=8), count=st.integers(0, 200), seed=st.integers(0, 99))
def test_a_sample_has_as_many_as_asked_for_each_once_and_the_same_each_time(
    sizes: list[int], count: int, seed: int
) -> None:
    drawn = list(choose_sample(sizes, count, seed))
    assert drawn == list(choose_sample(sizes, count, seed))
    places = [(number, index) for number, indices in drawn for index in indices]
    assert len(places) == len(set(places)) == min(count, sum(sizes))
    assert all(0 <= index < sizes[number] for number, index in places)


def test_a_sample_is_spread_over_the_parts() -> None:
    counts = [0, 0, 0]
    for seed in range(200):
        for number, indices in choose_sample([100, 300, 600], 10, seed):
            counts[number] += len(indices)
    assert counts == [pytest.approx(share * 2_000, rel=0.2) for share in (0.1, 0.3, 0.6)]


def test_what_a_sample_proves() -> None:
    assert largest_missing_share(3_000) == pytest.approx(0.001, rel=0.01)
    assert largest_missing_share(0) == 1.0
    assert 0.01 < largest_missing_share(3_000, 30) < 0.04
