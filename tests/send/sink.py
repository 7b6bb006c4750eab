"""A raw HTTP/1.1 server on loopback whose every answer a test can choose, and which remembers all it got."""

import asyncio
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import orjson

OK_HEADERS = {"content-type": "application/json"}


class Request(NamedTuple):
    """One request as it arrived; `number` counts from 0 over all connections."""

    number: int
    line: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return str(orjson.loads(self.body)["id"])


class Reply(NamedTuple):
    """What to answer. `raw` is sent instead, as it is; with `reset` the connection is torn down after it."""

    status: int = 200
    headers: dict[str, str] = OK_HEADERS
    body: bytes = b""
    delay_seconds: float = 0.0
    raw: bytes | None = None
    reset: bool = False
    silent: bool = False


def takes_no_queries(_: Request) -> Reply:
    """Answer a query as a place that has no such route."""
    return Reply(404)


def stored(request: Request) -> Reply:
    """Answer as the events API does: 200 and the event."""
    return Reply(body=request.body)


class Sink:
    """`answer` is asked for each reply; `requests` holds all requests, `most_at_once` the most under way together.

    Queries are `answer_query`'s, and not among the requests.
    """

    def __init__(
        self, answer: Callable[[Request], Reply] = stored, tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.answer_query: Callable[[Request], Reply] = takes_no_queries
        self.requests: list[Request] = []
        self.answered: list[tuple[float, int]] = []
        self.connections = 0
        self.under_way = 0
        self.most_at_once = 0
        self.port = 0
        self.open: set[_Connection] = set()
        self._tls = tls
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.requests]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the port of the time before if there was one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, ssl=self._tls, backlog=2048
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and reset every connection."""
        assert self._server is not None
        self._server.close()
        for connection in list(self.open):
            connection.transport.abort()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "abort")
        self.transport = transport  # type: ignore[assignment]
        self._sink.connections += 1
        self._sink.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while True:
            head, separator, rest = self._pending.partition(b"\r\n\r\n")
            if not separator:
                return
            line, *fields = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)
            }
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            body, self._pending = rest[:length], rest[length:]
            self._receive(line, headers, body)

    def _receive(self, line: str, headers: dict[str, str], body: bytes) -> None:
        sink = self._sink
        request = Request(len(sink.requests), line, headers, body, time.monotonic())
        sink.under_way += 1
        if "/query/" in line:
            reply = sink.answer_query(request)
        else:
            sink.requests.append(request)
            sink.most_at_once = max(sink.most_at_once, sink.under_way)
            reply = sink.answer(request)
        if reply.delay_seconds:
            asyncio.get_running_loop().call_later(reply.delay_seconds, self._send, reply)
        else:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self._sink.under_way -= 1
        if reply.silent or self.transport.is_closing():
            return
        self._sink.answered.append((time.monotonic(), reply.status))
        if reply.raw is not None:
            self.transport.write(reply.raw)
        elif not reply.reset:
            fields = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
            head = f"HTTP/1.1 {reply.status} X\r\n{fields}content-length: {len(reply.body)}\r\n\r\n"
            self.transport.write(head.encode("latin-1") + reply.body)
        if reply.reset:
            asyncio.get_running_loop().call_soon(self.transport.abort)
