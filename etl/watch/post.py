"""Delivers notices and heartbeats over HTTP.

Rule: an address is a secret, so it is in no text that leaves here, not even an error's; and nothing here raises or
takes longer than `DEADLINE_SECONDS`. No redirect is followed: another host has no business with the notice.
"""

import ssl
import threading
from typing import Final
from urllib.parse import SplitResult, urlsplit

import orjson

from etl.errors import EndpointError
from etl.watch.notice import Heartbeat

__all__ = ["DEADLINE_SECONDS", "heartbeat_address", "post_heartbeat", "post_json"]

DEADLINE_SECONDS: Final = 10.0
_STEP_SECONDS: Final = 5.0
_NOT_AN_ADDRESS: Final = "the variable holds no http or https address"


def post_json(address: str, payload: dict[str, str], *, deadline_seconds: float = DEADLINE_SECONDS) -> str:
    """Post `payload` to `address`; return what went wrong, in words without the address, or nothing."""
    parts = _parse(address)
    if parts is None:
        return _NOT_AN_ADDRESS
    headers = {"content-type": "application/json"}
    return _deliver(parts.geturl(), orjson.dumps(payload), headers, deadline_seconds)


def post_heartbeat(address: str, beat: Heartbeat) -> str:
    """Tell the monitor at `address` of `beat`; return what went wrong, in words without the address, or nothing."""
    parts = _parse(address)
    if parts is None:
        return _NOT_AN_ADDRESS
    return _deliver(heartbeat_address(parts, beat), b"", {}, DEADLINE_SECONDS)


def heartbeat_address(parts: SplitResult, beat: Heartbeat) -> str:
    """Return the address for `beat` at a healthchecks-style monitor: the path, with `/start` or `/fail` after it."""
    suffix = "" if beat == "success" else f"/{beat}"
    return parts._replace(path=parts.path.rstrip("/") + suffix if suffix else parts.path).geturl()


def _parse(address: str) -> SplitResult | None:
    text = address.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts._replace(fragment="") if usable else None


def _deliver(address: str, body: bytes, headers: dict[str, str], deadline_seconds: float) -> str:
    """Post in a thread of its own: a name server or a server that drips its answer must not hold the run up."""
    said: list[str] = []
    thread = threading.Thread(
        target=lambda: said.append(_request(address, body, headers)), name="notice", daemon=True
    )
    thread.start()
    thread.join(deadline_seconds)
    return said[0] if said else f"no answer within {deadline_seconds:g} s"


def _request(address: str, body: bytes, headers: dict[str, str]) -> str:
    # Most runs tell nobody: what speaks HTTP is imported where somebody is told.
    import httpx

    from etl.web import open_answer

    try:
        with open_answer("POST", address, headers, body=body, timeout_seconds=_STEP_SECONDS) as answer:
            return "" if answer.is_success else f"status {answer.status_code}"
    except EndpointError:
        return "the proxy or the certificates that the environment names can't be used"
    except httpx.TimeoutException:
        return "no answer in time"
    except httpx.RemoteProtocolError:
        return "no answer in HTTP"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return _explain(error)


def _explain(error: Exception) -> str:
    """Return what went wrong by its kind: the text of an error may repeat the address."""
    from etl.web import causes_of

    kinds = {type(cause) for cause in causes_of(error)}
    if any(issubclass(kind, ssl.SSLError) for kind in kinds):
        return "the certificate or TLS was refused"
    return "the connection was refused" if ConnectionRefusedError in kinds else "the host can't be reached"
