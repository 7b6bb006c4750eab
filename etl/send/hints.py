"""Reads what a server says about its own limits: Retry-After, RateLimit and their older kin.

Rule: pure; a header that can't be read is no hint. Sources: RFC 9110 section 10.2.3 (Retry-After), the IETF
drafts of RateLimit headers (a structured field, and the three fields before it), and the X-RateLimit custom,
whose reset is seconds from now with some servers and a date in seconds or milliseconds with others.
"""

import re
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, Protocol

__all__ = ["NO_HINTS", "Headers", "Hints", "parse_retry_after", "read_hints"]

_NUMBER: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*", re.ASCII)
_PARAMETER: Final = re.compile(r"\b(r|t|remaining|reset)\s*=\s*(\d{1,15}(?:\.\d{1,9})?)", re.ASCII)
_POLICY: Final = re.compile(r"\bw\s*=\s*(\d{1,9})", re.ASCII)
_QUOTA: Final = re.compile(r"\bq\s*=\s*(\d{1,12})|(?:^|,)\s*(\d{1,12})\s*;", re.ASCII)
_EPOCH_SECONDS: Final = 1e9
_EPOCH_MILLISECONDS: Final = 1e12


class Headers(Protocol):
    """An answer's headers, by lower-case names."""

    def get(self, name: str, /) -> str | None:
        """Return the header's text, None where there is none."""


class Hints(NamedTuple):
    """How long the server asks to wait from now, and the rate that it says it allows; None where it doesn't say.

    `has_limits` tells that it speaks of limits at all, so that its next answers are worth reading. `wait_text` and
    `rate_text` quote the header that says so.
    """

    wait_seconds: float | None
    rate_per_second: float | None
    has_limits: bool
    wait_text: str = ""
    rate_text: str = ""


NO_HINTS: Final = Hints(None, None, False)
_POLICY_HEADERS: Final = ("RateLimit-Policy", "RateLimit-Limit")
_LIMIT_HEADERS: Final = (
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "x-ratelimit-remaining",
)


def read_hints(headers: Headers, now_epoch_seconds: float) -> Hints:
    """Return what an answer's headers say about waiting and rates. A wait is never shorter than any that is asked."""
    waits = [
        (wait, name)
        for name, wait in (
            ("Retry-After", _retry_wait(headers, now_epoch_seconds)),
            ("RateLimit", _structured_wait(headers)),
            ("RateLimit-Reset", _plain_wait(headers, "ratelimit", now_epoch_seconds)),
            ("X-RateLimit-Reset", _plain_wait(headers, "x-ratelimit", now_epoch_seconds)),
        )
        if wait is not None
    ]
    wait, waits_by = max(waits, default=(None, ""))
    rate_by = next((name for name in _POLICY_HEADERS if headers.get(name.lower())), "")
    rate = _policy_rate(headers.get(rate_by.lower()) or "") if rate_by else None
    return Hints(
        wait,
        rate,
        any(headers.get(name) for name in _LIMIT_HEADERS),
        f"{waits_by}: {headers.get(waits_by.lower())}" if waits_by else "",
        f"{rate_by}: {headers.get(rate_by.lower())}" if rate is not None else "",
    )


def parse_retry_after(text: str | None, date: str | None, now_epoch_seconds: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, 0 for a date gone by, None where it can't be read.

    A date is measured against the answer's own `date` where there is one: the server's clock may be wrong, but
    it is the one that the wait was counted on.
    """
    if text is None:
        return None
    number = _NUMBER.fullmatch(text)
    if number:
        return float(number[1])
    until = _epoch_seconds(text)
    if until is None:
        return None
    server_now = _epoch_seconds(date) if date else None
    return max(0.0, until - (now_epoch_seconds if server_now is None else server_now))


def _retry_wait(headers: Headers, now_epoch_seconds: float) -> float | None:
    text = headers.get("retry-after")
    return None if text is None else parse_retry_after(text, headers.get("date"), now_epoch_seconds)


def _structured_wait(headers: Headers) -> float | None:
    text = headers.get("ratelimit")
    if not text:
        return None
    waits = []
    for item in text.split('"')[0::2] if '"' in text else [text]:
        found = {name: float(value) for name, value in _PARAMETER.findall(item)}
        remaining = found.get("r", found.get("remaining"))
        reset = found.get("t", found.get("reset"))
        if remaining == 0 and reset is not None:
            waits.append(reset)
    return max(waits, default=None)


def _plain_wait(headers: Headers, prefix: str, now_epoch_seconds: float) -> float | None:
    remaining = _NUMBER.fullmatch(headers.get(f"{prefix}-remaining") or "")
    reset = _NUMBER.fullmatch(headers.get(f"{prefix}-reset") or "")
    if not remaining or not reset or float(remaining[1]) > 0:
        return None
    value = float(reset[1])
    if value >= _EPOCH_MILLISECONDS:
        return max(0.0, value / 1000 - now_epoch_seconds)
    return max(0.0, value - now_epoch_seconds) if value >= _EPOCH_SECONDS else value


def _policy_rate(policy: str) -> float | None:
    """Return the rate of the policy with the shortest window: longer ones show in what remains."""
    rates = []
    for item in policy.split(","):
        window, quota = _POLICY.search(item), _QUOTA.search(item)
        if window and quota and int(window[1]) > 0:
            allowed = int(quota[1] or quota[2])
            if allowed > 0:
                rates.append((int(window[1]), allowed / int(window[1])))
    return min(rates)[1] if rates else None


def _epoch_seconds(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        # An HTTP date is always GMT; a date that doesn't say so would be read in this machine's zone.
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
