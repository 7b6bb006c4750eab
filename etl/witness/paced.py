"""Holds all who ask one destination at a time to one pace of queries."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from etl.send.answer import Answer
from etl.send.transport import Transport
from etl.witness.asking import QUERIES_PER_SECOND

__all__ = ["PacedTransport"]


class PacedTransport:
    """A transport for several inquiries together: no more queries a second than one of them may make."""

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._transport, self._clock, self._sleep = transport, clock, sleep
        self._next_at = clock()
        self.url = transport.url

    async def post(self, body: bytes) -> Answer:
        """Return the answer to a query, made once its turn has come."""
        now = self._clock()
        at = max(now, self._next_at)
        self._next_at = at + 1 / QUERIES_PER_SECOND
        if at > now:
            await self._sleep(at - now)
        return await self._transport.post(body)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()
