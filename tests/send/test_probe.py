import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from etl.errors import EndpointError, KeyProblem
from etl.sandbox.process import SandboxProcess
from etl.send.probe import Probe, judge_key, probe_endpoint, skew_of
from tests.watch.runs import Received, receiving

KEY = "good-key"


def api(request: Received) -> int:
    """Look at the key first, then at the body, as the events API does."""
    return 400 if request.headers["authorization"] == f"Bearer {KEY}" else 401


def test_a_good_key_is_told_from_a_bad_one_and_nothing_is_logged() -> None:
    with SandboxProcess() as sandbox:
        assert judge_key(probe_endpoint(sandbox.url, sandbox.api_key)) == "accepted"
        assert judge_key(probe_endpoint(sandbox.url, sandbox.web_key)) == "accepted"
        assert judge_key(probe_endpoint(sandbox.url, "another-key")) == "refused"
        assert judge_key(probe_endpoint(sandbox.url, None)) == "refused"
        assert list(sandbox.events()) == []
        assert sandbox.stats()["attempts"] == 7


def test_what_is_sent_is_an_event_without_fields_first_with_a_made_up_key() -> None:
    with receiving(api) as server:
        probe = probe_endpoint(server.url, KEY)
        assert [(request.path, request.body) for request in server.requests] == [("/events", b"{}")] * 2
        assert [KEY in request.headers["authorization"] for request in server.requests] == [False, True]
        assert (probe.made_up_status, probe.key_status) == (401, 400)
        assert KEY not in repr(probe)


@pytest.mark.parametrize(
    ("made_up", "with_key", "verdict"),
    [
        (401, 400, "accepted"),
        (403, 422, "accepted"),
        (401, 401, "refused"),
        (401, 403, "refused"),
        (400, 400, "unknown"),
        (401, 429, "unknown"),
        (200, 200, "no_events_api"),
        (401, 200, "no_events_api"),
        (302, 302, "no_events_api"),
        (404, 404, "no_events_api"),
        (405, 405, "no_events_api"),
        (500, 503, "unwell"),
        (None, None, "unwell"),
    ],
)
def test_the_two_answers_say_what_the_key_is_worth(
    made_up: int | None, with_key: int | None, verdict: str
) -> None:
    assert judge_key(Probe("http://127.0.0.1", made_up_status=made_up, key_status=with_key)) == verdict


def test_headers_that_speak_of_limits_are_kept() -> None:
    with receiving(api, {"RateLimit-Limit": "100", "Retry-After": "3", "X-Other": "no"}) as server:
        assert probe_endpoint(server.url, KEY).rate_headers == {"ratelimit-limit": "100", "retry-after": "3"}


def clock_at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


@pytest.mark.parametrize("ahead_seconds", [0.0, 90.0, -3600.0])
def test_a_clock_is_compared_with_the_servers(ahead_seconds: float) -> None:
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with receiving(api, {"Date": format_datetime(date, usegmt=True)}) as server:
        probe = probe_endpoint(server.url, KEY, wall_clock=clock_at(date.timestamp() + ahead_seconds))
    assert probe.skew_seconds == pytest.approx(ahead_seconds - 0.5, abs=2.0)


@pytest.mark.parametrize("date", [None, "yesterday", "Mon, 99 Jan 2026 00:00:00 GMT"])
def test_a_date_that_can_not_be_read_says_nothing(date: str | None) -> None:
    assert skew_of({} if date is None else {"date": date}, 0.0) is None


def test_a_closed_port_is_said_not_raised() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        probe = probe_endpoint(f"http://127.0.0.1:{closed.getsockname()[1]}", KEY)
    assert (probe.failure_kind, probe.key_status) == ("connect", None)
    assert probe.failure


def test_a_server_that_never_answers_is_left_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        probe = probe_endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}", KEY, timeout_seconds=0.3)
    assert probe.failure_kind == "timeout"


def test_a_key_goes_nowhere_over_plain_http_to_another_host() -> None:
    with pytest.raises(EndpointError):
        probe_endpoint("http://api.example.org", KEY)


def test_a_key_that_no_header_can_carry_is_a_key_problem() -> None:
    with receiving(api) as server, pytest.raises(KeyProblem):
        probe_endpoint(server.url, "two words")


def test_a_server_that_repeats_the_key_does_not_get_it_into_the_result() -> None:
    with receiving(api, {"RateLimit-Limit": f"for {KEY}"}) as server:
        assert KEY not in json.dumps(dict(probe_endpoint(server.url, KEY).rate_headers))
