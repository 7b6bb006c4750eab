import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.report.damage import find_damage


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ("007", "7", "zeros at the start were dropped"),
        ("000", "0", "zeros at the start were dropped"),
        ("1234567890123456", "1.23457E+15", "scientific notation"),
        ("1234567890123456", "1,23E+15", "scientific notation"),
        ("1234567890123456789", "1234567890123450000", "lost its last digits"),
        ("1.50", "1.5", "zeros after the point were dropped"),
        ("2024-01-31", "1/31/2024", "a date was written another way"),
        ("2024-01-31", "31.01.24", "a date was written another way"),
        ("2024-01-31T09:30:00Z", "1/31/2024 9:30", "a date was written another way"),
        ("2/15/2012", "2012-02-15", "a date was written another way"),
        ("true", "TRUE", "true or false was written another way"),
        ("a" * 40_000, "a" * 32_767, "cut at 32,767"),
        ("=SUM(A1)", "#NAME?", "a formula failed"),
    ],
)
def test_what_a_spreadsheet_does_to_a_cell_is_noticed(before: str, after: str, finding: str) -> None:
    assert finding in (find_damage(before, after) or "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("007", "8"),
        ("n/a", "2024-01-31T09:30:00Z"),
        ("2024-02-30", "2024-02-28"),
        ("12", "13"),
        ("", "x"),
        ("x", ""),
        ("1.5", "1.6"),
    ],
)
def test_what_a_person_changes_is_not(before: str, after: str) -> None:
    assert find_damage(before, after) is None


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared_and_equal_ones_are_sound(before: str, after: str) -> None:
    find_damage(before, after)
    assert find_damage(before, before) is None
