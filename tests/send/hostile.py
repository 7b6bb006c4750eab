"""A server whose answers have no end, or no beginning."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat

from tests.send.proxy import Listener

MEGABYTE = b"a" * 1_000_000


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def endless_body(status: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" % status
    yield from repeat(_chunk(MEGABYTE))


def long_body(status: int, size: int, start: bytes = b"") -> Iterator[bytes]:
    yield b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, size, start)
    left = size - len(start)
    while left > 0:
        yield MEGABYTE[:left]
        left -= len(MEGABYTE)


def endless_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    yield from repeat(b"x-more: " + b"a" * 1000 + b"\r\n")


def endless_header() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nx-more: "
    yield from repeat(MEGABYTE)


def endless_hints() -> Iterator[bytes]:
    yield from repeat(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100)


def bomb(status: int) -> Iterator[bytes]:
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join((*(packed.compress(MEGABYTE) for _ in range(100)), packed.flush()))
    yield b"HTTP/1.1 %d X\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    yield body


class Hostile(Listener):
    """Answers every request with the pieces that `answers` makes anew, until the other side has enough."""

    def __init__(self, answer: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self._answer = answer
        self.sent_bytes = 0
        self.closed = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            for piece in self._answer():
                writer.write(piece)
                await writer.drain()
                self.sent_bytes += len(piece)
            await reader.read(1)
        finally:
            self.closed += 1
