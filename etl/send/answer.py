"""What came back for one request: whether it proves the event, and its texts without the key.

Rule: the one door for the words of servers and HTTP clients. An `Answer` and a `TransportFailure` can't be made without
a `Redactor`, their raw bytes and headers are their own, and each text that leaves them has been through it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from etl.send.redact import Redactor

__all__ = [
    "MAX_ERROR_BYTES",
    "MAX_EVENT_BYTES",
    "Answer",
    "FailureKind",
    "Problem",
    "TransportFailure",
    "most_bytes",
]

# A stored event of 2 MB with everything escaped that can be takes three times as much.
MAX_EVENT_BYTES: Final = 8_000_000
MAX_ERROR_BYTES: Final = 65_536
_QUOTED_CHARS: Final = 80
_JSON_KINDS: Final = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
}


def most_bytes(status: int) -> int:
    """Return how many bytes of an answer with this status are read, before its connection is closed."""
    return MAX_EVENT_BYTES if 200 <= status < 300 else MAX_ERROR_BYTES


class Problem(NamedTuple):
    """What an error answer says of itself; None where it doesn't."""

    code: str | None
    detail: str | None
    request_id: str | None


class Answer:
    """What a server said. `is_whole`: all of its body was read, none was left because it was too long."""

    __slots__ = ("_body", "_headers", "_redactor", "is_whole", "status")

    def __init__(
        self,
        redactor: Redactor,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        is_whole: bool = True,
    ) -> None:
        self._redactor, self._headers, self._body = redactor, headers, body
        self.status, self.is_whole = status, is_whole

    def proves(self, event_id: str) -> bool:
        """Return whether this is a success that carries the event with this id."""
        try:
            return (
                (self.status == 200 or self.status == 201)
                and self.is_whole
                and bool(orjson.loads(self._body)["id"] == event_id)
            )
        except (ValueError, TypeError, KeyError):
            return False

    def unclean_body(self) -> bytes:
        """Return the body as it came: for what is compared, never for what is shown."""
        return self._body

    def get(self, name: str) -> str | None:
        """Return the header with this lower-case name."""
        text = self._headers.get(name)
        return None if text is None else self._redactor.clean(text)

    def problem(self) -> Problem:
        """Return what an error answer says, as problem+json or otherwise."""
        loaded = None if self._encoding else self._load()
        problem: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
        nested = problem.get("error")
        error: dict[str, Any] = nested if isinstance(nested, dict) else {}
        detail = (
            self._text(problem.get("detail"))
            or self._text(error.get("message"))
            or self._text(problem.get("title"))
        )
        if not isinstance(loaded, dict) and self._body:
            detail = f"a body in {self._encoding}" if self._encoding else self._quote() or None
        return Problem(
            self._text(problem.get("code")) or self._text(error.get("code")),
            detail,
            self._text(problem.get("requestId")) or self.get("x-request-id"),
        )

    def describe(self) -> str:
        """Return what there is in place of the event."""
        if not self.is_whole:
            return f"more than {most_bytes(self.status):,} bytes"
        if not self._body:
            return "no body"
        if self._encoding:
            return f"a body in {self._encoding}, which was not asked for"
        try:
            loaded = orjson.loads(self._body)
        except ValueError:
            return f"what is not JSON: `{self._quote(_QUOTED_CHARS)}`"
        if not isinstance(loaded, dict):
            return _JSON_KINDS.get(type(loaded), "null")
        return "an object without an id" if loaded.get("id") is None else self._describe_id(loaded["id"])

    def _describe_id(self, found: object) -> str:
        if isinstance(found, str):
            return f"another id: `{self._redactor.clean(found)[:_QUOTED_CHARS]}`"
        kind = _JSON_KINDS.get(type(found), "an object")
        return f"{kind} for an id"

    @property
    def _encoding(self) -> str:
        encoding = (self.get("content-encoding") or "").lower()
        return "" if encoding == "identity" else encoding[:_QUOTED_CHARS]

    def _load(self) -> Any:
        try:
            return orjson.loads(self._body)
        except ValueError:
            return None

    def _text(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        return self._redactor.clean(str(value)) or None

    def _quote(self, most_chars: int | None = None) -> str:
        # In JSON as elsewhere a key may be written with escapes; the redactor reads them.
        text = self._redactor.clean(self._body.decode(errors="replace"))
        return text if most_chars is None or len(text) <= most_chars else text[: most_chars - 1] + "…"


class FailureKind(StrEnum):
    """How an attempt ended without an answer."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    OTHER = "other"


class TransportFailure(Exception):  # noqa: N818 - a value of this seam, not an error of the user
    """An attempt that got no whole answer. `detail` is fit for a person; clients quote what they can't read."""

    def __init__(self, redactor: Redactor, kind: FailureKind, detail: str) -> None:
        self.kind = kind
        self.detail = redactor.clean(detail)
        super().__init__(kind, self.detail)
