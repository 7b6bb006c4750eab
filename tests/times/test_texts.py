from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.times.texts import parse_texts
from etl.times.zones import (
    AMBIGUOUS,
    LEAP_SECOND,
    NO_ZONE,
    NONEXISTENT,
    OUT_OF_RANGE,
    UNPARSABLE,
    TimeFormat,
)
from etl.transform.time.render import FEW_TIMES, render_instant


def read(text: str | None, pattern: str = "iso8601", **form: str) -> str | int | None:
    """The instant as text, or the number of the problem."""
    # Alone, and behind a text of another shape: what a text becomes must not depend on its neighbours.
    alone = parse_texts(pl.Series([text], dtype=pl.String), TimeFormat(pattern, **form))
    beside = parse_texts(pl.Series(["2020-01-01T00:00:00Z", text]), TimeFormat(pattern, **form))[1:]
    found = ["time", "problem"]
    assert alone.select(found).rows() == beside.select(found).rows()
    for done in (alone, beside):
        if "written" in done.columns:
            assert (
                done["written"].to_list() == done.select(render_instant(pl.col("time"))).to_series().to_list()
            )
    instant = alone.select(render_instant(pl.col("time"))).item()
    assert (instant is None) or alone["problem"][0] == 0
    return instant if instant is not None else alone["problem"][0] or None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-31T09:30:00Z", "2024-01-31T09:30:00.000Z"),
        ("2024-01-31t09:30:00z", "2024-01-31T09:30:00.000Z"),
        ("2024-01-31 09:30:00Z", "2024-01-31T09:30:00.000Z"),
        ("2024-01-31 09:30:00 UTC", "2024-01-31T09:30:00.000Z"),
        ("  2024-01-31T09:30Z ", "2024-01-31T09:30:00.000Z"),
        ("20240131T093000Z", "2024-01-31T09:30:00.000Z"),
        ("2024-01-31T09:30:00+02:00", "2024-01-31T07:30:00.000Z"),
        ("2024-01-31T09:30:00+0200", "2024-01-31T07:30:00.000Z"),
        ("2024-01-31 09:30:00+02", "2024-01-31T07:30:00.000Z"),
        ("2024-01-31T09:30:00 -0330", "2024-01-31T13:00:00.000Z"),
        ("2024-01-31T09:30:00-00:30", "2024-01-31T10:00:00.000Z"),
        ("2024-01-31T09:30:00+01:00[Europe/Paris]", "2024-01-31T08:30:00.000Z"),
        ("2024-01-31T09:30:00.1Z", "2024-01-31T09:30:00.100Z"),
        ("2024-01-31T09:30:00,123Z", "2024-01-31T09:30:00.123Z"),
        ("2024-01-31T09:30:00.123456Z", "2024-01-31T09:30:00.123456Z"),
        ("2024-01-31T09:30:00.123456789Z", "2024-01-31T09:30:00.123456Z"),
        ("2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"),
        ("1969-12-31T23:59:59.500Z", "1969-12-31T23:59:59.500Z"),
    ],
)
def test_iso_8601_is_read_in_its_real_world_variety(text: str, instant: str) -> None:
    assert read(text) == instant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, None),
        ("", UNPARSABLE),
        ("n/a", UNPARSABLE),
        ("2024-01-31T09:30:00", NO_ZONE),
        ("2024-01-31", NO_ZONE),
        ("2024-02-30T09:30:00Z", UNPARSABLE),
        ("2024-13-01T09:30:00Z", UNPARSABLE),
        ("2024-01-31T24:00:00Z", UNPARSABLE),
        ("2024-01-31T09:60:00Z", UNPARSABLE),
        ("2024-1-31T9:30:00Z", UNPARSABLE),
        ("+2024-1-31T09:30:0Z", UNPARSABLE),
        ("2024-01-31T09:30:00+25:00", UNPARSABLE),
        ("2024-01-31T09:30:00+02:60", UNPARSABLE),
        ("10000-01-01T00:00:00Z", UNPARSABLE),
        ("2016-12-31T23:59:60Z", LEAP_SECOND),
        ("2016-12-31T23:59:60.5+00:00", LEAP_SECOND),
    ],
)  # fmt: skip
def test_a_text_that_is_no_time_says_what_is_wrong_with_it(text: str | None, problem: int | None) -> None:
    assert read(text) == problem


def test_a_date_or_a_local_time_takes_the_jobs_zone_and_a_time_with_a_zone_its_own() -> None:
    assert read("2024-01-31", timezone="America/New_York") == "2024-01-31T05:00:00.000Z"
    assert read("2024-07-31 09:30", timezone="America/New_York") == "2024-07-31T13:30:00.000Z"
    assert read("2024-01-31T09:30:00+02:00", timezone="America/New_York") == "2024-01-31T07:30:00.000Z"


@pytest.mark.parametrize(
    ("zone", "local", "earliest", "latest"),
    [
        ("America/New_York", "2023-11-05 01:30:00", "2023-11-05T05:30:00.000Z", "2023-11-05T06:30:00.000Z"),
        (
            "Australia/Lord_Howe",
            "2018-04-01 01:45:00",
            "2018-03-31T14:45:00.000Z",
            "2018-03-31T15:15:00.000Z",
        ),
        ("America/Sao_Paulo", "2018-02-17 23:30:00", "2018-02-18T01:30:00.000Z", "2018-02-18T02:30:00.000Z"),
    ],
)
def test_an_hour_that_comes_twice_is_a_reject_unless_the_job_says_which(
    zone: str, local: str, earliest: str, latest: str
) -> None:
    assert read(local, timezone=zone) == AMBIGUOUS
    assert read(local, timezone=zone, ambiguous="earliest") == earliest
    assert read(local, timezone=zone, ambiguous="latest") == latest


@pytest.mark.parametrize(
    ("zone", "local", "end_of_gap"),
    [
        ("America/New_York", "2023-03-12 02:30:00", "2023-03-12T07:00:00.000Z"),
        ("Australia/Lord_Howe", "2018-10-07 02:15:00.5", "2018-10-06T15:30:00.000Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z"),
        ("Asia/Beirut", "2022-03-27 00:30:00", "2022-03-26T22:00:00.000Z"),
        ("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T10:00:00.000Z"),
    ],
)
def test_an_hour_or_a_day_that_never_was_is_a_reject_unless_the_job_says_to_shift(
    zone: str, local: str, end_of_gap: str
) -> None:
    assert read(local, timezone=zone) == NONEXISTENT
    assert read(local, timezone=zone, ambiguous="earliest") == NONEXISTENT
    assert read(local, timezone=zone, nonexistent="shift_forward") == end_of_gap


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("epoch_s", "1700000000", "2023-11-14T22:13:20.000Z"),
        ("epoch_s", " 1700000000.1234569 ", "2023-11-14T22:13:20.123456Z"),
        ("epoch_s", "1.7e9", "2023-11-14T22:13:20.000Z"),
        ("epoch_s", "1.70000000012E+09", "2023-11-14T22:13:20.120Z"),
        ("epoch_s", "-0.5", "1969-12-31T23:59:59.500Z"),
        ("epoch_ms", "1700000000123", "2023-11-14T22:13:20.123Z"),
        ("epoch_ms", "1700000000123.4567", "2023-11-14T22:13:20.123456Z"),
        ("epoch_us", "1700000000123456", "2023-11-14T22:13:20.123456Z"),
        ("epoch_us", "1700000000123456.9", "2023-11-14T22:13:20.123456Z"),
        ("epoch_ns", "1700000000123456789", "2023-11-14T22:13:20.123456Z"),
        ("epoch_s", "1700000000000000000", OUT_OF_RANGE),
        ("epoch_s", "99999999999999999999", OUT_OF_RANGE),
        ("epoch_s", "nan", UNPARSABLE),
        ("epoch_s", "inf", UNPARSABLE),
        ("epoch_s", "1e400", UNPARSABLE),
        ("epoch_s", "1_700_000_000", UNPARSABLE),
        ("epoch_s", "0x10", UNPARSABLE),
        ("epoch_s", "", UNPARSABLE),
        ("epoch_s", None, None),
    ],
)
def test_epochs_are_read_exactly_in_each_unit(
    pattern: str, text: str | None, expected: str | int | None
) -> None:
    read_one = parse_texts(pl.Series([text], dtype=pl.String), TimeFormat(pattern))
    instant = read_one.select(render_instant(pl.col("time"))).item()
    assert (instant or read_one["problem"][0] or None) == expected


@given(st.integers(-(10**14), 10**15), st.sampled_from([("epoch_s", 6), ("epoch_ms", 3), ("epoch_us", 0)]))
def test_any_microsecond_survives_as_a_decimal_epoch(micros: int, unit: tuple[str, int]) -> None:
    pattern, digits = unit
    text = f"{Decimal(micros).scaleb(-digits):f}"
    done = parse_texts(pl.Series([text]), TimeFormat(pattern))
    assert done["time"].to_physical().item() == micros


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45322", "2024-01-31T00:00:00.000Z"),
        ("45322.395833333336", "2024-01-31T09:30:00.000Z"),
        ("61", "1900-03-01T00:00:00.000Z"),
        ("60", OUT_OF_RANGE),
        ("-1", OUT_OF_RANGE),
        ("1e9", OUT_OF_RANGE),
        ("x", UNPARSABLE),
        (None, None),
    ],
)
def test_serial_days_of_a_spreadsheet_are_local_times(text: str | None, expected: str | int | None) -> None:
    done = parse_texts(pl.Series([text], dtype=pl.String), TimeFormat("excel", "UTC"))
    assert (done.select(render_instant(pl.col("time"))).item() or done["problem"][0] or None) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%d/%b/%Y:%H:%M:%S %z", "31/Jan/2024:09:30:00 +0230", "2024-01-31T07:00:00.000Z"),
        ("%d/%b/%Y:%H:%M:%S %z", "31/Dec/2016:23:59:60 +0000", LEAP_SECOND),
        ("%Y-%m-%dT%H:%M:%S%.3fZ", "2024-01-31T09:30:00.123Z", "2024-01-31T09:30:00.123Z"),
        ("%Y-%m-%d %H:%M:%S +0530", "2024-01-31 09:30:00 +0530", "2024-01-31T04:00:00.000Z"),
        ("%Y-%m-%d %T UTC", "2024-01-31 09:30:00 UTC", "2024-01-31T09:30:00.000Z"),
        ("%s", "1700000000", "2023-11-14T22:13:20.000Z"),
        ("%s", "x", UNPARSABLE),
    ],
)
def test_a_pattern_may_say_the_offset_itself(pattern: str, text: str, expected: str | int) -> None:
    done = parse_texts(pl.Series([text]), TimeFormat(pattern))
    assert (done.select(render_instant(pl.col("time"))).item() or done["problem"][0]) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%Y-%m-%d %H:%M:%S", "2016-12-31 23:59:60", LEAP_SECOND),
        ("%m/%d/%Y %I:%M:%S %p", "12/31/2016 11:59:60 PM", LEAP_SECOND),
        ("%Y%m%d%H%M%S", "20161231235960", LEAP_SECOND),
        ("%Y%m%d%H%M%S", "20160606060000", "2016-06-06T06:00:00.000Z"),
        ("%Y-%m-%d %H:%M:%S", "1960-12-31 23:00:00", "1960-12-31T23:00:00.000Z"),
        ("%Y-%m-%d %H:%M:%S", "2016-12-31 23:60:00", UNPARSABLE),
        ("%Y-%m-%d", "2016-12-31", "2016-12-31T00:00:00.000Z"),
    ],
)
def test_a_60th_second_never_becomes_the_next_minute(pattern: str, text: str, expected: str | int) -> None:
    done = parse_texts(pl.Series([text]), TimeFormat(pattern, "UTC"))
    assert (done.select(render_instant(pl.col("time"))).item() or done["problem"][0]) == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)) | st.none(), min_size=1, max_size=8),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_a_time_that_is_taken_as_it_was_written_is_what_would_be_written(
    moments: list[datetime | None], timespec: str
) -> None:
    texts = [moment and moment.isoformat(timespec=timespec) + "Z" for moment in moments]
    done = parse_texts(pl.Series(texts, dtype=pl.String), TimeFormat("iso8601"))
    is_kept = timespec != "microseconds" and any(moments)
    assert ("written" in done.columns) == is_kept
    if is_kept:
        assert done["written"].to_list() == done.select(render_instant(pl.col("time"))).to_series().to_list()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), min_size=1, max_size=8)
    | st.lists(st.datetimes(datetime(1960, 1, 1), datetime(2040, 12, 31)), min_size=1, max_size=8)
)
def test_instants_are_written_as_python_writes_them(moments: list[datetime]) -> None:
    few = pl.DataFrame({"at": moments})
    texts = few.select(render_instant(pl.col("at"))).to_series().to_list()
    # So many are looked up in tables, where they lie close enough together.
    many = pl.concat([few] * -(-FEW_TIMES // len(moments)))
    assert many.select(render_instant(pl.col("at"))).to_series()[: len(moments)].to_list() == texts
    for moment, text in zip(moments, texts, strict=True):
        timespec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
        assert text == moment.isoformat(timespec=timespec) + "Z"


@pytest.mark.parametrize(
    ("text", "pattern"), [("1960-01-01", "%Y-%m-%d"), ("19600329", "%Y%m%d"), ("1.1.60", "%d.%m.%y")]
)
def test_a_60_that_is_no_second_is_no_leap_second(text: str, pattern: str) -> None:
    year = "1960" if "60" in text[:4] else "2060"
    assert str(read(text, pattern, timezone="UTC"))[:4] == year
