"""The transport where pyreqwest can't be imported: httpx.

Rule: one connection a client. httpx looks through every connection of a pool for each request, so one pool of
many connections slows down with their number; a stack of clients that hold one each does not.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from etl.certificates import load_certificates
from etl.endpoint import Endpoint
from etl.send.answer import Answer, FailureKind, TransportFailure, most_bytes
from etl.send.redact import Redactor
from etl.send.transport import CONNECT_TIMEOUT_SECONDS, LONG_ANSWERS, SHORT_ANSWER_BYTES
from etl.web import causes_of

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """Posts bodies through httpx."""

    def __init__(
        self,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        redactor: Redactor,
        timeout_seconds: float,
        max_connections: int,
    ) -> None:
        self.url = endpoint.url
        self._headers, self._redactor = headers, redactor
        self._timeout_seconds = timeout_seconds
        self._trusts_env = not endpoint.is_loopback
        self._certificates = load_certificates()
        self._idle: list[httpx.AsyncClient] = []
        self._clients: list[httpx.AsyncClient] = []
        self._places = asyncio.Semaphore(max_connections)
        self._long_answers = asyncio.Semaphore(LONG_ANSWERS)

    async def post(self, body: bytes) -> Answer:
        """Return the server's answer to `body`; raises `TransportFailure` where none came."""
        async with self._places:
            client = self._idle.pop() if self._idle else self._open_client()
            try:
                # httpx times each phase by itself: a server that drips its answer would never time out.
                async with asyncio.timeout(self._timeout_seconds):
                    async with client.stream("POST", self.url, content=body) as response:
                        return await self._read(response)
            except (httpx.HTTPError, TimeoutError) as error:
                raise _failure(self._redactor, error) from None
            finally:
                self._idle.append(client)

    async def _read(self, response: httpx.Response) -> Answer:
        """Return the answer, as raw as it comes: a compressed body wasn't asked for, and may be a bomb."""
        most, body = most_bytes(response.status_code), bytearray()
        async with AsyncExitStack() as stack:
            async for chunk in response.aiter_raw():
                if len(body) <= SHORT_ANSWER_BYTES < len(body) + len(chunk):
                    await stack.enter_async_context(self._long_answers)
                body += chunk
                if len(body) > most:
                    break
        is_whole = len(body) <= most
        return Answer(self._redactor, response.status_code, response.headers, bytes(body[:most]), is_whole)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.aclose()

    def _open_client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            headers=dict(self._headers),
            verify=self._certificates,
            # A proxy between this machine and itself would only carry the key off it.
            trust_env=self._trusts_env,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            timeout=httpx.Timeout(
                self._timeout_seconds, connect=min(self._timeout_seconds, CONNECT_TIMEOUT_SECONDS)
            ),
        )
        self._clients.append(client)
        return client


def _failure(redactor: Redactor, error: httpx.HTTPError | TimeoutError) -> TransportFailure:
    if isinstance(error, httpx.ConnectTimeout):
        return TransportFailure(redactor, FailureKind.CONNECT, "no connection within the connect timeout")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TransportFailure(redactor, FailureKind.TIMEOUT, "no answer within the timeout")
    detail = str(error) or "the connection was lost"
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        is_tls = any(isinstance(cause, ssl.SSLError) for cause in causes_of(error))
        return TransportFailure(redactor, FailureKind.TLS if is_tls else FailureKind.CONNECT, detail)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return TransportFailure(redactor, FailureKind.RESET, detail)
    return TransportFailure(redactor, FailureKind.OTHER, detail)
