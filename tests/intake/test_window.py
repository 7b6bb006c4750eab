"""Which rows are wanted: the span of times, the watermark, the rows after those staged."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.intake.watermark import NOWHERE, Reached, order_keys
from etl.intake.window import ANY_TIME, EVERYTHING, Window, drop_first
from etl.values.extent import Span
from etl.values.reject import RejectCode
from etl.values.rows import REJECT_SCHEMA, ROW, Batch, MalformedRecord, Transformed

MAY = datetime(2024, 5, 1, tzinfo=UTC)
JUNE, JULY = MAY + timedelta(days=31), MAY + timedelta(days=61)


def kept(mark: list[Any] | pl.Series, values: list[Any] | pl.Series) -> list[Any]:
    """What a later load takes of `values` after one that read `mark`."""
    before = pl.Series("at", mark)
    window = Window(ANY_TIME, "at", Reached.of(order_keys(before)))
    return window.drop_old(pl.DataFrame({"at": values})).frame["at"].to_list()


@pytest.mark.parametrize(
    ("mark", "values", "wanted"),
    [
        # Numbers as text go by size: "9" comes before "10".
        (["9"], ["8", "9", "10", "100"], ["9", "10", "100"]),
        (["9.5"], ["9", "10", " 9.7 "], ["10", " 9.7 "]),
        # Times go by instant: half a second after the full one, and in another zone.
        (["2024-01-31T09:00:00Z"], ["2024-01-31T09:00:00.500Z"], ["2024-01-31T09:00:00.500Z"]),
        (["2024-01-31T09:00:00Z"], ["2024-01-31T10:30:00+02:00"], []),
        (["2024-01-31T09:00:00Z"], ["2024-01-31T08:30:00-02:00"], ["2024-01-31T08:30:00-02:00"]),
        (["2024-01-31"], ["2024-01-30", "2024-01-31", "2024-02-01"], ["2024-01-31", "2024-02-01"]),
        # What can't be compared is never old.
        (["2024-01-31"], [None, "", "n/a", "7", "1/2/2024"], [None, "", "n/a", "7", "1/2/2024"]),
        (["zzz", "1/31/2024"], ["aaa", "1/1/2024"], ["aaa", "1/1/2024"]),
        (["nan", "inf"], ["1"], ["1"]),
        # Typed, as Parquet has them.
        ([7], [6, 7, 8, None], [7, 8, None]),
        ([Decimal("7.5")], [Decimal("7.4"), Decimal("7.6")], [Decimal("7.6")]),
        ([date(2024, 5, 1)], [date(2024, 4, 30), date(2024, 5, 1)], [date(2024, 5, 1)]),
        ([MAY], [MAY - timedelta(microseconds=1), MAY, JUNE], [MAY, JUNE]),
        ([True], [False, True], [False, True]),
    ],
)
def test_rows_below_the_watermark_are_left_out_and_those_equal_to_it_are_not(
    mark: list[Any], values: list[Any], wanted: list[Any]
) -> None:
    assert kept(mark, values) == wanted


def test_a_mark_is_the_same_whatever_the_type_that_the_next_file_gives_it() -> None:
    early = datetime(2024, 5, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    nanoseconds = pl.Series("at", [early, JUNE]).cast(pl.Datetime("ns", "UTC"))
    assert kept(["2024-05-01T00:00:00Z"], nanoseconds) == [JUNE]
    assert kept(nanoseconds, ["2024-05-31", "2024-06-02"]) == ["2024-06-02"]
    assert kept(["9007199254740993"], pl.Series("at", [9007199254740993])) == [9007199254740993]
    assert kept(["5"], pl.Series("at", ["4", "6"], dtype=pl.Categorical)) == ["6"]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.integers(),
)
def test_no_row_at_or_above_the_mark_is_ever_left_out(numbers: list[float], cut: int) -> None:
    ordered = sorted(numbers)
    place = cut % len(ordered)
    seen, later = ordered[: place + 1], ordered[place:]
    assert kept([str(number) for number in seen], [str(number) for number in later]) == [
        str(number) for number in later
    ]


def test_marks_of_both_kinds_go_on_by_themselves() -> None:
    first, second = Reached(5.0, None), Reached(3.0, 1_000_000)
    assert first.up_to(second) == second.up_to(first) == Reached(5.0, 1_000_000)
    assert NOWHERE.up_to(first) == first


def test_a_time_in_the_future_is_no_mark() -> None:
    now = datetime(2024, 5, 1, tzinfo=UTC)
    assert Reached(None, 10**18).no_later_than(now) == Reached(None, 1_714_521_600_000_000)
    assert Reached(10.0**18, None).no_later_than(now) == Reached(10.0**18, None)
    assert Reached(None, 5).no_later_than(now) == Reached(None, 5)


def transformed(*moments: datetime) -> Transformed:
    times = pl.Series("created_at", moments, dtype=pl.Datetime("us", "UTC"))
    return Transformed(pl.DataFrame([times]), pl.DataFrame(schema=REJECT_SCHEMA), 4)


def test_events_from_since_on_and_before_until_are_kept_and_the_others_count_as_skipped() -> None:
    window = Window(Span(MAY, JULY))
    before = MAY - timedelta(microseconds=1)
    cut = window.cut(transformed(before, MAY, JUNE, JULY), 3)
    assert cut.events["created_at"].to_list() == [MAY, JUNE]
    assert cut.skipped == 4 + 3 + 2
    assert EVERYTHING.cut(transformed(before, JULY), 0).skipped == 4


@pytest.mark.parametrize(
    ("span", "other", "within"),
    [
        (Span(), Span(), True),
        (Span(MAY, JUNE), Span(), True),
        (Span(), Span(None, JUNE), False),
        (Span(MAY, JUNE), Span(MAY, JUNE), True),
        (Span(MAY, JULY), Span(MAY, JUNE), False),
        (Span(MAY, None), Span(JUNE, None), False),
        (Span(JUNE, None), Span(MAY, None), True),
        (Span(None, JUNE), Span(MAY, JUNE), False),
    ],
)
def test_a_span_is_within_another(span: Span, other: Span, *, within: bool) -> None:
    assert span.within(other) is within
    assert span.narrowed_by(other).within(span)
    assert span.narrowed_by(other).within(other)


def test_the_first_rows_of_a_file_are_dropped_malformed_ones_too() -> None:
    bad = [MalformedRecord(row, row, RejectCode.MALFORMED_RECORD, "", "") for row in (2, 5)]
    batches = [
        Batch(pl.DataFrame({ROW: [1, 3]}, schema={ROW: pl.UInt32}), (bad[0],)),
        Batch(pl.DataFrame({ROW: [4]}, schema={ROW: pl.UInt32}), (bad[1],)),
    ]
    rows = [
        ([*batch.frame[ROW]], [record.row for record in batch.malformed])
        for batch in drop_first(iter(batches), 3)
    ]
    assert rows == [([4], [5])]
    assert [*drop_first(iter(batches), 0)] == batches
    assert [[*batch.frame[ROW]] for batch in drop_first(iter(batches), 2)] == [[3], [4]]
    assert not [*drop_first(iter(batches), 5)]
