"""One request over HTTP off the hot path, by httpx: a notice, a remote file.

Rule: an address may be a secret, so nothing of a request is logged (httpx and httpcore would), and no redirect is
followed: whoever asks decides whether another host may know. No request goes around a proxy that the environment
names, or with certificates other than those it names; between this machine and itself there is no proxy.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx

from etl.certificates import check_certificate_settings, load_certificates
from etl.network import is_loopback
from etl.proxies import check_proxy

__all__ = ["causes_of", "open_answer"]

_HEADERS: Final = {"user-agent": "inkeep-backfill", "accept": "*/*", "accept-encoding": "identity"}
_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
# The threads that are asking; what is logged in another one isn't of these requests.
_asking: set[int] = set()


@contextmanager
def open_answer(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    body: bytes | None = None,
    timeout_seconds: float,
) -> Iterator[httpx.Response]:
    """Lend the answer to a request, its body unread; `timeout_seconds` is for each of connecting, sending and reading.

    Raises `httpx.HTTPError` and `httpx.InvalidURL` where none comes, `EndpointError` where the environment's way there
    can't be taken.
    """
    stays_here = is_loopback(urlsplit(url).hostname)
    if not stays_here:
        check_certificate_settings()
        check_proxy(url)
    thread = threading.get_ident()
    _asking.add(thread)
    try:
        with (
            httpx.Client(
                headers=_HEADERS,
                verify=load_certificates(),
                trust_env=not stays_here,
                timeout=timeout_seconds,
            ) as client,
            client.stream(method, url, headers=dict(headers), content=body) as answer,
        ):
            yield answer
    finally:
        _asking.discard(thread)


def causes_of(error: BaseException | None) -> list[BaseException]:
    """Return an error and those that it came of."""
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


class _Quiet(logging.Filter):
    """Lets nothing through that is logged of our requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` is of another request."""
        return record.thread not in _asking


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_Quiet())
