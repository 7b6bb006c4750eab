"""Opens the connection to a destination, once its endpoint and the key have been checked.

Rule: the key goes into one request header and nowhere else.
"""

from typing import Literal

from etl.certificates import check_certificate_settings
from etl.endpoint import Endpoint, parse_endpoint
from etl.errors import KeyProblem
from etl.proxies import check_proxy, proxy_passwords
from etl.send.redact import Redactor
from etl.send.transport import Transport

__all__ = ["TransportKind", "check_endpoint", "open_transport", "request_headers"]

TransportKind = Literal["auto", "pyreqwest", "httpx"]


def open_transport(
    endpoint: str,
    key: str,
    timeout_seconds: float = 30.0,
    max_connections: int = 1024,
    kind: TransportKind = "auto",
    other_secrets: tuple[str, ...] = (),
) -> Transport:
    """Return a transport to the events API at the base URL `endpoint`; call it inside the running loop.

    `auto` takes pyreqwest, or httpx where pyreqwest can't be imported. Nothing is sent yet. What comes back quotes
    neither the key, nor a proxy's password, nor `other_secrets`.
    Raises `EndpointError` for an endpoint that must not get the key, `KeyProblem` for a key that no header can carry.
    """
    place = check_endpoint(endpoint)
    headers = request_headers(key)
    redactor = Redactor(key, *other_secrets, *proxy_passwords())
    if kind != "httpx":
        try:
            from etl.send.pyreqwest_transport import PyreqwestTransport

            return PyreqwestTransport(place, headers, redactor, timeout_seconds, max_connections)
        except ImportError:
            if kind == "pyreqwest":
                raise
    from etl.send.httpx_transport import HttpxTransport

    return HttpxTransport(place, headers, redactor, timeout_seconds, max_connections)


def check_endpoint(endpoint: str) -> Endpoint:
    """Return where events go; raises `EndpointError` for an endpoint or a proxy that can't be used."""
    place = parse_endpoint(endpoint)
    if place.url.startswith("https:"):
        check_certificate_settings()
    if not place.is_loopback:
        check_proxy(place.url)
    return place


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
