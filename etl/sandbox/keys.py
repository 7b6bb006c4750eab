"""The two keys that the sandbox takes, and what each may do. They open nothing else, so they are no secret."""

from collections.abc import Iterable
from enum import Enum
from typing import Final

__all__ = ["API_KEY", "WEB_KEY", "Access", "find_access"]

API_KEY: Final = "sandbox-api-key"
WEB_KEY: Final = "sandbox-web-key"


class Access(Enum):
    """What a key may do: log events, or read them too."""

    WRITE = "write"
    READ_WRITE = "read-write"


_ACCESS_BY_KEY: Final = {API_KEY.encode(): Access.READ_WRITE, WEB_KEY.encode(): Access.WRITE}


def find_access(headers: Iterable[tuple[bytes, bytes]]) -> Access | None:
    """Return what the bearer key in `headers` may do, or None where it is missing or unknown."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            return _ACCESS_BY_KEY.get(key.strip()) if scheme.lower() == b"bearer" else None
    return None
