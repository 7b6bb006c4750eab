"""Reads a request's body within the API's limit, in flat memory.

A body that is too large is still taken off the wire, up to a point: a client that is cut off while it sends sees a
broken connection, not the answer.
"""

from typing import Final

from starlette.types import Receive, Scope

__all__ = ["MAX_BODY_BYTES", "BodyTooLarge", "ClientGone", "read_body"]

MAX_BODY_BYTES: Final = 2_000_000
_MAX_DRAINED_BYTES: Final = 64_000_000


class BodyTooLarge(Exception):  # noqa: N818 - it becomes an answer
    """The body is over the limit. `is_drained`: it was read to its end, so that the connection can go on."""

    def __init__(self, is_drained: bool) -> None:
        super().__init__("body too large")
        self.is_drained = is_drained


class ClientGone(Exception):  # noqa: N818
    """The client went away before the end of its body."""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Return the request's body; raises `BodyTooLarge` over `MAX_BODY_BYTES`, and `ClientGone`."""
    declared_bytes, waits_for_go = 0, False
    for name, value in scope["headers"]:
        if name == b"content-length":
            declared_bytes = int(value)
        elif name == b"expect":
            waits_for_go = value.lower() == b"100-continue"
    if declared_bytes > MAX_BODY_BYTES and (waits_for_go or declared_bytes > _MAX_DRAINED_BYTES):
        raise BodyTooLarge(is_drained=False)
    return await _gather(receive, is_too_large=declared_bytes > MAX_BODY_BYTES)


async def _gather(receive: Receive, is_too_large: bool) -> bytes:
    chunks: list[bytes] = []
    seen_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        seen_bytes += len(chunk)
        is_too_large = is_too_large or seen_bytes > MAX_BODY_BYTES
        if is_too_large:
            chunks.clear()
        else:
            chunks.append(chunk)
        if not message.get("more_body", False):
            break
        if seen_bytes > _MAX_DRAINED_BYTES:
            raise BodyTooLarge(is_drained=False)
    if is_too_large:
        raise BodyTooLarge(is_drained=True)
    return b"".join(chunks)
