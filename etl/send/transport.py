"""The seam between the sender and HTTP: bytes out, an answer or a failure back.

Rule: the key lives in one request header and nowhere else. It is in no representation, no failure text,
and is cut out of what the server says back.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from etl.errors import EndpointError, KeyProblem
from etl.send.endpoint import parse_endpoint

__all__ = [
    "Answer",
    "FailureKind",
    "Transport",
    "TransportFailure",
    "TransportKind",
    "open_transport",
    "request_headers",
    "without_key",
]

TransportKind = Literal["auto", "pyreqwest", "httpx"]

# A destination that doesn't take a connection in this time won't take one in the whole timeout either.
CONNECT_TIMEOUT_SECONDS = 10.0


class Answer(NamedTuple):
    """What the server said. `headers.get` takes lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class FailureKind(StrEnum):
    """How an attempt ended without an answer."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    OTHER = "other"


class TransportFailure(Exception):  # noqa: N818 - a value of this seam, not an error of the user
    """An attempt that got no whole answer. `detail` is fit for a person and holds no secret."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


class Transport(Protocol):
    """One destination and one key: posts bodies over connections that are kept."""

    @property
    def url(self) -> str:
        """Where bodies are posted."""

    async def post(self, body: bytes) -> Answer:
        """Return the server's answer to `body`; raises `TransportFailure` where none came."""

    async def close(self) -> None:
        """Close every connection."""


def open_transport(
    endpoint: str,
    key: str,
    timeout_seconds: float = 30.0,
    max_connections: int = 1024,
    kind: TransportKind = "auto",
) -> Transport:
    """Return a transport to the events API at the base URL `endpoint`; call it inside the running loop.

    `auto` takes pyreqwest, or httpx where pyreqwest can't be imported. Nothing is sent yet.
    Raises `EndpointError` for an endpoint that must not get the key, `KeyProblem` for a key that no header can carry.
    """
    place = parse_endpoint(endpoint)
    headers = request_headers(key)
    if not place.is_loopback:
        check_certificate_settings()
    if kind != "httpx":
        try:
            from etl.send.pyreqwest_transport import PyreqwestTransport

            return PyreqwestTransport(place, headers, timeout_seconds, max_connections)
        except ImportError:
            if kind == "pyreqwest":
                raise
    from etl.send.httpx_transport import HttpxTransport

    return HttpxTransport(place, headers, timeout_seconds, max_connections)


def request_headers(key: str) -> dict[str, str]:
    """Return the headers of every request; raises `KeyProblem` for a key that a header can't carry."""
    if not key:
        raise KeyProblem(
            "Expected an API key, found none", "Set INKEEPANALYTICS_API_INTEGRATION_KEY, or give --key-file"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyProblem(
            "Expected an API key of printable ASCII characters, found a space, a line break or another character",
            "Copy the key again, without quotes or line breaks",
        )
    return {
        "authorization": f"Bearer {key}",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "inkeep-backfill",
    }


def without_key(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return `body` without the key of the request's `headers`: some servers quote the key that they refuse."""
    key = headers["authorization"].removeprefix("Bearer ").encode()
    return body.replace(key, b"[key]")


def check_certificate_settings() -> None:
    """Raise `EndpointError` where SSL_CERT_FILE or SSL_CERT_DIR names nothing that can be read."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        place = os.environ.get(name)
        if place and not os.access(Path(place), os.R_OK):
            raise EndpointError(
                f"Expected certificates at `{place}`, found nothing readable - environment variable {name}",
                f"Correct or unset {name}",
            )
