"""Every layout that files write: the texts, the layout that is found, and the instants that a job reads by it."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.guess.times import TimeGuess, guess_time
from etl.times.patterns import check_pattern
from etl.times.texts import parse_texts
from etl.times.words import MONTHS
from etl.times.zones import TimeFormat

GERMAN = [
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
]
FRENCH = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]

# texts, layout, instants; a year that isn't there is that of 2000
LAYOUTS = [
    ("2024-01-31T09:30:00.123+0100", "iso8601", "2024-01-31T08:30:00.123"),
    ("2024-01-31 09:30:00 +02", "iso8601", "2024-01-31T07:30:00"),
    ("2015-07-29 19:04:29,071", "iso8601", "2015-07-29T19:04:29.071"),
    ("2024-01-31 09:30:00 GMT+2", "%Y-%m-%d %H:%M:%S %z", "2024-01-31T07:30:00"),
    ("2024-01-31 09:30:00 UTC-03:30", "%Y-%m-%d %H:%M:%S %z", "2024-01-31T13:00:00"),
    ("31/01/2024 09:30:00 +02", "%d/%m/%Y %H:%M:%S %z", "2024-01-31T07:30:00"),
    ("31/01/2024 09:30:00 UTC", "%d/%m/%Y %H:%M:%S UTC", "2024-01-31T09:30:00"),
    ("2019-11-07 09:59:42.363 +0000 UTC", "%Y-%m-%d %H:%M:%S%.f %z UTC", "2019-11-07T09:59:42.363"),
    ("31 Jan 2024, 09:30 CET", "%d %b %Y, %H:%M %Z", "2024-01-31T08:30:00"),
    ("Tue May 29 12:55:27 PDT 2018", "%a %b %d %H:%M:%S %Z %Y", "2018-05-29T19:55:27"),
    ("Sun Dec 04 04:47:44 +0100 2005", "%a %b %d %H:%M:%S %z %Y", "2005-12-04T03:47:44"),
    ("Sun Dec 04 04:47:44 2005", "%a %b %d %H:%M:%S %Y", "2005-12-04T04:47:44"),
    ("[Sun Dec 04 04:47:44 2005]", "[%a %b %d %H:%M:%S %Y]", "2005-12-04T04:47:44"),
    ("Wed, 31 Jan 2024 09:30:00 GMT", "%a, %d %b %Y %H:%M:%S GMT", "2024-01-31T09:30:00"),
    ("Wed, 31 Jan 2024 09:30:00 -0700", "%a, %d %b %Y %H:%M:%S %z", "2024-01-31T16:30:00"),
    ("[10/Oct/2000:13:55:36 -0700]", "[%d/%b/%Y:%H:%M:%S %z]", "2000-10-10T20:55:36"),
    ("Jun 14 15:16:02", "%b %d %H:%M:%S", "2000-06-14T15:16:02"),
    ("Jun  4 15:16:02", "%b %d %H:%M:%S", "2000-06-04T15:16:02"),
    ("03-17 16:13:38.811", "%m-%d %H:%M:%S%.f", "2000-03-17T16:13:38.811"),
    ("20240131T093000Z", "%Y%m%dT%H%M%SZ", "2024-01-31T09:30:00"),
    ("20240131 093000", "%Y%m%d %H%M%S", "2024-01-31T09:30:00"),
    ("20240131-9:30:00:123", "%Y%m%d-%H:%M:%S:%3f", "2024-01-31T09:30:00.123"),
    ("20240131", "%Y%m%d", "2024-01-31T00:00:00"),
    ("081129 203615", "%y%m%d %H%M%S", "2008-11-29T20:36:15"),
    ("2005-06-03-15.49.36.156884", "%Y-%m-%d-%H.%M.%S%.f", "2005-06-03T15:49:36.156884"),
    ("31-JAN-24 09.30.00.123000 PM", "%d-%b-%y %I.%M.%S%.f %p", "2024-01-31T21:30:00.123"),
    ("2024-031 09:30", "%Y-%j %H:%M", "2024-01-31T09:30:00"),
    ("2024/01/31", "%Y/%m/%d", "2024-01-31T00:00:00"),
    ("02-Jan-2024", "%d-%b-%Y", "2024-01-02T00:00:00"),
    ("Jan 2, 2024, 3:04 PM", "%b %d, %Y, %I:%M %p", "2024-01-02T15:04:00"),
    ("2 January 2024 at 15:04", "%d %B %Y at %H:%M", "2024-01-02T15:04:00"),
    ("1/31/24, 9:30 AM", "%m/%d/%y, %I:%M %p", "2024-01-31T09:30:00"),
    ("1/31/2024 3:04:05 p. m.", "%m/%d/%Y %I:%M:%S %p", "2024-01-31T15:04:05"),
    ("05/29/2012 at 11:30am", "%m/%d/%Y at %I:%M%p", "2012-05-29T11:30:00"),
    ("Monday, January 1, 2024 3:04:05 PM", "%A, %B %d, %Y %I:%M:%S %p", "2024-01-01T15:04:05"),
    ("2. März 2024 15:04", "%d. %B %Y %H:%M", "2024-03-02T15:04:00"),
    ("mar. 5 mars 2024", "%a %d %B %Y", "2024-03-05T00:00:00"),
    ("5 de enero de 2024", "%d de %B de %Y", "2024-01-05T00:00:00"),
    ("5 października 2024 9:30", "%d %B %Y %H:%M", "2024-10-05T09:30:00"),
    ("2024年1月31日 09:30", "%Y年%m月%d日 %H:%M", "2024-01-31T09:30:00"),
    ("12:30 31.01.2024", "%H:%M %d.%m.%Y", "2024-01-31T12:30:00"),
    ('"2024-01-31 09:30"', '"%Y-%m-%d %H:%M"', "2024-01-31T09:30:00"),
    ("1379288667", "epoch_s", "2013-09-15T23:44:27"),
    ("1379288667.668082", "epoch_s", "2013-09-15T23:44:27.668082"),
    ("1379288667,5", "epoch_s", "2013-09-15T23:44:27.500"),
    ("1,379,288,667", "epoch_s", "2013-09-15T23:44:27"),
    ("1.379.288.667,5", "epoch_s", "2013-09-15T23:44:27.500"),
    ("1 379 288 667 668", "epoch_ms", "2013-09-15T23:44:27.668"),
    ("1379288667668082", "epoch_us", "2013-09-15T23:44:27.668082"),
    ("1379288667668082123", "epoch_ns", "2013-09-15T23:44:27.668082"),
    ("45322.395833", "excel", "2024-01-31T09:29:59.971"),
    ("45322,5", "excel", "2024-01-31T12:00:00"),
]


def read(texts: pl.Series, form: str, *, has_year: bool = True) -> list[datetime | None]:
    """The instants as a run reads them."""
    if not has_year:
        form, texts = f"%Y {form}", pl.select(pl.concat_str(pl.lit("2000 "), texts)).to_series()
    assert check_pattern(form) is None
    return parse_texts(texts, TimeFormat(form, "UTC"))["time"].to_list()


@pytest.mark.parametrize(("text", "form", "instant"), LAYOUTS)
def test_a_layout_is_found_and_reads_the_instant(text: str, form: str, instant: str) -> None:
    column = pl.Series([text] * 3)
    guess = guess_time(column)
    assert guess is not None
    assert (guess.format, guess.rivals) == (form, ())
    moment = datetime.fromisoformat(f"{instant}+00:00")
    assert read(column, form, has_year=guess.has_year) == [moment] * 3


def render(moment: datetime, pattern: str) -> str:
    """A time in a pattern, which may name months in German (`%>B`) or French (`%>b`)."""
    worded = pattern.replace("%>B", GERMAN[moment.month - 1]).replace("%>b", FRENCH[moment.month - 1])
    return moment.strftime(worded).replace("+0000", "+00")


RENDERED = [
    f"{date}{gap}{clock}{zone}"
    for date in (
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%y/%m/%d", "%Y.%m.%d", "%d. %>B %Y", "%d %>b %Y", "%A, %d %B %Y", "%Y-%j",
        "%b %d", "%m-%d", "%d/%m",
    )
    for gap in (" ", ", ")
    for clock in ("%H:%M:%S", "%I:%M %p", "%H:%M:%S.%f")
    for zone in ("", " UTC", " %z")
]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    start=st.datetimes(datetime(2001, 1, 1), datetime(2024, 1, 1)),
    steps=st.lists(st.integers(1, 400_000), min_size=1, max_size=60),
    pattern=st.sampled_from(RENDERED),
)
def test_any_layout_is_found_again_or_marked_ambiguous(
    start: datetime, steps: list[int], pattern: str
) -> None:
    moments = [start.replace(tzinfo=UTC)]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=step))
    if "%f" not in pattern:
        moments = [
            moment.replace(microsecond=0, second=moment.second if "%S" in pattern else 0)
            for moment in moments
        ]
    if "%Y" not in pattern and "%y" not in pattern:
        moments = [
            moment.replace(year=2000) for moment in moments if (moment.month, moment.day) != (2, 29)
        ] or [datetime(2000, 1, 1, tzinfo=UTC)]
    column = pl.Series([render(moment, pattern) for moment in moments])
    guess = guess_time(column)
    assert isinstance(guess, TimeGuess)
    readings = [read(column, form, has_year=guess.has_year) for form in (guess.format, *guess.rivals)]
    assert moments in readings
    if len(readings) == 1:
        assert readings[0] == moments


def test_numbers_and_words_that_are_no_times() -> None:
    for texts in (
        ["1.5", "2.5"],
        ["3/4", "5/6"],
        ["12-31"],
        ["v1.2.3"],
        ["10.0.0.1"],
        ["2024"],
        ["May"],
        ["1:2:3:4"],
    ):
        guess = guess_time(pl.Series(texts * 20))
        assert guess is None, texts
    assert len(MONTHS) > 100
