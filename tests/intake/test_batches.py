"""Batches on their way to the stage: split evenly, with nothing lost and nothing out of order."""

import itertools

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from etl.intake.batches import MOST_STAGED_ROWS, _split
from etl.values.reject import RejectCode
from etl.values.rows import ROW, Batch, MalformedRecord


@given(st.sampled_from([0, 1, 2, 3, 5]), st.sets(st.integers(0, 200_000), max_size=5), st.integers(-1, 1))
def test_a_split_batch_keeps_every_record_in_its_place(parts: int, faults: set[int], more: int) -> None:
    height = max(0, parts * MOST_STAGED_ROWS + more)
    numbers = [number for number in range(height + len(faults)) if number not in faults][:height]
    malformed = tuple(
        MalformedRecord(number, None, RejectCode.MALFORMED_RECORD, "short", "x") for number in sorted(faults)
    )
    batch = Batch(pl.DataFrame({ROW: pl.Series(numbers, dtype=pl.UInt32)}), malformed)
    pieces = list(_split(batch))
    assert pl.concat(piece.frame for piece in pieces).equals(batch.frame)
    assert tuple(record for piece in pieces for record in piece.malformed) == malformed
    assert all(piece.frame.height <= MOST_STAGED_ROWS for piece in pieces)
    for before, after in itertools.pairwise(pieces):
        last = before.frame[ROW].to_list()[-1]
        assert all(record.row <= last for record in before.malformed)
        assert all(record.row > last for record in after.malformed)
