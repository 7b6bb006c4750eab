"""Asks the events API whether it is there and takes the key, without logging an event.

How: `POST /events` with the body `{}`. It lacks every required field, so no server that keeps to the contract can store
it; a good key gets 400, a bad one 401 or 403. To know that the key was looked at before the body, the same is first
sent with a made-up key. Rule: the key is in nothing that comes back.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from etl.send.answer import Answer, FailureKind, TransportFailure
from etl.send.connect import open_transport
from etl.send.hints import Headers

__all__ = ["KeyVerdict", "Probe", "judge_key", "probe_endpoint", "skew_of"]

NO_EVENT: Final = b"{}"
MADE_UP_KEY: Final = "backfill-doctor-no-such-key"
TIMEOUT_SECONDS: Final = 10.0
_HEADERS: Final = (
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
)

KeyVerdict = Literal["accepted", "refused", "unknown", "no_events_api", "unwell"]


@dataclass(frozen=True, slots=True)
class Probe:
    """What the endpoint said. Without an answer, `failure` says why and `failure_kind` how.

    `skew_seconds` is how far this machine's clock is ahead of the server's, None where it sent no date. `rate_headers`
    are those of its answers that speak of limits. `key_status` is None where there was no key to ask with.
    """

    url: str
    failure: str = ""
    failure_kind: FailureKind | None = None
    made_up_status: int | None = None
    key_status: int | None = None
    round_trip_seconds: float = 0.0
    skew_seconds: float | None = None
    rate_headers: Mapping[str, str] = field(default_factory=dict)


def probe_endpoint(
    endpoint: str,
    key: str | None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    wall_clock: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Probe:
    """Return what the events API at `endpoint` says to `key`, and to a made-up one.

    Raises `EndpointError` for an endpoint that must not get a key, `KeyProblem` for a key that no header can carry.
    """
    return asyncio.run(_probe(endpoint, key, timeout_seconds, wall_clock, clock))


async def _probe(
    endpoint: str,
    key: str | None,
    timeout_seconds: float,
    wall_clock: Callable[[], float],
    clock: Callable[[], float],
) -> Probe:
    answers: list[Answer] = []
    said: dict[str, str] = {}
    skew, seconds, url = None, 0.0, endpoint
    for candidate in (MADE_UP_KEY, *((key,) if key is not None else ())):
        # Not the fast one: a process that ends in the same moment may abort in its threads.
        transport = open_transport(endpoint, candidate, timeout_seconds, 1, "httpx", (key or "",))
        url = transport.url
        try:
            began, began_wall = clock(), wall_clock()
            answers.append(await transport.post(NO_EVENT))
            seconds = clock() - began
            skew = skew_of(answers[-1], began_wall + seconds / 2)
            said |= _rate_headers(answers[-1])
        except TransportFailure as failure:
            return Probe(url, failure.detail, failure.kind)
        finally:
            await transport.close()
    statuses = [answer.status for answer in answers]
    return Probe(
        url,
        made_up_status=statuses[0],
        key_status=statuses[1] if key is not None else None,
        round_trip_seconds=seconds,
        skew_seconds=skew,
        rate_headers=said,
    )


def _rate_headers(answer: Answer) -> dict[str, str]:
    """Return what the answer says of limits."""
    found = {name: answer.get(name) for name in _HEADERS}
    return {name: value for name, value in found.items() if value is not None}


def judge_key(probe: Probe) -> KeyVerdict:
    """Return what the answers say of the key (of the made-up one, where there was no other)."""
    status = probe.key_status if probe.key_status is not None else probe.made_up_status
    if status is None or status == 408 or status >= 500:
        return "unwell"
    if status < 400 or status in (404, 405):
        # Even 200: what takes an event without a single field isn't the events API.
        return "no_events_api"
    if status in (401, 403):
        return "refused"
    return "accepted" if probe.made_up_status in (401, 403) and status in (400, 422) else "unknown"


def skew_of(headers: Headers, now_epoch_seconds: float) -> float | None:
    """Return by how many seconds `now_epoch_seconds` is ahead of the answer's Date, which is cut to whole ones."""
    text = headers.get("date")
    if text is None:
        return None
    try:
        return now_epoch_seconds - (parsedate_to_datetime(text).timestamp() + 0.5)
    except (ValueError, OverflowError):
        return None
