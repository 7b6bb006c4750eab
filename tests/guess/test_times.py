"""How a column writes its times is told, with what the texts leave open."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.guess.numbers import EPOCHS
from etl.guess.times import TimeGuess, guess_clock, guess_time

MOMENTS = [
    datetime(2023, month, day, hour, 5, 9, tzinfo=UTC)
    for month in range(1, 13)
    for day in (3, 17, 28)
    for hour in (1, 14)
]


PATTERNS = [
    *(
        f"{date}{gap}{clock}"
        for date in (
            "%m/%d/%Y",
            "%d/%m/%Y",
            "%d.%m.%Y",
            "%Y/%m/%d",
            "%d-%m-%Y",
            "%m/%d/%y",
            "%d.%m.%y",
            "%b %d, %Y",
            "%d %b %Y",
        )
        for gap in (" ", ", ")
        for clock in ("%I:%M:%S %p", "%I:%M %p", "%H:%M:%S", "%H:%M")
    ),
    *(
        "%a, %d %b %Y %H:%M:%S %z",
        "%d/%b/%Y:%H:%M:%S %z",
        "[%d/%b/%Y:%H:%M:%S %z]",
        "%Y-%m-%d",
        "%d-%b-%Y",
        "%d %B %Y at %H:%M",
    ),
    *("%Y%m%d%H%M%S", "%Y%m%d", "%Y%m%dT%H%M%SZ", "%Y%m%d %H%M%S", "%Y%m%d-%H:%M:%S:123", "%y%m%d %H%M%S"),
    *(
        "%a %b %d %H:%M:%S %Y",
        "%Y-%m-%d %H:%M:%S,071",
        "%Y-%m-%d-%H.%M.%S.156884",
        "%y/%m/%d %H:%M:%S",
        "%A, %B %d, %Y",
    ),
]


def texts(pattern: str) -> pl.Series:
    return pl.Series([moment.strftime(pattern) for moment in MOMENTS])


def instants(column: pl.Series, pattern: str) -> list[datetime]:
    read = column.str.to_datetime(pattern, strict=False, time_unit="us")
    return read.dt.replace_time_zone(None).to_list()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_layout_is_found_and_reads_what_was_written(pattern: str) -> None:
    guess = guess_time(texts(pattern))
    assert guess is not None
    if guess.format in EPOCHS or guess.format == "iso8601":
        assert pattern in (
            "%Y%m%d%H%M%S",
            "%Y%m%d",
            "%Y-%m-%d",
            "%Y-%m-%d %H:%M:%S,071",
        )  # read as such elsewhere
        return
    zoned = pattern.replace("%z", "+0000")
    kept = [moment.replace(tzinfo=None, microsecond=0) for moment in MOMENTS]
    read = instants(texts(zoned), guess.format)
    shown = [moment.strftime(zoned) for moment in kept]
    assert [moment.strftime(zoned) for moment in read] == shown
    assert guess.rivals == ()


@settings(max_examples=60)
@given(
    start=st.datetimes(datetime(2001, 1, 1), datetime(2025, 1, 1)),
    steps=st.lists(st.integers(1, 400_000), min_size=1, max_size=60),
    pattern=st.sampled_from(PATTERNS),
)
def test_no_layout_is_read_wrongly_without_naming_the_right_one(
    start: datetime, steps: list[int], pattern: str
) -> None:
    moments = [start.replace(microsecond=0, tzinfo=UTC)]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=step))
    column = pl.Series([moment.strftime(pattern) for moment in moments])
    guess = guess_time(column)
    if guess is None or guess.format in EPOCHS or guess.format == "iso8601":
        return
    zoned = column
    right = [moment.strftime(pattern) for moment in moments]
    readings = [
        [moment and moment.replace(tzinfo=UTC).strftime(pattern) for moment in instants(zoned, form)]
        for form in (guess.format, *guess.rivals)
    ]
    assert right in readings


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("epoch_s", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000), ("epoch_ns", 1_000_000_000)],
)
def test_epochs_are_told_by_their_size(unit: str, factor: int) -> None:
    numbers = [int(moment.timestamp()) * factor for moment in MOMENTS]
    assert guess_time(pl.Series(map(str, numbers))) == TimeGuess(unit, has_zone=True, share=1.0)
    assert guess_time(pl.Series(numbers)) == TimeGuess(unit, has_zone=True, share=1.0)


def test_days_up_to_twelve_leave_open_which_comes_first() -> None:
    guess = guess_time(pl.Series(["03/04/2023 10:00", "05/06/2023 11:00"]))
    assert guess is not None
    assert {guess.format, *guess.rivals} == {"%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"}


def test_one_day_above_twelve_settles_which_comes_first() -> None:
    guess = guess_time(pl.Series(["03/04/2023 10:00"] * 9 + ["25/04/2023 10:00"]))
    assert guess is not None
    assert (guess.format, guess.rivals) == ("%d/%m/%Y %H:%M", ())


def test_iso_times_say_their_zone_or_dont() -> None:
    assert guess_time(pl.Series(["2023-01-02T03:04:05Z"])) == TimeGuess("iso8601", has_zone=True, share=1.0)
    assert guess_time(pl.Series(["2023-01-02 03:04:05"])) == TimeGuess("iso8601", has_zone=False, share=1.0)


@given(st.lists(st.text(max_size=30), max_size=20))
def test_any_texts_are_times_or_not_and_never_an_error(values: Any) -> None:
    guess = guess_time(pl.Series(values, dtype=pl.String))
    assert guess is None or guess.share >= 0.9


def test_what_stands_for_no_value_is_no_reason_to_read_no_times() -> None:
    found = guess_time(pl.Series(["2024-01-31 09:30:00", "2024-02-01 10:00:00", "n/a", "-"]))
    assert found is not None
    assert (found.format, found.share) == ("iso8601", 0.5)
    assert guess_time(pl.Series(["n/a", "-", ""])) is None


def test_words_and_small_numbers_are_no_times() -> None:
    assert guess_time(pl.Series(["one", "two"])) is None
    assert guess_time(pl.Series(["1", "250"])) is None


@pytest.mark.parametrize(
    ("text", "clock"),
    [("13:08", "%H:%M"), ("1:00:00", "%H:%M:%S"), ("01:08 PM", "%I:%M %p"), ("13.08", None), ("7", None)],
)
def test_a_time_of_day_without_a_date_is_a_clock(text: str, clock: str | None) -> None:
    column = pl.Series([text, text])
    assert guess_clock(column) == clock
    assert guess_time(column) is None
