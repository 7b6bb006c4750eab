"""Delivers notices and heartbeats over HTTP.

Rule: an address is a secret, so it is in no text that leaves here, not even an error's; and nothing here raises or
takes longer than `DEADLINE_SECONDS`. Python's own client is used because httpx logs the address of each request.
"""

import http.client
import os
import ssl
import threading
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import SplitResult, urlsplit

import certifi
import orjson

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


def post_heartbeat(address: str, beat: Heartbeat, *, deadline_seconds: float = DEADLINE_SECONDS) -> str:
    """Tell the monitor at `address` of `beat`; return what went wrong, in words without the address, or nothing."""
    parts = _parse(address)
    if parts is None:
        return _NOT_AN_ADDRESS
    return _deliver(heartbeat_address(parts, beat), b"", {}, deadline_seconds)


def heartbeat_address(parts: SplitResult, beat: Heartbeat) -> str:
    """Return where a healthchecks-style monitor takes `beat`: `/start` and `/fail` after its path, success at the path
    itself.
    """
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
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        address, data=body, method="POST", headers={"user-agent": "inkeep-backfill", **headers}
    )
    try:
        with _open_client(request.host).open(request, timeout=_STEP_SECONDS) as answer:
            status = int(answer.status)
    except urllib.error.URLError as error:
        return _explain(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _explain(error)
    return "" if 200 <= status < 300 else f"status {status}"


def _open_client(host: str) -> urllib.request.OpenerDirector:
    """Return a client that follows no redirect: another host has no business with the notice."""
    client = urllib.request.OpenerDirector()
    # A proxy between this machine and itself would only carry the address off it.
    is_loopback = host.startswith(("127.", "localhost", "[::1]"))
    for handler in (
        urllib.request.ProxyHandler({} if is_loopback else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=_load_certificates()),
    ):
        client.add_handler(handler)
    return client


def _load_certificates() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not os.environ.get("SSL_CERT_FILE") and not os.environ.get("SSL_CERT_DIR"):
        context.load_verify_locations(certifi.where())
    return context


def _explain(error: object) -> str:
    """Return what went wrong by its kind: the text of an error may repeat the address."""
    if isinstance(error, ssl.SSLError):
        return "the certificate or TLS was refused"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, OSError):
        return "the host can't be reached"
    return "the answer is not HTTP"
