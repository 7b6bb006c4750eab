from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.values.reject import RejectCode
from etl.values.rows import ROW, Batch, MalformedRecord


def batch_of(rows: list[int], malformed: list[int]) -> Batch:
    records = tuple(MalformedRecord(row, None, RejectCode.MALFORMED_RECORD, "", "") for row in malformed)
    return Batch(pl.DataFrame({ROW: rows}, schema={ROW: pl.UInt32}), records)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([2, 4], [([1, 3], [2]), ([4, 7], [5, 6, 8])]),
        ([1, 2, 9], [([1], []), ([3], [2]), ([4, 7], [5, 6, 8])]),
        ([4], [([1, 3, 4, 7], [2, 5, 6, 8])]),
    ],
)
def test_malformed_records_stay_where_they_stood(
    ends: list[int], expected: list[tuple[list[int], list[int]]]
) -> None:
    parts = batch_of([1, 3, 4, 7], [2, 5, 6, 8]).split(ends)
    assert [
        (part.frame[ROW].to_list(), [record.row for record in part.malformed]) for part in parts
    ] == expected


def test_malformed_records_alone_are_one_part() -> None:
    assert [part.records for part in batch_of([], [1, 2]).split([5])] == [2]


@given(st.sets(st.integers(1, 40), min_size=1), st.data())
def test_parts_hold_every_record_once_and_in_order(numbers: set[int], data: st.DataObject) -> None:
    malformed = data.draw(st.sets(st.sampled_from(sorted(numbers)), max_size=len(numbers) - 1))
    rows = sorted(numbers - malformed)
    ends = sorted(data.draw(st.sets(st.integers(1, len(rows)))) | {len(rows)})
    parts = list(batch_of(rows, sorted(malformed)).split(ends))
    seen = [sorted([*part.frame[ROW], *(record.row for record in part.malformed)]) for part in parts]
    assert [row for part in seen for row in part] == sorted(numbers)
    assert all(before[-1] < after[0] for before, after in pairwise(seen))
