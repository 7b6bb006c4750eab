"""The transport of the hot path: pyreqwest, an HTTP client in Rust.

Rule: does per request only what must differ per request; everything else is set once on the client.
"""

import gc
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from itertools import cycle

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    DecodeError,
    NetworkError,
    RequestError,
    RequestTimeoutError,
)
from pyreqwest.request import ConsumedRequest, RequestBody

from etl.send.endpoint import Endpoint
from etl.send.transport import CONNECT_TIMEOUT_SECONDS, Answer, FailureKind, TransportFailure, without_key

__all__ = ["PyreqwestTransport"]

# An HTTP/2 server takes about a hundred requests at a time on one connection, and one client keeps one.
_STREAMS_PER_CLIENT = 128

# A named tuple's own constructor is a call in Python more.
_make_answer: Callable[[tuple[int, Mapping[str, str], bytes]], Answer] = partial(tuple.__new__, Answer)

_with_body, _make_body = ConsumedRequest.from_request_and_body, RequestBody.from_bytes

_CONNECTING = "client error (Connect)"
_TLS_REFUSED = re.compile(r"invalid peer certificate|corrupt message|fatal alert|certificate")


class PyreqwestTransport:
    """Posts bodies through pyreqwest. HTTP/2 where the server offers it over TLS."""

    def __init__(
        self, endpoint: Endpoint, headers: Mapping[str, str], timeout_seconds: float, max_connections: int
    ) -> None:
        is_tls = endpoint.url.startswith("https:")
        clients = -(-max_connections // _STREAMS_PER_CLIENT) if is_tls else 1
        self.url = endpoint.url
        self._headers = headers
        self._clients = [
            _build_client(endpoint, headers, timeout_seconds, max_connections, is_tls) for _ in range(clients)
        ]
        # One request a client, never sent itself: to clone it with another body takes less than to build one anew.
        self._next_request = cycle([client.post(endpoint.url).build() for client in self._clients]).__next__

    async def post(self, body: bytes) -> Answer:
        """Return the server's answer to `body`; raises `TransportFailure` where none came."""
        try:
            response = await _with_body(self._next_request(), _make_body(body)).send()
            answer_body = (await response.bytes()).to_bytes()
        except RequestError as error:
            raise _failure(error) from None
        status = response.status
        if status >= 300:
            answer_body = without_key(answer_body, self._headers)
        return _make_answer((status, response.headers, answer_body))

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.close()
        self._clients.clear()
        # pyreqwest 0.15 aborts the process where a failed request is freed after the interpreter has begun to end.
        gc.collect()


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
    # A proxy between this machine and itself would only carry the key off it.
    return (builder.no_proxy() if endpoint.is_loopback else builder).build()


def _failure(error: RequestError) -> TransportFailure:
    causes = [cause["message"] for cause in error.details["causes"] or ()]
    detail = causes[-1] if causes else error.message
    # The class of a pyreqwest error doesn't tell the phase: an answer that never came is a ConnectError or a
    # ConnectTimeoutError as well. The chain of causes does, and only a failure to connect proves that nothing was sent.
    if _CONNECTING in causes:
        if _TLS_REFUSED.search(detail):
            return TransportFailure(FailureKind.TLS, detail)
        return TransportFailure(FailureKind.CONNECT, detail)
    if isinstance(error, RequestTimeoutError):
        return TransportFailure(FailureKind.TIMEOUT, "no answer within the timeout")
    if isinstance(error, NetworkError | DecodeError):
        return TransportFailure(FailureKind.RESET, detail)
    return TransportFailure(FailureKind.OTHER, detail)
