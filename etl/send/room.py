"""Limits the bytes of large bodies in flight, so that memory stays bounded. Opens nothing."""

import asyncio
from typing import Final

__all__ = ["LARGE_BODY_BYTES", "Room"]

# Smaller ones are as many as there are workers, and never come to much.
LARGE_BODY_BYTES: Final = 64 << 10
MOST_BYTES: Final = 32 << 20


class Room:
    """Is full once large bodies of `MOST_BYTES` are taken; the last one may go beyond that."""

    def __init__(self) -> None:
        self._taken_bytes = 0
        self._freed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether no other event should be taken now."""
        return self._taken_bytes >= MOST_BYTES

    def take(self, body_bytes: int) -> None:
        """Count a large body in."""
        self._taken_bytes += body_bytes

    def free(self, body_bytes: int) -> None:
        """Count it out, and wake who waits."""
        self._taken_bytes -= body_bytes
        self._freed.set()

    async def wait(self) -> None:
        """Return once a body was freed."""
        self._freed.clear()
        await self._freed.wait()
