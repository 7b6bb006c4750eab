"""One form of an event for all the ways in which a destination may write it, and its digest. Pure.

The form is JSON by RFC 8785 of the event without its id: instants in UTC with six digits, and inside `properties` and
`userProperties` every value as text (texts as they are, objects, arrays and texts that are JSON of such as RFC 8785
JSON). So the order of keys, 1.0 for 1, another offset, and values that come back as strings change nothing. `projectId`
and `integrationId` are in it where they were sent: a destination may fill them in.

Not everything that is the same has the same digest: 1.0 that comes back as the text "1.0" hasn't. Where digests differ,
the event itself is compared (`etl.witness.compare`).
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import rfc8785

from etl.event import ENTITY_FIELDS, MOST_EXACT_INTEGER, StoredEvent

__all__ = ["DIGEST_BYTES", "digest_body", "digest_stored", "has_digest"]

DIGEST_BYTES: Final = 16
_FILLED_IN: Final = ("projectId", "integrationId")


def digest_body(body: bytes | str) -> bytes | None:
    """Return the digest of an event as it is sent; None for one that is nested too deeply."""
    try:
        return _digest_body(body)
    except RecursionError:
        return None


def _digest_body(body: bytes | str) -> bytes:
    event = orjson.loads(body)
    own = ENTITY_FIELDS[event["entityType"]]
    given = {name: event[name] for name in _FILLED_IN if event.get(name) is not None}
    return _digest(
        event["type"],
        own,
        event[own],
        _own_moment(event["createdAt"]),
        given,
        event.get("properties"),
        event.get("userProperties"),
    )


def digest_stored(stored: StoredEvent, *, filled_in: bool) -> bytes | None:
    """Return the digest of an event as a destination shows it; None for one that nobody here can have sent.

    `filled_in`: as if the destination had filled in the project and the integration, which weren't sent.
    """
    own = [name for name in ENTITY_FIELDS.values() if getattr(stored, name) is not None]
    if len(own) != 1 or stored.type is None or stored.createdAt is None:
        return None
    shown = {} if filled_in else {name: getattr(stored, name) for name in _FILLED_IN}
    given = {name: value for name, value in shown.items() if value is not None}
    own_value, moment = getattr(stored, own[0]), _moment(stored.createdAt)
    return _digest(stored.type, own[0], own_value, moment, given, stored.properties, stored.userProperties)


def has_digest(stored: StoredEvent, digest: bytes | None) -> bool:
    """Whether an event is shown with `digest`, whatever was filled in; that it isn't proves no difference."""
    if digest is None:
        return False
    try:
        return any(digest_stored(stored, filled_in=filled_in) == digest for filled_in in (True, False))
    except RecursionError:  # nested too deeply
        return False


def _moment(created_at: datetime) -> str:
    return created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _own_moment(text: str) -> str:
    """Return a time as bodies have it, in UTC with three or six digits, with six."""
    is_short = len(text) == 24 and text[-5] == "."
    return f"{text[:-1]}000Z" if is_short else _moment(datetime.fromisoformat(text))


def _digest(
    kind: str,
    own_field: str,
    own_value: str,
    moment: str,
    given: Mapping[str, str],
    properties: Mapping[str, Any] | None,
    user_properties: Mapping[str, Any] | None,
) -> bytes:
    form: dict[str, Any] = {"type": kind, own_field: own_value, "createdAt": moment, **given}
    for name, values in (("properties", properties), ("userProperties", user_properties)):
        if texts := _texts(values):
            form[name] = texts
    return hashlib.sha256(_write(form)).digest()[:DIGEST_BYTES]


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items() if value is not None} if values else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _nested_text(value) if value[:1] in ("{", "[") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else rfc8785.dumps(_without_nulls(value)).decode()


def _nested_text(text: str) -> str:
    """Return a text that is the JSON of an object or an array as any other writing of it gives it; another as it is."""
    try:
        return rfc8785.dumps(_without_nulls(orjson.loads(text))).decode()
    except (ValueError, RecursionError):  # what rfc8785 can't write is a ValueError, too
        return text


def _without_nulls(value: Any) -> Any:
    """Return a value without the nulls inside objects: destinations differ in whether they keep them."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    # Whole numbers beyond this are doubles to JavaScript, however they are written.
    is_wide = isinstance(value, int) and abs(value) > MOST_EXACT_INTEGER
    return float(value) if is_wide else value


def _write(form: dict[str, Any]) -> bytes:
    # orjson writes this as RFC 8785 does, where no key's order depends on UTF-16; it is ten times as fast.
    if all(name.isascii() for values in form.values() if isinstance(values, dict) for name in values):
        return orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(form)
