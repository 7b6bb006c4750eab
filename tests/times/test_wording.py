"""What strptime leaves unread is read by its words, and never otherwise than it stands there."""

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.times.texts import parse_texts
from etl.times.words import MONTHS, WEEKDAYS
from etl.times.zone_names import DISPUTED, ZONE_OF, offsets_of
from etl.times.zones import UNPARSABLE, TimeFormat

WORDS = "%d %B %Y %I:%M %p"


def read(text: str, pattern: str, timezone: str | None = None) -> str | int:
    """The instant, or the number of the problem; alone, and beside a text that strptime reads."""
    form = TimeFormat(pattern, timezone)
    plain = datetime(2020, 1, 1, 1).strftime(pattern.replace("%z", "+0000").replace("%Z", "UTC"))
    alone, beside = parse_texts(pl.Series([text]), form), parse_texts(pl.Series([plain, text]), form)[1:]
    assert alone.rows() == beside.rows()
    moment, problem = alone.row(0)
    return problem if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(
    ("text", "pattern", "instant"),
    [
        ("2. März 2024 15:04", "%d. %B %Y %H:%M", "2024-03-02T15:04:00"),
        ("02 févr. 2024 15:04", "%d %b %Y %H:%M", "2024-02-02T15:04:00"),
        ("mar. 5 mars 2024 15:04", "%a %d %b %Y %H:%M", "2024-03-05T15:04:00"),
        ("05-DIC-2024", "%d-%b-%Y", "2024-12-05T00:00:00"),
        ("5 października 2024", "%d %B %Y", "2024-10-05T00:00:00"),
        ("Sept. 5, 2024", "%b %d, %Y", "2024-09-05T00:00:00"),
        ("January 5, 2024", "%b %d, %Y", "2024-01-05T00:00:00"),
        ("1/2/2024 3:04 p.m.", "%m/%d/%Y %I:%M %p", "2024-01-02T15:04:00"),
        ("1/2/2024 3:04 p. m.", "%m/%d/%Y %I:%M %p", "2024-01-02T15:04:00"),
        ("1/2/2024 12:04A.M.", "%m/%d/%Y %I:%M %p", "2024-01-02T00:04:00"),
        ("1/2/2024 3:04\u202fPM", "%m/%d/%Y %I:%M %p", "2024-01-02T15:04:00"),
        ("2024-01-02 下午 3:04", "%Y-%m-%d %p %I:%M", "2024-01-02T15:04:00"),
    ],
)
def test_names_and_halves_of_the_day_in_any_spelling(text: str, pattern: str, instant: str) -> None:
    assert read(text, pattern, "UTC") == instant


@pytest.mark.parametrize(
    ("text", "pattern", "timezone", "instant"),
    [
        ("2024-01-31 09:30:00 +02", "%Y-%m-%d %H:%M:%S %z", None, "2024-01-31T07:30:00"),
        ("2024-01-31 09:30:00 GMT+2", "%Y-%m-%d %H:%M:%S %z", None, "2024-01-31T07:30:00"),
        ("2024-01-31 09:30:00 UTC-03:30", "%Y-%m-%d %H:%M:%S %z", None, "2024-01-31T13:00:00"),
        ("2024-01-31 09:30:00 UTC", "%Y-%m-%d %H:%M:%S %z", None, "2024-01-31T09:30:00"),
        ("Tue May 29 12:55:27 PDT 2018", "%a %b %d %H:%M:%S %Z %Y", None, "2018-05-29T19:55:27"),
        ("Tue May 29 12:55:27 CEST 2018", "%a %b %d %H:%M:%S %Z %Y", None, "2018-05-29T10:55:27"),
        # The hour that comes twice is told by the name.
        ("2024-10-27 02:30 CEST", "%Y-%m-%d %H:%M %Z", "Europe/Berlin", "2024-10-27T00:30:00"),
        ("2024-10-27 02:30 CET", "%Y-%m-%d %H:%M %Z", "Europe/Berlin", "2024-10-27T01:30:00"),
        ("2024-01-31 09:30 IST", "%Y-%m-%d %H:%M %Z", "Asia/Kolkata", "2024-01-31T04:00:00"),
        ("2024-01-31 09:30 IST", "%Y-%m-%d %H:%M %Z", "Asia/Jerusalem", "2024-01-31T07:30:00"),
    ],
)
def test_zones_by_offset_and_by_name(text: str, pattern: str, timezone: str | None, instant: str) -> None:
    assert read(text, pattern, timezone) == instant


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("31. Februar 2024", "%d. %B %Y"),
        ("2. Brumaire 2024", "%d. %B %Y"),
        ("Mon May 29 12:55:27 2018", "%a %b %d %H:%M:%S %Y"),  # it was a Tuesday
        ("1/2/2024 13:04 p.m.", "%m/%d/%Y %I:%M %p"),
        ("2024-01-31 09:30:60 +02", "%Y-%m-%d %H:%M:%S %z"),
        ("2024-01-31 09:30:00 +17", "%Y-%m-%d %H:%M:%S %z"),
        ("2024-01-31 09:30:00 XYZ", "%Y-%m-%d %H:%M:%S %Z"),
        *((f"2024-01-31 09:30:00 {name}", "%Y-%m-%d %H:%M:%S %Z") for name in DISPUTED),
    ],
)
def test_what_says_no_time_is_read_as_none(text: str, pattern: str) -> None:
    assert read(text, pattern, None if "%z" in pattern or "%Z" in pattern else "UTC") == UNPARSABLE


@pytest.mark.parametrize("timezone", [None, "Europe/Moscow"])
def test_a_name_that_meant_another_offset_in_other_years_is_no_time(timezone: str | None) -> None:
    """Moscow was four hours ahead from 2011 to 2014, and called MSK all the while."""
    assert read("2012-07-01 09:30 MSK", "%Y-%m-%d %H:%M %Z", timezone) == UNPARSABLE
    assert read("2012-07-01 09:30 MSK", "%Y-%m-%d %H:%M MSK", "Europe/Moscow") == "2012-07-01T05:30:00"
    assert read("2018-07-01 09:30 MSK", "%Y-%m-%d %H:%M MSK", "Europe/Moscow") == "2018-07-01T06:30:00"


@settings(max_examples=100)
@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2068, 1, 1)), st.sampled_from(sorted(MONTHS)), st.booleans()
)
def test_every_month_by_every_name(moment: datetime, name: str, is_upper: bool) -> None:
    moment = moment.replace(month=MONTHS[name], day=min(moment.day, 28))
    word, half = name.upper() if is_upper else name, "p.m." if moment.hour > 11 else "a.m."
    text = f"{moment.day} {word} {moment:%Y %I:%M} {half}"
    assert read(text, WORDS, "UTC") == f"{moment:%Y-%m-%dT%H:%M}:00"


def test_no_name_means_two_months_weekdays_or_clocks() -> None:
    assert set(MONTHS.values()) == set(range(1, 13))
    assert set(WEEKDAYS.values()) == set(range(1, 8))
    assert not set(DISPUTED) & set(offsets_of(None))
    for name, zone in ZONE_OF.items():
        assert offsets_of(zone).get(name, offsets_of(None).get(name)) == offsets_of(None).get(name)
