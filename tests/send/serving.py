"""A sink in a thread of its own, for tests that run whole commands against it."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.send.sink import Reply, Request, Sink, stored


@contextmanager
def serving(answer: Callable[[Request], Reply] = stored, tls: ssl.SSLContext | None = None) -> Iterator[Sink]:
    """Run a sink that answers as `answer` says."""
    sink, loop, started = Sink(answer, tls), asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        async with sink:
            started.set()
            await stopping.wait()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield sink
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
