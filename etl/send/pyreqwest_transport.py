"""The transport of the hot path: pyreqwest, an HTTP client in Rust.

Rule: does per request only what must differ per request; everything else is set once on the client.
"""

import asyncio
import gc
import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import cycle

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    DecodeError,
    NetworkError,
    RequestError,
    RequestTimeoutError,
)
from pyreqwest.request import RequestBody, StreamRequest
from pyreqwest.response import Response

from etl.certificates import no_certificates
from etl.endpoint import Endpoint
from etl.send.answer import Answer, FailureKind, TransportFailure, most_bytes
from etl.send.redact import Redactor
from etl.send.transport import CONNECT_TIMEOUT_SECONDS, LONG_ANSWERS, SHORT_ANSWER_BYTES

__all__ = ["PyreqwestTransport"]

# An HTTP/2 server takes about a hundred requests at a time on one connection, and one client keeps one.
_STREAMS_PER_CLIENT = 128

_with_body, _make_body = StreamRequest.from_request_and_body, RequestBody.from_bytes

_CONNECTING = "client error (Connect)"
_TLS_REFUSED = re.compile(r"invalid peer certificate|corrupt message|fatal alert|certificate")


class PyreqwestTransport:
    """Posts bodies through pyreqwest. HTTP/2 where the server offers it over TLS."""

    def __init__(
        self,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        redactor: Redactor,
        timeout_seconds: float,
        max_connections: int,
    ) -> None:
        is_tls = endpoint.url.startswith("https:")
        clients = -(-max_connections // _STREAMS_PER_CLIENT) if is_tls else 1
        self.url = endpoint.url
        self._redactor = redactor
        self._clients = [
            _build_client(endpoint, headers, timeout_seconds, max_connections, is_tls) for _ in range(clients)
        ]
        # One request a client, never sent itself: to clone it with another body takes less than to build one anew.
        requests = [
            client.post(endpoint.url).streamed_read_buffer_limit(SHORT_ANSWER_BYTES).build_streamed()
            for client in self._clients
        ]
        self._next_request = cycle(requests).__next__
        self._long_answers = asyncio.Semaphore(LONG_ANSWERS)

    async def post(self, body: bytes) -> Answer:
        """Return the server's answer to `body`; raises `TransportFailure` where none came."""
        request = _with_body(self._next_request(), _make_body(body))
        try:
            response = await request.__aenter__()
            # Reads until there is so much or no more: an answer that isn't longer is whole, and its connection free.
            read = await response.body_reader.read(SHORT_ANSWER_BYTES + 1)
            answer_body = b"" if read is None else read.to_bytes()
            status, is_whole = response.status, True
            if len(answer_body) > SHORT_ANSWER_BYTES:
                async with self._long_answers:
                    answer_body, is_whole = await _read_on(answer_body, response, most_bytes(status))
                    await request.__aexit__(None, None, None)
        except RequestError as error:
            raise _failure(self._redactor, error) from None
        return Answer(self._redactor, status, response.headers, answer_body, is_whole)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.close()
        self._clients.clear()
        # pyreqwest 0.15 aborts the process where a failed request is freed after the interpreter has begun to end.
        gc.collect()


async def _read_on(read: bytes, response: Response, most: int) -> tuple[bytes, bool]:
    """Return what there is of an answer of which `read` is the beginning, and whether that is all of it."""
    if len(read) <= most and (rest := await response.body_reader.read(most + 1 - len(read))) is not None:
        read += rest.to_bytes()
    return read[:most], len(read) <= most


def _build_client(
    endpoint: Endpoint, headers: Mapping[str, str], timeout_seconds: float, max_connections: int, is_tls: bool
) -> Client:
    builder = (
        ClientBuilder()
        .default_headers(headers)
        .follow_redirects(False)
        .referer(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .timeout(timedelta(seconds=timeout_seconds))
        .connect_timeout(timedelta(seconds=min(timeout_seconds, CONNECT_TIMEOUT_SECONDS)))
        .pool_max_idle_per_host(max_connections)
        .http2(is_tls)
    )
    try:
        # A proxy between this machine and itself would only carry the key off it.
        return (builder.no_proxy() if endpoint.is_loopback else builder).build()
    except BuilderError as error:
        if "No CA certificates" not in str(error):
            raise
        raise no_certificates() from None


def _failure(redactor: Redactor, error: RequestError) -> TransportFailure:
    causes = [cause["message"] for cause in error.details["causes"] or ()]
    detail = causes[-1] if causes else error.message
    # The class of a pyreqwest error doesn't tell the phase: an answer that never came is a ConnectError or a
    # ConnectTimeoutError as well. The chain of causes does, and only a failure to connect proves that nothing was sent.
    if _CONNECTING in causes:
        if _TLS_REFUSED.search(detail):
            return TransportFailure(redactor, FailureKind.TLS, detail)
        return TransportFailure(redactor, FailureKind.CONNECT, detail)
    if isinstance(error, RequestTimeoutError):
        return TransportFailure(redactor, FailureKind.TIMEOUT, "no answer within the timeout")
    if isinstance(error, NetworkError | DecodeError):
        return TransportFailure(redactor, FailureKind.RESET, detail)
    return TransportFailure(redactor, FailureKind.OTHER, detail)
