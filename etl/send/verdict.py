"""Says what an answer means for its event and for the run.

Rule: pure, and exactly the outcome table of the events API's contract. A 200 proves nothing by itself: only
one whose JSON carries our id counts as delivered.

    200, 201 with our id             delivered
    2XX otherwise                    retry, uncertain: the event may be stored
    409                              delivered or rejected, as the job says
    401, 403                         stop: the key is refused
    404, 405, 3XX                    stop: the endpoint is wrong
    408, 425, 429, 5XX               retry
    4XX otherwise                    rejected
    no whole answer                  retry; a certificate that isn't trusted: stop
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple

import orjson

from etl.reject import RejectCode
from etl.send.transport import FailureKind, TransportFailure

__all__ = ["DELIVERED", "ConflictPolicy", "Outcome", "Verdict", "classify_answer", "classify_failure"]

ConflictPolicy = Literal["rejected", "delivered"]

MAX_TEXT_CHARS: Final = 500
_KEY_REFUSED: Final = frozenset({401, 403})
_ENDPOINT_WRONG: Final = frozenset({404, 405})
_TRANSIENT: Final = frozenset({408, 425, 429})
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x20\x7f-\xa0\ud800-\udfff\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+"
)
_FAILURE_TEXT: Final = {
    FailureKind.CONNECT: "no connection",
    FailureKind.TLS: "no trusted TLS connection",
    FailureKind.TIMEOUT: "the answer never came",
    FailureKind.RESET: "the connection broke before the whole answer came",
    FailureKind.OTHER: "the request failed",
}


class Outcome(StrEnum):
    """What becomes of the event."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    RETRY = "retry"
    STOP = "stop"


class Verdict(NamedTuple):
    """The meaning of one attempt. `reason` is fit for a person; texts of the server are cleaned and bounded.

    `status` is 0 where no answer came. `is_uncertain`: the event may be stored although nothing proves it.
    `stops` says what a stop is about.
    """

    outcome: Outcome
    status: int = 0
    reason: str = ""
    code: RejectCode | None = None
    server_code: str | None = None
    detail: str | None = None
    request_id: str | None = None
    is_uncertain: bool = False
    stops: Literal["key", "endpoint"] | None = None


DELIVERED: Final = Verdict(Outcome.DELIVERED, 200)


def classify_answer(
    status: int, headers: Mapping[str, str], body: bytes, event_id: str, conflict: ConflictPolicy
) -> Verdict:
    """Return what the answer to the event with id `event_id` means."""
    if status == 200 or status == 201:
        try:
            if orjson.loads(body)["id"] == event_id:
                return DELIVERED
        except (ValueError, TypeError, KeyError):
            pass
    if status < 300:
        found = "another id" if (_load_object(body) or {}).get("id") is not None else "no event"
        return Verdict(
            Outcome.RETRY,
            status,
            f"expected the event in the answer, found {status} with {found}",
            is_uncertain=True,
        )
    return _classify_error(status, headers, body, conflict)


def classify_failure(failure: TransportFailure) -> Verdict:
    """Return what an attempt without an answer means."""
    reason = f"{_FAILURE_TEXT[failure.kind]}: {clean_text(failure.detail)}"
    if failure.kind is FailureKind.TLS:
        return Verdict(Outcome.STOP, reason=reason, stops="endpoint")
    return Verdict(Outcome.RETRY, reason=reason, is_uncertain=failure.kind is not FailureKind.CONNECT)


def clean_text(text: str) -> str:
    """Return `text` on one line, without control characters, in at most 500 characters."""
    # A server may send megabytes; nothing past a few times the bound can end up in the result's first words.
    cleaned = _UNPRINTABLE.sub(" ", text[: MAX_TEXT_CHARS * 4]).strip()
    return cleaned if len(cleaned) <= MAX_TEXT_CHARS else cleaned[: MAX_TEXT_CHARS - 1] + "…"


def _classify_error(
    status: int, headers: Mapping[str, str], body: bytes, conflict: ConflictPolicy
) -> Verdict:
    loaded = _load_object(body)
    problem = loaded or {}
    nested = problem.get("error")
    error = nested if isinstance(nested, dict) else {}
    server_code = _text(problem.get("code")) or _text(error.get("code"))
    detail = _text(problem.get("detail")) or _text(error.get("message")) or _text(problem.get("title"))
    if loaded is None and body:
        detail = clean_text(body[: MAX_TEXT_CHARS * 4].decode(errors="replace")) or None
    request_id = _text(problem.get("requestId")) or _text(headers.get("x-request-id"))
    outcome, code, stops = _outcome_of(status, conflict)
    said = f"{status} {server_code or _phrase(status)}".rstrip()
    return Verdict(
        outcome,
        status,
        f"{said}: {detail}" if detail else said,
        code,
        server_code,
        detail,
        request_id,
        stops=stops,
    )


def _outcome_of(
    status: int, conflict: ConflictPolicy
) -> tuple[Outcome, RejectCode | None, Literal["key", "endpoint"] | None]:
    if status in _KEY_REFUSED:
        return Outcome.STOP, None, "key"
    if status in _ENDPOINT_WRONG or status < 400:
        return Outcome.STOP, None, "endpoint"
    if status in _TRANSIENT or status >= 500:
        return Outcome.RETRY, None, None
    if status == 409:
        if conflict == "delivered":
            return Outcome.DELIVERED, None, None
        return Outcome.REJECTED, RejectCode.CONFLICT, None
    return Outcome.REJECTED, RejectCode.SERVER_REJECTED, None


def _load_object(body: bytes) -> dict[str, Any] | None:
    try:
        loaded = orjson.loads(body)
    except ValueError:
        return None
    return loaded if isinstance(loaded, dict) else None


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return clean_text(str(value)) or None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
