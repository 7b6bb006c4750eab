"""Reads the proxies that the environment names, which HTTP clients go around in silence where they can't use them.

Rule: opens nothing, and quotes no more of an address than its scheme.
"""

import os
from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from etl.errors import EndpointError

__all__ = ["check_proxy", "proxy_passwords"]

_SCHEMES: Final = ("http", "https")


def check_proxy(url: str) -> None:
    """Raise `EndpointError` where the environment names a proxy on the way to `url` that can't be used."""
    to = urlsplit(url)
    proxies = getproxies()
    address = proxies.get(to.scheme) or proxies.get("all")
    if not address or proxy_bypass(to.netloc):
        return
    found = _misshapen(address)
    if found is not None:
        name = _variable_of(address)
        raise EndpointError(
            f"Expected a proxy like `http://proxy.example.com:8080`, found {found} - environment variable {name}",
            f"Correct or unset {name}, or name {to.hostname} in NO_PROXY: no request goes around a proxy",
        )


def proxy_passwords() -> list[str]:
    """Return the passwords in the addresses of the environment's proxies."""
    found = set()
    for address in getproxies().values():
        with suppress(ValueError):
            password = _split(address).password or ""
            found |= {password, unquote(password)} - {""}
    return sorted(found)


def _misshapen(address: str) -> str | None:
    try:
        parts = _split(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "an address that can't be read"
    if parts.scheme not in _SCHEMES:
        return f"one with the scheme `{parts.scheme}`" if parts.scheme.isalnum() else "no address"
    if not is_whole or not address.isascii() or not address.isprintable() or " " in address:
        return "no address"
    return None


def _split(address: str) -> SplitResult:
    # Without a scheme it is an HTTP proxy, for every client.
    return urlsplit(address if "://" in address else f"http://{address}")


def _variable_of(address: str) -> str:
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name) == address), "HTTPS_PROXY")
