import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.rejects.damage import find_damage


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
        ("2024-01-31 09:30:15", "1/31/2024 9:30", "a date was written another way"),
        ("1/31/2024 02:30:00 PM", "2024-01-31 14:30", "a date was written another way"),
        ("2024-03-14", "14-Mar-24", "a date was written another way"),
        ("2024-01-31", "45322", "a date became a number of days"),
        ("1/31/2024 12:00", "45322.5", "a date became a number of days"),
        ("09:12", "9:12:00 AM", "a time was written another way"),
        ("21:12:33", "9:12 PM", "a time was written another way"),
        ("12:00", "0.5", "a time was written another way"),
        ("1/2", "2-Jan", "it was taken for a date"),
        ("1/2", "02.01.2026", "it was taken for a date"),
        ("3-4", "4-Mar", "it was taken for a date"),
        ("MAR1", "1-Mar", "it was taken for a date"),
        ("SEPT2", "2-Sep", "it was taken for a date"),
        ("1,234,567", "1234567", "a number was written another way"),
        ("1.234,50", "1234.5", "a number was written another way"),
        ("1 234", "1234", "a number was written another way"),
        ("1.5", "1,5", "a number was written another way"),
        ("$5.00", "5", "a number was written another way"),
        ("12 €", "12", "a number was written another way"),
        ("5%", "0.05", "a number was written another way"),
        ("+4930123456", "4930123456", "a number was written another way"),
        ("+5", "5", "a number was written another way"),
        ("0.12345678901234567", "0.123456789012346", "a number was written another way"),
        ("+49301234567890", "4.93012E+13", "scientific notation"),
        ("True", "TRUE", "true or false was written another way"),
        ("a\r\nb", "a\nb", "line ends were written another way"),
        ("naïve", "na?ve", "letters became question marks"),
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
        ("2024-03-10 02:30", "2024-03-10 03:30"),
        ("2024-03-10 02:30 AM", "2024-03-10 02:30 PM"),
        ("2024-01-31", "45323"),
        ("09:12", "9:12 PM"),
        ("1/2", "3-Jan"),
        ("1,234", "1235"),
        ("1,234", "12.34"),
        ("$5.00", "6"),
        ("naïve", "native"),
        ("true", "FALSE"),
        ("+5", "-5"),
    ],
)
def test_what_a_person_changes_is_not(before: str, after: str) -> None:
    assert find_damage(before, after) is None


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared_and_equal_ones_are_sound(before: str, after: str) -> None:
    find_damage(before, after)
    assert find_damage(before, before) is None
