"""Reads the endpoint a job names: where the events go, and whether they may go there.

Rule: decides on the text alone, before any byte is sent; never echoes the parts of a URL that may hold a secret.
"""

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from etl.errors import EndpointError
from etl.network import is_loopback

__all__ = ["Endpoint", "parse_endpoint"]

_KNOWN_SCHEMES = frozenset({"file", "ftp", "ftps", "gs", "s3", "tcp", "ws", "wss"})
_EXAMPLE = "https://api.analytics.inkeep.com"


class Endpoint(NamedTuple):
    """Where events are posted: the whole URL, and whether it stays on this machine."""

    url: str
    is_loopback: bool


def parse_endpoint(text: str, place: str = "[upload] endpoint") -> Endpoint:
    """Return where the events API of the base URL `text`, which stands at `place`, takes events.

    Raises `EndpointError` for a URL that is no base URL, or that would carry the key in clear text.
    """
    stripped = text.strip()
    if "@" in stripped:
        # Also where it isn't before the host: a password with a slash in it looks like a path.
        raise EndpointError(
            f"Expected an endpoint without credentials, found an `@`, as after a user or a password - {place}",
            "Take them out of the URL; the key comes from the environment or --key-file",
        )
    if not stripped.isascii() or not stripped.isprintable() or " " in stripped or "\\" in stripped:
        raise _bad_url("characters that a URL can't hold (a host beyond ASCII is written xn--…)", place)
    try:
        parts = urlsplit(stripped)
        port = parts.port
    except ValueError:
        raise _bad_url("a URL that can't be read", place) from None
    if (found := _misshapen(parts)) is not None:
        raise _bad_url(found, place)
    host = parts.hostname or ""
    stays_here = is_loopback(host)
    if parts.scheme == "http" and not stays_here:
        raise EndpointError(
            f"Expected an https endpoint, found http to `{host}` - {place}",
            "Use https://: the key would cross the network in clear text (http is for this machine only)",
        )
    authority = f"[{host}]" if ":" in host else host
    if port is not None:
        authority += f":{port}"
    path = parts.path.rstrip("/")
    if not path.endswith("/events"):
        path += "/events"
    return Endpoint(f"{parts.scheme}://{authority}{path}", stays_here)


def _misshapen(parts: SplitResult) -> str | None:
    """Return what keeps the URL from being a base URL, None where nothing does."""
    if parts.scheme not in {"http", "https"}:
        # What stands before the colon may be a key that was pasted here.
        return f"the scheme `{parts.scheme}`" if parts.scheme in _KNOWN_SCHEMES else "no scheme"
    if not parts.hostname:
        return "no host"
    if parts.port == 0:
        return "the port 0"
    return "something after `?` or `#`" if parts.query or parts.fragment else None


def _bad_url(found: str, place: str) -> EndpointError:
    return EndpointError(
        f"Expected a base URL like `{_EXAMPLE}`, found {found} - {place}",
        "Write the scheme and the host, and a path where there is one, and nothing else",
    )
