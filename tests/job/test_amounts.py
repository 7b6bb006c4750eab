from datetime import UTC, date, datetime

import pytest

from etl.job.amounts import MaxRejects, Rate, parse_max_rejects, parse_moment, parse_rate, parse_seconds


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("20/s", 20), ("600/min", 10), ("7200/h", 2), (" 1.5 / s ", 1.5), ("max", None), (Rate(3), 3)],
)
def test_a_rate_is_so_many_a_second(text: object, per_second: float | None) -> None:
    assert parse_rate(text) == Rate(per_second)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1min", 60)])
def test_a_duration_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("parse", [parse_rate, parse_seconds, parse_max_rejects, parse_moment])
@pytest.mark.parametrize("value", ["", "x", "-1", "0/s", "0s", "101%", True, None, [], {}])
def test_what_is_no_amount_is_refused_in_words(parse: object, value: object) -> None:
    with pytest.raises(ValueError, match="like"):
        parse(value)  # type: ignore[operator]


def test_a_limit_of_rejects_is_a_count_or_a_share() -> None:
    assert parse_max_rejects("1%") == MaxRejects(None, 0.01)
    assert (MaxRejects(None, 0.01).allows(1, 100), MaxRejects(None, 0.01).allows(2, 100)) == (True, False)
    assert (parse_max_rejects(5).allows(5, 5), parse_max_rejects(5).allows(6, 100)) == (True, False)
    assert (MaxRejects(5, None).text, MaxRejects(None, 0.01).text) == ("5", "1%")


@pytest.mark.parametrize(
    "value", [date(2020, 1, 1), datetime(2020, 1, 1), "2020-01-01", "2020-01-01T01:00:00+01:00"]
)
def test_a_moment_without_a_zone_is_utc(value: object) -> None:
    assert parse_moment(value) == datetime(2020, 1, 1, tzinfo=UTC)
