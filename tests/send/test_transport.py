"""The same suite over both transports, against real servers."""

import asyncio
import logging
import os
import socket
import time
import traceback
from pathlib import Path

import pytest

from etl.errors import EndpointError, KeyProblem
from etl.send.answer import Answer, FailureKind, TransportFailure
from etl.send.connect import TransportKind, open_transport
from tests.send.certificates import Certificate, make_certificate
from tests.send.proxy import ConnectProxy, Dripper
from tests.send.sink import Reply, Sink

KEY = "CANARY-c0ffee"
BODY = b'{"id":"a","type":"x"}'

pytestmark = pytest.mark.parametrize("kind", ["pyreqwest", "httpx"])


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


async def posted(url: str, kind: TransportKind, body: bytes = BODY, timeout_seconds: float = 5.0) -> Answer:
    """Open a transport, post one body, close it."""
    transport = open_transport(url, KEY, timeout_seconds, 8, kind)
    try:
        return await transport.post(body)
    finally:
        await transport.close()


def post(sink: Sink, kind: TransportKind, body: bytes = BODY, timeout_seconds: float = 5.0) -> Answer:
    async def use() -> Answer:
        async with sink:
            return await posted(sink.url, kind, body, timeout_seconds)

    return asyncio.run(use())


def failure_of(sink: Sink, kind: TransportKind, timeout_seconds: float = 5.0) -> TransportFailure:
    with pytest.raises(TransportFailure) as caught:
        post(sink, kind, timeout_seconds=timeout_seconds)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.detail
    return caught.value


def test_the_exact_bytes_arrive_as_json_with_the_key(kind: TransportKind) -> None:
    body = '{"id":"a","type":"é\\u0000 \\u00e9"}'.encode() + b" " * 100_000
    sink = Sink()
    answer = post(sink, kind, body)
    assert answer.status == 200
    assert answer.proves("a")
    (request,) = sink.requests
    assert request.line == "POST /events HTTP/1.1"
    assert request.body == body
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(body))
    assert request.headers["user-agent"] == "inkeep-backfill"
    assert request.headers["accept-encoding"] == "identity"
    assert not {"cookie", "referer", "transfer-encoding", "expect"} & request.headers.keys()


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 404, 429, 500, 503, 599])
def test_every_status_is_an_answer(kind: TransportKind, status: int) -> None:
    reply = Reply(status, {"Retry-After": "7", "X-Request-Id": "r"}, b"" if status == 204 else b"text")
    answer = post(Sink(lambda _: reply), kind)
    assert answer.status == status
    assert answer.get("retry-after") == "7"
    assert answer.get("x-request-id") == "r"
    assert answer.get("absent") is None
    assert answer.problem().detail == (reply.body.decode() or None)


def test_connections_are_kept(kind: TransportKind) -> None:
    async def use() -> None:
        async with Sink() as sink:
            transport = open_transport(sink.url, KEY, 5, 8, kind)
            for _ in range(20):
                await transport.post(BODY)
            assert sink.connections == 1
            await asyncio.gather(*(transport.post(BODY) for _ in range(8)))
            await asyncio.gather(*(transport.post(BODY) for _ in range(8)))
            assert sink.connections <= 9
            await transport.close()

    asyncio.run(use())


def test_many_are_under_way_at_once(kind: TransportKind) -> None:
    async def use() -> None:
        async with Sink(lambda request: Reply(body=request.body, delay_seconds=0.2)) as sink:
            transport = open_transport(sink.url, KEY, 5, 64, kind)
            bodies = [b'{"id":"%d"}' % number for number in range(64)]
            answers = await asyncio.gather(*(transport.post(body) for body in bodies))
            assert all(answer.proves(str(number)) for number, answer in enumerate(answers))
            assert sink.most_at_once == 64
            await transport.close()

    asyncio.run(use())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(kind: TransportKind, status: int) -> None:
    async def use() -> None:
        async with Sink() as other, Sink() as sink:
            sink.answer = lambda _: Reply(status, {"location": other.url + "/events"}, b"")
            answer = await posted(sink.url, kind)
            assert answer.status == status
            assert other.connections == 0
            assert len(sink.requests) == 1

    asyncio.run(use())


def test_no_cookie_is_kept(kind: TransportKind) -> None:
    async def use() -> None:
        async with Sink(lambda _: Reply(headers={"set-cookie": "session=1; Path=/"})) as sink:
            transport = open_transport(sink.url, KEY, 5, 8, kind)
            await transport.post(BODY)
            await transport.post(BODY)
            await transport.close()
            assert not any("cookie" in request.headers for request in sink.requests)

    asyncio.run(use())


def test_the_key_is_cut_out_of_what_an_error_answer_quotes(kind: TransportKind) -> None:
    answer = post(Sink(lambda _: Reply(401, {}, b"bad key " + KEY.encode())), kind)
    assert answer.problem().detail == "bad key [key]"


def test_the_key_is_in_no_representation_and_no_log(
    kind: TransportKind, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    async def use() -> None:
        async with Sink() as sink:
            transport = open_transport(sink.url, KEY, 5, 8, kind)
            await transport.post(BODY)
            assert KEY not in repr(transport)
            assert KEY not in str(transport)
            await transport.close()

    asyncio.run(use())
    assert KEY not in caplog.text
    assert KEY not in "".join(str(vars(record)) for record in caplog.records)
    assert KEY not in "".join(capfd.readouterr())


@pytest.mark.parametrize("key", ["", " ", "a b", "a\n", "a\r\nX-Evil: 1", "schlüssel", "a\x00", "a\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(kind: TransportKind, key: str) -> None:
    with pytest.raises(KeyProblem) as caught:
        open_transport("http://127.0.0.1:9", key, 5, 8, kind)
    assert not key.strip() or key.strip() not in str(caught.value) or key == "a b" or len(key.strip()) == 1


def test_plain_http_to_another_host_is_refused_before_anything_is_sent(kind: TransportKind) -> None:
    with pytest.raises(EndpointError):
        open_transport("http://api.analytics.inkeep.com", KEY, 5, 8, kind)


# --- attempts without an answer ---


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_listening_is_a_failure_to_connect(kind: TransportKind) -> None:
    with pytest.raises(TransportFailure) as caught:
        asyncio.run(posted(f"http://127.0.0.1:{free_port()}", kind))
    assert caught.value.kind is FailureKind.CONNECT


def test_no_answer_in_time_is_a_timeout(kind: TransportKind) -> None:
    began_at = time.monotonic()
    assert failure_of(Sink(lambda _: Reply(silent=True)), kind, 0.3).kind is FailureKind.TIMEOUT
    assert time.monotonic() - began_at > 0.25


def test_an_answer_that_drips_is_a_timeout(kind: TransportKind) -> None:
    async def use() -> None:
        async with Dripper() as dripper:
            with pytest.raises(TransportFailure) as caught:
                await posted(f"http://127.0.0.1:{dripper.port}", kind, timeout_seconds=0.4)
            assert caught.value.kind is FailureKind.TIMEOUT

    asyncio.run(use())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(reset=True),
        Reply(raw=b"", reset=True),
        Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n" + b'{"id":"a"', reset=True),
        Reply(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", reset=True),
        Reply(raw=b"HTTP/1.1 200 O", reset=True),
    ],
)
def test_an_answer_that_breaks_off_is_a_reset(kind: TransportKind, reply: Reply) -> None:
    assert failure_of(Sink(lambda _: reply), kind).kind is FailureKind.RESET


def test_what_is_not_http_is_no_answer(kind: TransportKind) -> None:
    failure = failure_of(Sink(lambda _: Reply(raw=b"SSH-2.0-OpenSSH\r\n\r\n", reset=True)), kind)
    assert failure.kind in (FailureKind.RESET, FailureKind.OTHER)


def test_an_idle_connection_that_the_server_closed_is_not_used_again(kind: TransportKind) -> None:
    async def use() -> None:
        async with Sink() as sink:
            transport = open_transport(sink.url, KEY, 5, 8, kind)
            await transport.post(BODY)
            for connection in list(sink.open):
                connection.transport.close()
            await asyncio.sleep(0.1)
            assert (await transport.post(BODY)).status == 200
            assert len(sink.requests) == 2
            await transport.close()

    asyncio.run(use())


def test_a_server_that_comes_back_is_reached_again(kind: TransportKind) -> None:
    async def use() -> None:
        async with Sink() as sink:
            transport = open_transport(sink.url, KEY, 5, 8, kind)
            await transport.post(BODY)
            await sink.stop()
            with pytest.raises(TransportFailure):
                await transport.post(BODY)
            await sink.start()
            assert (await transport.post(BODY)).status == 200
            await transport.close()

    asyncio.run(use())


# --- TLS and proxies ---


def test_a_trusted_certificate_is_accepted(
    kind: TransportKind, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority_file))
    sink = Sink(tls=certificate.context)
    assert post(sink, kind).status == 200
    assert len(sink.requests) == 1


def test_an_unknown_certificate_is_refused_before_the_key_is_sent(
    kind: TransportKind, certificate: Certificate
) -> None:
    sink = Sink(tls=certificate.context)
    assert failure_of(sink, kind).kind is FailureKind.TLS
    assert sink.requests == []


@pytest.mark.parametrize("fault", ["expired", "other name"])
def test_a_trusted_certificate_with_a_fault_is_refused(
    kind: TransportKind, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = (
        make_certificate(tmp_path, days=-1)
        if fault == "expired"
        else make_certificate(tmp_path, "DNS:elsewhere.test")
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(bad.authority_file))
    sink = Sink(tls=bad.context)
    assert failure_of(sink, kind).kind is FailureKind.TLS
    assert sink.requests == []


def test_a_server_without_tls_behind_https_is_no_endpoint(kind: TransportKind) -> None:
    async def use() -> FailureKind:
        server = await asyncio.start_server(_speak_plain, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransportFailure) as caught:
            await posted(f"https://127.0.0.1:{port}", kind)
        server.close()
        return caught.value.kind

    assert asyncio.run(use()) is FailureKind.TLS


async def _speak_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_named(
    kind: TransportKind, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/nowhere/certs.pem")
    with pytest.raises(EndpointError) as caught:
        open_transport("https://events.invalid", KEY, 5, 8, kind)
    assert "/nowhere/certs.pem" in caught.value.problem
    assert name in caught.value.fix


def test_a_proxy_of_the_environment_is_used_and_sees_no_key(
    kind: TransportKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "DNS:events.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority_file))

    async def use() -> None:
        async with Sink(tls=certificate.context) as sink, ConnectProxy(sink.port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            assert (await posted("https://events.invalid", kind)).status == 200
            assert proxy.heads[0].startswith("CONNECT events.invalid:443 ")
            assert KEY not in "".join(proxy.heads)
            monkeypatch.setenv("NO_PROXY", "events.invalid")
            seen = len(proxy.heads)
            with pytest.raises(TransportFailure) as caught:
                await posted("https://events.invalid", kind)
            assert caught.value.kind is FailureKind.CONNECT
            assert len(proxy.heads) == seen

    asyncio.run(use())


def test_a_loopback_endpoint_goes_through_no_proxy(
    kind: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use() -> None:
        async with Sink() as sink, ConnectProxy(sink.port) as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert (await posted(sink.url, kind)).status == 200
            assert proxy.heads == []

    asyncio.run(use())
