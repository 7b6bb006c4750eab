from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from etl.errors import JobError
from tests.transform.mapping import bodies_of, codes_of, map_rows, reasons_of

EVENT = """
type = { value = "t" }
entityType = { value = "message" }
messageId = { value = "m" }
createdAt = { column = "at"%s }
"""


@pytest.mark.parametrize(
    ("pattern", "value", "hint"),
    [
        ("epoch_ms", "1700000000", "it would be 2023-11-14 if read as epoch_s"),
        ("epoch_s", "1700000000123", "it would be 2023-11-14 if read as epoch_ms"),
        ("epoch_s", "1700000000123456", "it would be 2023-11-14 if read as epoch_us"),
        ("epoch_s", "1700000000123456789", "it would be 2023-11-14 if read as epoch_ns"),
        ("iso8601", "1700000000", "it would be 2023-11-14 if read as epoch_s"),
        ("epoch_s", "2024-01-31T09:30:00Z", "it looks like iso8601"),
    ],
)
def test_a_time_in_another_unit_is_named(pattern: str, value: str, hint: str) -> None:
    ((_, code, reason),) = reasons_of(map_rows({"at": [value]}, EVENT % f', format = "{pattern}"'))
    assert code in ("timestamp_out_of_range", "unparsable_timestamp")
    assert reason.endswith(hint)


def test_times_must_lie_between_2000_and_a_day_after_the_start() -> None:
    times = [
        "1999-12-31T23:59:59Z",
        "2000-01-01T00:00:00Z",
        "2024-06-02T00:00:00Z",
        "2024-06-02T00:00:01Z",
        "0001-01-01T00:00:00Z",
    ]
    done = map_rows({"at": times}, EVENT % "")
    assert codes_of(done) == dict.fromkeys((1, 4, 5), "timestamp_out_of_range")


def test_the_job_may_set_other_limits() -> None:
    limits = "[limits]\nnot_before = 1990-01-01\nnot_after = 1999-01-01T00:00:00Z"
    times = ["1989-12-31T23:59:59Z", "1990-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]
    assert codes_of(map_rows({"at": times}, EVENT % "", after=limits)) == dict.fromkeys(
        (1, 4), "timestamp_out_of_range"
    )


@pytest.mark.parametrize(
    ("series", "keys", "instant"),
    [
        (pl.Series([date(2024, 1, 31)]), ', timezone = "Asia/Tokyo"', "2024-01-30T15:00:00.000Z"),
        (pl.Series([datetime(2024, 1, 31, 9)]), ', timezone = "Asia/Tokyo"', "2024-01-31T00:00:00.000Z"),
        (pl.Series([datetime(2024, 1, 31, 9, tzinfo=UTC)]), "", "2024-01-31T09:00:00.000Z"),
        (
            pl.Series([1_700_000_000_123_456_789]).cast(pl.Datetime("ns", "Asia/Tokyo")),
            "",
            "2023-11-14T22:13:20.123456Z",
        ),
        (pl.Series([1_700_000_000_123]).cast(pl.Datetime("ms", "UTC")), "", "2023-11-14T22:13:20.123Z"),
        (pl.Series([1_700_000_000]), ', format = "epoch_s"', "2023-11-14T22:13:20.000Z"),
        (pl.Series([1_700_000_000.25]), ', format = "epoch_s"', "2023-11-14T22:13:20.250Z"),
        (pl.Series([Decimal("1700000000.125")]), ', format = "epoch_s"', "2023-11-14T22:13:20.125Z"),
        (pl.Series([1_700_000_000], dtype=pl.UInt64), ', format = "epoch_s"', "2023-11-14T22:13:20.000Z"),
        (pl.Series([45322.5]), ', format = "excel", timezone = "UTC"', "2024-01-31T12:00:00.000Z"),
        (pl.Series([20240131]), ', format = "%Y%m%d", timezone = "UTC"', "2024-01-31T00:00:00.000Z"),
        (pl.Series(["2024-01-31T09:30:00Z"], dtype=pl.Categorical), "", "2024-01-31T09:30:00.000Z"),
    ],
)
def test_every_type_that_can_be_a_time_is_read_as_one(series: pl.Series, keys: str, instant: str) -> None:
    for rows in (series, pl.concat([series, pl.Series([None], dtype=series.dtype)])):
        done = map_rows({"at": rows}, EVENT % keys)
        assert [body["createdAt"] for body in bodies_of(done)] == [instant]
        assert codes_of(done) == dict.fromkeys(range(2, len(rows) + 1), "missing_required")


def test_date_and_time_apart_are_joined() -> None:
    event = EVENT.replace('column = "at"%s', 'columns = ["day", "clock"], timezone = "UTC"')
    done = map_rows({"day": ["2024-01-31"], "clock": ["09:30"]}, event)
    assert bodies_of(done)[0]["createdAt"] == "2024-01-31T09:30:00.000Z"


@pytest.mark.parametrize(
    ("series", "keys", "problem"),
    [
        (pl.Series(["x"]), ', format = "%Y"', "doesn't hold a whole date|doesn't read back"),
        (pl.Series(["x"]), ', format = "epoch"', "there is no %"),
        (pl.Series(["x"]), ', format = "%c %Z"', "what can't be read there"),
        (pl.Series(["x"]), ', format = "%b %d %H:%M:%S", timezone = "UTC"', "which has none"),
        (pl.Series(["x"]), ', format = "%Y-%m-%d", timezone = "UTC", year = 2024', "beside `year`"),
        (pl.Series(["x"]), ', format = "%Y-%m-%d %H"', "hour and minute"),
        (pl.Series(["x"]), ', format = "%Y-%m-%d"', "time zone of `at`"),
        (pl.Series(["x"]), ', format = "excel"', "time zone of `at`"),
        (pl.Series(["x"]), ', format = "%Y-%m-%d %H:%M:%SZ", timezone = "Asia/Tokyo"', "Expected one zone"),
        (pl.Series([1]), "", "found numbers"),
        (pl.Series([datetime(2024, 1, 1)]), "", "time zone of `at`"),
        (pl.Series([True]), "", "found Boolean"),
        (pl.Series([["x"]]), "", "found List"),
    ],
)
def test_a_format_that_cannot_be_right_is_an_error_of_the_job(
    series: pl.Series, keys: str, problem: str
) -> None:
    with pytest.raises(JobError, match=problem):
        map_rows({"at": series}, EVENT % keys)


@pytest.mark.parametrize(
    ("text", "pattern", "mended"),
    [
        ("2024-01-31 09:30:00.5", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S%.f"),
        ("2024-01-31 09:30:00,500000", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S,%6f"),
        ("20240131093000500000", "%Y%m%d%H%M%S%f", "%Y%m%d%H%M%S%6f"),
    ],
)
def test_a_fraction_that_would_be_read_as_nanoseconds_is_refused_with_the_pattern_that_was_meant(
    text: str, pattern: str, mended: str
) -> None:
    keys = ', format = "%s", timezone = "UTC"'
    with pytest.raises(JobError, match="counts nanoseconds") as refused:
        map_rows({"at": pl.Series([text])}, EVENT % (keys % pattern))
    assert refused.value.fix == f'Set format = "{mended}"'
    done = map_rows({"at": pl.Series([text])}, EVENT % (keys % mended))
    assert [body["createdAt"] for body in bodies_of(done)] == ["2024-01-31T09:30:00.500Z"]
