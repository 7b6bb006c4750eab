"""Reads the endpoint a job names: where the events go, and whether they may go there.

Rule: decides on the text alone, before any byte is sent; never echoes the parts of a URL that may hold a secret.
"""

import ipaddress
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from etl.errors import EndpointError

__all__ = ["Endpoint", "parse_endpoint"]

_EXAMPLE = "https://api.analytics.inkeep.com"


class Endpoint(NamedTuple):
    """Where events are posted: the whole URL, and whether it stays on this machine."""

    url: str
    is_loopback: bool


def parse_endpoint(text: str) -> Endpoint:
    """Return where the events API of the base URL `text` takes events.

    Raises `EndpointError` for a URL that is no base URL, or that would carry the key in clear text.
    """
    stripped = text.strip()
    try:
        parts = urlsplit(stripped)
        port = parts.port
    except ValueError:
        raise _bad_url("a URL that can't be read") from None
    if not stripped.isascii() or not stripped.isprintable() or " " in stripped or "\\" in stripped:
        raise _bad_url("characters that a URL can't hold")
    _check_shape(parts)
    host = parts.hostname or ""
    is_loopback = _is_loopback(host)
    if parts.scheme == "http" and not is_loopback:
        raise EndpointError(
            f"Expected an https endpoint, found http to `{host}` - upload.endpoint",
            "Use https://: the key would cross the network in clear text (http is for this machine only)",
        )
    authority = f"[{host}]" if ":" in host else host
    if port is not None:
        authority += f":{port}"
    path = parts.path.rstrip("/")
    if not path.endswith("/events"):
        path += "/events"
    return Endpoint(f"{parts.scheme}://{authority}{path}", is_loopback)


def _check_shape(parts: SplitResult) -> None:
    if parts.scheme not in {"http", "https"}:
        raise _bad_url(f"the scheme `{parts.scheme}`" if parts.scheme else "no scheme")
    if parts.username is not None or parts.password is not None:
        raise EndpointError(
            f"Expected an endpoint without credentials, found a user or password before `@{parts.hostname}`"
            " - upload.endpoint",
            "Take them out of the URL; the key comes from the environment or --key-file",
        )
    if not parts.hostname:
        raise _bad_url("no host")
    if parts.query or parts.fragment:
        raise _bad_url("something after `?` or `#`")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bad_url(found: str) -> EndpointError:
    return EndpointError(
        f"Expected a base URL like `{_EXAMPLE}`, found {found} - upload.endpoint",
        "Write the scheme and the host, and a path where there is one, and nothing else",
    )
