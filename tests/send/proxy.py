"""Proxies on loopback: one that loses answers and resets connections, one that tunnels (CONNECT); and a dripping
server.
"""

import asyncio
from collections.abc import Callable
from typing import Self


class Listener:
    """Listens on loopback and hands each connection to `serve`."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def join(
        self,
        port: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        loses: Callable[[], bool] = lambda: False,
    ) -> None:
        """Carry bytes both ways until either side ends; reset the client instead of an answer that `loses` picks."""
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.add(up_writer)

        async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, drops: bool) -> None:
            while data := await source.read(65536):
                if drops and loses():
                    return
                target.write(data)

        ways = {
            asyncio.create_task(carry(reader, up_writer, False)),
            asyncio.create_task(carry(up_reader, writer, True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.transport.abort()
            self._writers.discard(up_writer)


class LossyProxy(Listener):
    """Forwards every request, and resets the connection in place of the answers that `loses` picks."""

    def __init__(self, port: int, loses: Callable[[], bool]) -> None:
        super().__init__()
        self._upstream, self._loses = port, loses
        self.lost = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.join(self._upstream, reader, writer, self._pick)

    def _pick(self) -> bool:
        is_lost = self._loses()
        self.lost += is_lost
        return is_lost


class ConnectProxy(Listener):
    """A forward proxy that takes every tunnel to one port, and remembers what it was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._upstream = port
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await self.join(self._upstream, reader, writer)


class Dripper(Listener):
    """A server that begins an answer and goes on with a byte now and then."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.05)
