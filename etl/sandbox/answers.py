"""The answers of the sandbox: status, headers and body, as the contract says, and the lies asked for.

Builds values only; sending them is the app's part.
"""

from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson

from etl.sandbox.faults import Fault

__all__ = ["Answer", "answer_stored", "json_answer", "lie_about", "problem", "stored_event"]

_CODES: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "content_too_large",
    422: "unprocessable_entity",
    429: "too_many_requests",
    503: "service_unavailable",
}
_JSON: Final = b"application/json"
_HTML: Final = b"<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>\n"

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """One HTTP answer. `sent_bytes` fewer than the body: the connection is closed after so many."""

    status: int
    headers: Headers
    body: bytes
    sent_bytes: int | None = None


def json_answer(status: int, value: object, headers: Headers | None = None) -> Answer:
    """Return `value` as a JSON answer."""
    return _answer(status, _JSON, orjson.dumps(value), headers)


def problem(status: int, detail: str, path: str, request_id: str, headers: Headers | None = None) -> Answer:
    """Return an error in the form of the contract, problem+json."""
    code = _CODES.get(status, "internal_server_error" if status >= 500 else "bad_request")
    body = {
        "title": HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error",
        "status": status,
        "detail": detail,
        "instance": path,
        "requestId": request_id,
        "code": code,
        "error": {"code": code, "message": detail},
    }
    return _answer(status, b"application/problem+json", orjson.dumps(body), headers)


def stored_event(body: bytes, event: dict[str, Any], event_id: str, created_at: str) -> bytes:
    """Return the event as the server has it, one line of JSON: what came, and what the server fills in.

    `event` is `body`, parsed. What came is kept as it is written, so that no nesting is too deep to answer.
    """
    filled = {"id": event_id, "createdAt": created_at, "projectId": None, "integrationId": None}
    if event.get("createdAt", created_at) is None:
        return orjson.dumps({**filled, **event, "createdAt": created_at})
    missing = {name: value for name, value in filled.items() if name not in event}
    # Outside of strings a line break is but a space, and inside it would have to be escaped.
    text = body.replace(b"\n", b" ").replace(b"\r", b" ").strip(b" \t")
    return text[:-1] + b"," + orjson.dumps(missing)[1:] if missing else text


def answer_stored(stored: bytes, headers: Headers | None = None) -> Answer:
    """Return the answer that an event is stored."""
    return _answer(200, _JSON, stored, headers)


def lie_about(fault: Fault, honest: Answer, event_id: str) -> Answer:
    """Return the 200 that the sandbox gives instead of the `honest` one."""
    match fault:
        case Fault.LIE_HTML:
            return _answer(200, b"text/html; charset=utf-8", _HTML, None)
        case Fault.LIE_EMPTY:
            return _answer(200, _JSON, b"", None)
        case Fault.LIE_OTHER_ID:
            return json_answer(200, {**orjson.loads(honest.body), "id": f"not-{event_id}"})
        case _:
            return honest._replace(sent_bytes=len(honest.body) // 2)


def _answer(status: int, content_type: bytes, body: bytes, headers: Headers | None) -> Answer:
    fields = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *(headers or ())]
    return Answer(status, fields, body)
