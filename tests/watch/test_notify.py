import json
import logging
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from etl.job.model import NotifySpec
from etl.values.outcome import Outcome
from etl.watch.notice import History
from etl.watch.notify import notify_end, notify_start
from etl.watch.post import heartbeat_address, post_heartbeat, post_json
from tests.send.certificates import make_certificate
from tests.watch.runs import outcome_of, receiving

SPEC = NotifySpec(webhook_env="HOOK", heartbeat_env="BEAT")
SECRET = "T0P-53CR3T"


def end(outcome: Outcome, environ: dict[str, str], spec: NotifySpec = SPEC) -> list[tuple[str, str]]:
    warnings: list[tuple[str, str]] = []
    notify_end(spec, outcome, History(), environ, lambda *said: warnings.append(said), now=0.0)
    return warnings


def test_a_failure_reaches_the_webhook_as_json_and_the_heartbeat_as_fail() -> None:
    with receiving() as hook, receiving() as beat:
        environ = {"HOOK": f"{hook.url}/services/{SECRET}", "BEAT": f"{beat.url}/ping/{SECRET}"}
        assert end(outcome_of(5, state="incomplete"), environ) == []
        [request] = hook.requests
        assert (request.path, request.headers["content-type"]) == (f"/services/{SECRET}", "application/json")
        assert json.loads(request.body)["text"].startswith("backfill search: incomplete, exit 5")
        assert beat.paths == [f"/ping/{SECRET}/fail"]


def test_a_run_without_fault_reaches_the_heartbeat_alone() -> None:
    with receiving() as hook, receiving() as beat:
        environ = {"HOOK": hook.url, "BEAT": f"{beat.url}/ping"}
        notify_start(SPEC, environ, lambda *_: None)
        assert (
            end(outcome_of(0, rejects={}, books=outcome_of().books.__class__(read=1, delivered=1)), environ)
            == []
        )
        assert (hook.requests, beat.paths) == ([], ["/ping/start", "/ping"])


def test_a_job_without_notify_tells_nobody() -> None:
    assert end(outcome_of(5), {}, NotifySpec()) == []


def test_a_variable_that_is_not_set_is_said_by_its_name() -> None:
    assert end(outcome_of(5), {}) == [
        ("notice_failed", "webhook (HOOK): is not set"),
        ("notice_failed", "heartbeat (BEAT): is not set"),
    ]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refusal_is_said_by_its_status(status: int) -> None:
    with receiving(status) as hook:
        assert end(outcome_of(5), {"HOOK": f"{hook.url}/{SECRET}", "BEAT": hook.url})[0] == (
            "notice_failed",
            f"webhook (HOOK): status {status}",
        )


def test_a_redirect_is_not_followed() -> None:
    with receiving() as other, receiving(307, {"location": f"{other.url}/"}) as hook:
        assert post_json(hook.url, {"text": "x"}) == "status 307"
        assert (len(hook.requests), other.requests) == (1, [])


@pytest.mark.parametrize(
    "address",
    [
        "hooks.example.org/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://a b",
        "http://ü/",
    ],
)
def test_what_is_no_address_is_never_opened_or_repeated(address: str) -> None:
    assert post_json(address, {"text": "x"}) == "the variable holds no http or https address"
    assert post_heartbeat(address, "fail") == "the variable holds no http or https address"


def test_no_failure_repeats_the_address_and_nothing_is_logged_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    said = [
        post_json(f"http://127.0.0.1:{port}/{SECRET}", {"text": "x"}),
        post_json(f"https://127.0.0.1:{port}/{SECRET}", {"text": "x"}),
        post_json(f"http://{SECRET}.invalid/", {"text": "x"}),
        post_json(f"http://{SECRET}{'x' * 300}/", {"text": "x"}),
    ]
    with receiving() as hook:
        assert post_json(f"{hook.url}/{SECRET}", {"text": "x"}) == ""
    assert said[0] == "the connection was refused"
    assert all(said)
    assert SECRET.lower() not in (" ".join(said) + caplog.text).lower()


def test_a_user_and_a_password_in_the_address_are_sent_as_such() -> None:
    with receiving() as hook:
        host = urlsplit(hook.url).netloc
        assert post_json(f"http://me:{SECRET}@{host}/x", {"text": "x"}) == ""
    assert hook.requests[0].headers["authorization"] == "Basic bWU6VDBQLTUzQ1IzVA=="


def test_a_name_that_only_begins_like_this_machines_goes_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as proxy, receiving() as hook:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert post_json("http://localhost.example/x", {"text": "x"}) == ""
        assert post_json(hook.url, {"text": "x"}) == ""
    assert proxy.paths == ["http://localhost.example/x"]
    assert len(hook.requests) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("https_proxy", "socks4://127.0.0.1:1"), ("SSL_CERT_FILE", "/nowhere/certs.pem")]
)
def test_a_way_there_that_the_environment_names_and_that_cannot_be_taken_is_said(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    said = post_json(f"https://hooks.invalid/{SECRET}", {"text": "x"})
    assert said == "the proxy or the certificates that the environment names can't be used"


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with receiving(tls=certificate.context) as hook:
        assert post_json(f"{hook.url}/{SECRET}", {"text": "x"}) == "the certificate or TLS was refused"
    assert hook.requests == []


def test_a_server_that_never_answers_is_left_after_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = post_json(f"http://127.0.0.1:{silent.getsockname()[1]}/", {"text": "x"}, deadline_seconds=0.3)
    assert said == "no answer within 0.3 s"


def test_an_answer_that_is_not_http_is_said() -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"SMTP here\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = post_json(f"http://127.0.0.1:{server.getsockname()[1]}/", {"text": "x"})
        thread.join()
    assert said == "no answer in HTTP"


@pytest.mark.parametrize(
    ("address", "beat", "expected"),
    [
        ("https://hc.example/uuid", "start", "https://hc.example/uuid/start"),
        ("https://hc.example/uuid/", "fail", "https://hc.example/uuid/fail"),
        ("https://hc.example/uuid/", "success", "https://hc.example/uuid/"),
        ("https://hc.example/uuid?create=1", "fail", "https://hc.example/uuid/fail?create=1"),
    ],
)
def test_a_heartbeats_suffix_goes_after_its_path(address: str, beat: str, expected: str) -> None:
    assert heartbeat_address(urlsplit(address), beat) == expected  # type: ignore[arg-type]
