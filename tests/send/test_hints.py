from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.send.hints import NO_HINTS, parse_retry_after, read_hints

NOW = 1_700_000_000.25


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("999999999999", 999999999999.0),
        (formatdate(NOW + 30, usegmt=True), 29.75),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("Wed, 21 Oct 1015 07:28:00 GMT", 0.0),
    ],
)
def test_a_wait_is_read_as_seconds_or_as_a_date(text: str, seconds: float) -> None:
    assert parse_retry_after(text, None, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5",
        "1e9",
        "0x10",
        "٣",
        "nan",
        "inf",
        "7 s",
        "7,8",
        "Wed, 99 Foo 2023",
        "9" * 400,
        "21 Oct 2030 07:28:00",
        "\x00",
    ],
)
def test_a_wait_that_cannot_be_read_is_none(text: str) -> None:
    assert parse_retry_after(text, None, NOW) is None
    assert read_hints({"retry-after": text}, NOW) == NO_HINTS


def test_a_date_is_measured_on_the_servers_own_clock() -> None:
    server_now = NOW - 86400
    assert (
        parse_retry_after(formatdate(server_now + 10, usegmt=True), formatdate(server_now, usegmt=True), NOW)
        == 10
    )


@pytest.mark.parametrize(
    ("headers", "wait", "rate"),
    [
        ({}, None, None),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0, None),
        ({"ratelimit": '"default";r=5;t=30'}, None, None),
        ({"ratelimit": '"burst";r=9;t=1, "r=0;t=99";r=0;t=40'}, 40.0, None),
        ({"ratelimit": "limit=100, remaining=0, reset=12"}, 12.0, None),
        ({"ratelimit": "limit=100, remaining=3, reset=12"}, None, None),
        ({"ratelimit-policy": '"burst";q=100;w=10,"daily";q=1000;w=86400'}, None, 10.0),
        ({"ratelimit-limit": "100, 100;w=50"}, None, 2.0),
        ({"ratelimit-limit": "100"}, None, None),
        ({"ratelimit-policy": '"x";q=0;w=10'}, None, None),
        ({"ratelimit-policy": '"x";q=10;w=0'}, None, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "3"}, 3.0, None),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "3"}, None, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4"}, 4.0, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000010"}, 9.75, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000010000"}, 9.75, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000"}, 0.0, None),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "4"}, None, None),
        ({"x-ratelimit-remaining": "0"}, None, None),
        ({"retry-after": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4"}, 4.0, None),
        ({"retry-after": "6", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4"}, 6.0, None),
    ],
)
def test_each_kind_of_hint_is_read(headers: dict[str, str], wait: float | None, rate: float | None) -> None:
    hints = read_hints(headers, NOW)
    assert (hints.wait_seconds, hints.rate_per_second) == (wait, rate)
    assert hints.has_limits == any("ratelimit" in name for name in headers)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "retry-after",
                "date",
                "ratelimit",
                "ratelimit-policy",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
            ]
        ),
        st.one_of(st.text(), st.text(alphabet='0123456789;,=rtqw" GMT:'), st.integers().map(str)),
    )
)
def test_no_header_breaks_the_reading(headers: dict[str, str]) -> None:
    hints = read_hints(headers, NOW)
    assert hints.wait_seconds is None or hints.wait_seconds >= 0
    assert hints.rate_per_second is None or hints.rate_per_second > 0
