from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.ledger.bitmap import (
    count_bits,
    empty_bitmap,
    is_set,
    is_well_formed,
    overlaps,
    set_bits,
    set_indices,
    unset_indices,
)

sizes = st.integers(0, 300)


@st.composite
def sized_indices(draw: st.DrawFn) -> tuple[int, set[int]]:
    size = draw(sizes)
    return size, draw(st.sets(st.integers(0, size - 1))) if size else set()


@settings(deadline=None)
@given(sized_indices())
def test_what_is_set_is_what_was_set(case: Any) -> None:
    size, indices = case
    bits = set_bits(empty_bitmap(size), indices)
    assert set_indices(bits) == sorted(indices)
    assert {index for index in range(size) if is_set(bits, index)} == indices
    assert count_bits(bits) == len(indices)
    assert is_well_formed(bits, size)


@settings(deadline=None)
@given(sized_indices(), st.data())
def test_unset_is_what_no_bitmap_has(case: Any, data: st.DataObject) -> None:
    size, first = case
    second = data.draw(st.sets(st.integers(0, size - 1))) if size else set()
    empty = empty_bitmap(size)
    found = unset_indices(size, set_bits(empty, first), set_bits(empty, second))
    assert found == sorted(set(range(size)) - first - second)
    assert overlaps(set_bits(empty, first), set_bits(empty, second)) == bool(first & second)


def test_the_format_is_lowest_bit_first() -> None:
    assert set_bits(empty_bitmap(20), [0, 9, 19]) == bytes([0b1, 0b10, 0b1000])


@pytest.mark.parametrize(("bits", "size"), [(b"\x10", 4), (b"\x00\x00", 8), (b"", 1), (b"\x00\x02", 9)])
def test_a_wrong_length_or_a_bit_past_the_end_is_malformed(bits: bytes, size: int) -> None:
    assert not is_well_formed(bits, size)


def test_a_full_part_has_no_unset_index_and_an_empty_one_all() -> None:
    size = 65_536
    assert unset_indices(size, b"\xff" * (size // 8)) == []
    assert unset_indices(size) == list(range(size))
