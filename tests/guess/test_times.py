"""How a column writes its times is told, with what the texts leave open."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.guess.times import _PATTERNS, TimeGuess, guess_time

MOMENTS = [
    datetime(2023, month, day, hour, 5, 9, tzinfo=UTC)
    for month in range(1, 13)
    for day in (3, 17, 28)
    for hour in (1, 14)
]


def texts(pattern: str) -> pl.Series:
    return pl.Series([moment.strftime(pattern) for moment in MOMENTS])


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_each_known_pattern_is_recognised_or_equals_one_that_reads_the_same(pattern):
    guess = guess_time(texts(pattern))
    assert guess is not None
    read = texts(pattern).str.to_datetime(guess.format, strict=False, time_unit="us")
    assert read.equals(texts(pattern).str.to_datetime(pattern, strict=False, time_unit="us"))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("epoch_s", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000), ("epoch_ns", 1_000_000_000)],
)
def test_epochs_are_told_by_their_size(unit, factor):
    numbers = [int(moment.timestamp()) * factor for moment in MOMENTS]
    assert guess_time(pl.Series(map(str, numbers))) == TimeGuess(unit, has_zone=True, share=1.0)
    assert guess_time(pl.Series(numbers)) == TimeGuess(unit, has_zone=True, share=1.0)


def test_days_up_to_twelve_leave_open_which_comes_first():
    guess = guess_time(pl.Series(["03/04/2023 10:00", "05/06/2023 11:00"]))
    assert guess is not None
    assert {guess.format, guess.rival} == {"%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"}


def test_one_day_above_twelve_settles_which_comes_first():
    guess = guess_time(pl.Series(["03/04/2023 10:00"] * 9 + ["25/04/2023 10:00"]))
    assert guess is not None
    assert (guess.format, guess.rival) == ("%d/%m/%Y %H:%M", None)


def test_iso_times_say_their_zone_or_dont():
    assert guess_time(pl.Series(["2023-01-02T03:04:05Z"])) == TimeGuess("iso8601", has_zone=True, share=1.0)
    assert guess_time(pl.Series(["2023-01-02 03:04:05"])) == TimeGuess("iso8601", has_zone=False, share=1.0)


@given(st.lists(st.text(max_size=30), max_size=20))
def test_any_texts_are_times_or_not_and_never_an_error(values):
    guess = guess_time(pl.Series(values, dtype=pl.String))
    assert guess is None or guess.share >= 0.9


def test_words_and_small_numbers_are_no_times():
    assert guess_time(pl.Series(["one", "two"])) is None
    assert guess_time(pl.Series(["1", "250"])) is None
