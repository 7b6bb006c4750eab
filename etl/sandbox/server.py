"""Serves the sandbox on a loopback socket, quietly, until it is told to stop.

The only module that knows the HTTP server. Its connections can be cut, which ASGI has no word for: the app finds
the cut in its scope, and the server's own list of connections leads to the transport.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import struct
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from etl.errors import JobError
from etl.network import is_loopback
from etl.sandbox.app import CUT_KEY, build_app
from etl.sandbox.event_store import Repeats, Store
from etl.sandbox.faults import NO_FAULTS, Faults
from etl.sandbox.host import OnlyLoopback

__all__ = ["Settings", "listen", "serve", "url_of"]

_BACKLOG: Final = 2048
# Longer than a client keeps an idle connection, so that it is never the server that closes one under a request.
_KEEP_ALIVE_SECONDS: Final = 75
_DRAIN_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What one sandbox is told: its faults, and its store (None: a temporary one)."""

    faults: Faults = NO_FAULTS
    store: Path | None = None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host`, which must be loopback, and `port` (0: any).

    Raises `JobError` where the host is another, or the port is taken.
    """
    if not is_loopback(host):
        raise JobError(
            f"Expected a loopback address, found `{host}` - --host",
            "Use 127.0.0.1, ::1 or localhost: the sandbox's keys are public",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise JobError(
            f"Expected a free port, found `{getattr(error, 'strerror', None) or error}` - {host}:{port}",
            "Name another one with `--port`, or 0 for any that is free",
        ) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL that reaches `listener`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(listener: socket.socket, settings: Settings, ready: Callable[[Callable[[], None]], None]) -> None:
    """Serve until SIGINT, SIGTERM or a call of the function that `ready` is given once requests are answered.

    Closes `listener`. Raises `StateError` where the store can't be opened.
    """
    with listener, _store_path(settings.store) as path:
        uvloop.run(_serve(listener, path, settings, ready))


async def _serve(
    listener: socket.socket, path: Path, settings: Settings, ready: Callable[[Callable[[], None]], None]
) -> None:
    store = Store(path, _repeats(settings.faults))
    app = _Cuttable(OnlyLoopback(build_app(store, settings.faults)))
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config)
    app.connections = server.server_state.connections
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    serving = loop.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        if server.started:
            ready(stop)
        await serving
    finally:
        await store.close()


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to `_serve`: its own handlers end the process instead of returning."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Answers still held back by a latency are cancelled, which uvicorn reports as a failure of the app.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


class _Cuttable:
    """An ASGI app with the cut of the connection in every scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.connections: Collection[Any] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CUT_KEY] = self._cut
        await self._app(scope, receive, send)

    def _cut(self, scope: Scope, reset: bool) -> None:
        for connection in list(self.connections):
            if connection.client == scope["client"]:
                _close(connection.transport, reset)


def _close(transport: asyncio.Transport, reset: bool) -> None:
    if not reset:
        transport.close()
        return
    # Lingering for no time makes closing send a reset, and drop what is buffered.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


def _repeats(faults: Faults) -> Repeats:
    if faults.conflict:
        return "refuse"
    return "replace" if faults.dedupe else "keep-both"


@contextlib.contextmanager
def _store_path(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="backfill-sandbox-") as folder:
        yield Path(folder) / "store.db"
