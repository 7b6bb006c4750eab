"""The seam between the sender and HTTP: bytes out, an answer or a failure back.

Rule: what comes back is `answer`'s, which lets the key through in no text. No answer is read past what `answer` allows,
whatever the server sends.
"""

from typing import Final, Protocol

from etl.send.answer import Answer

__all__ = ["CONNECT_TIMEOUT_SECONDS", "LONG_ANSWERS", "SHORT_ANSWER_BYTES", "Transport"]

# A destination that doesn't take a connection in this time won't take one in the whole timeout either.
CONNECT_TIMEOUT_SECONDS: Final = 10.0
# Longer answers are read a few at a time, so that what all in flight hold together is bounded.
SHORT_ANSWER_BYTES: Final = 65_536
LONG_ANSWERS: Final = 8


class Transport(Protocol):
    """One destination and one key: posts bodies over connections that are kept."""

    @property
    def url(self) -> str:
        """Where bodies are posted."""

    async def post(self, body: bytes) -> Answer:
        """Return the server's answer to `body`; raises `TransportFailure` where none came."""

    async def close(self) -> None:
        """Close every connection."""
