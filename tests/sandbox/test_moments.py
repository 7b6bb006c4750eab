from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.moments import bucket_start, microseconds_of, utc_text

MOMENTS = st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, OFFSETS)
def test_a_time_in_any_zone_is_the_same_time(naive: datetime, zone: timezone) -> None:
    moment = naive.replace(tzinfo=UTC)
    assert microseconds_of(moment.astimezone(zone).isoformat()) == microseconds_of(moment.isoformat())


@given(MOMENTS)
def test_text_and_microseconds_agree_to_the_millisecond(naive: datetime) -> None:
    microseconds = microseconds_of(naive.replace(tzinfo=UTC).isoformat())
    assert microseconds is not None
    assert microseconds_of(utc_text(microseconds)) == microseconds // 1000 * 1000


@pytest.mark.parametrize(
    "text", ["", "2023-02-30T00:00:00Z", "2023-01-01T00:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_with_a_zone_is_none(text: str) -> None:
    assert microseconds_of(text) is None


@pytest.mark.parametrize(
    ("unit", "start"),
    [
        ("hour", "1969-12-30T23:00:00.000Z"),
        ("day", "1969-12-30T00:00:00.000Z"),
        ("week", "1969-12-29T00:00:00.000Z"),
        ("month", "1969-12-01T00:00:00.000Z"),
    ],
)
def test_a_bucket_starts_at_or_before_a_time_even_before_the_epoch(unit: str, start: str) -> None:
    microseconds = microseconds_of("1969-12-30T23:59:59.999999Z")
    assert microseconds is not None
    assert bucket_start(microseconds, unit) == start  # type: ignore[arg-type]
