"""Compares an event as it was sent with what the destination shows of it. Pure.

A server may write an event otherwise and still have kept it: with its keys in another order, 1.0 as 1, a time with
other digits or another offset, and the values inside `properties` and `userProperties` as text (the API's published
client types them so). What differs only in this is the same. What the server filled in beside what was sent is told,
and no difference. Of a field that the answer doesn't have, be it null, nothing can be told.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from etl.event import ENTITY_FIELDS, Event, StoredEvent, render_timestamp

__all__ = ["Comparison", "Difference", "compare_event"]

_TEXTS: Final = ("type", *ENTITY_FIELDS.values(), "projectId", "integrationId")
_OBJECTS: Final = ("properties", "userProperties")
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that isn't as it was sent: where (as in `properties.page`), what was sent, what is there."""

    field: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found: the first difference, the keys that the server added, the fields that it leaves out."""

    difference: Difference | None
    added: tuple[str, ...] = ()
    unshown: tuple[str, ...] = ()


def compare_event(sent: Event, stored: StoredEvent) -> Comparison:
    """Return how `stored` differs from the event that was sent."""
    added: list[str] = []
    unshown = tuple(
        field
        for field in ("createdAt", *_TEXTS, *_OBJECTS)
        if getattr(sent, field, None) and field not in stored.model_fields_set
    )
    first = next(_differences(sent, stored, unshown, added), None)
    return Comparison(first, tuple(added), unshown)


def _differences(
    sent: Event, stored: StoredEvent, unshown: Container[str], added: list[str]
) -> Iterator[Difference]:
    if "createdAt" not in unshown and stored.createdAt != sent.createdAt:
        found = stored.createdAt and render_timestamp(stored.createdAt)
        yield Difference("createdAt", render_timestamp(sent.createdAt), found)
    for field in _TEXTS:
        expected, text = getattr(sent, field, None), getattr(stored, field)
        if expected is None and text is not None:
            added.append(field)
        elif expected != text and field not in unshown:
            yield Difference(field, expected, text)
    # That a query's `eventType` is the entity type is an inference: another word of the server's own is no difference.
    if stored.eventType in ENTITY_FIELDS and stored.eventType != sent.entityType:
        yield Difference("entityType", sent.entityType, stored.eventType)
    for field in _OBJECTS:
        if field not in unshown:
            expected, shown = getattr(sent, field) or {}, getattr(stored, field) or {}
            yield from _members(field, expected, shown, added, may_be_text=True)


def _members(
    where: str, sent: Mapping[str, Any], found: Mapping[str, Any], added: list[str], *, may_be_text: bool
) -> Iterator[Difference]:
    for name, expected in sent.items():
        yield from _values(
            f"{where}.{name}", expected, found.get(name, _NOTHING), added, may_be_text=may_be_text
        )
    added += [f"{where}.{name}" for name, value in found.items() if name not in sent and value is not None]


def _values(
    where: str, sent: Any, found: Any, added: list[str], *, may_be_text: bool
) -> Iterator[Difference]:
    """Compare one value. `may_be_text`: it may have come back as the text of its JSON."""
    if found is _NOTHING or found is None:
        if sent is not None:
            yield Difference(where, sent, None)
    elif may_be_text and isinstance(found, str) and not isinstance(sent, str):
        yield from _text(where, sent, found, added)
    elif isinstance(sent, dict) and isinstance(found, dict):
        yield from _members(where, sent, found, added, may_be_text=False)
    elif isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        for number, (one, other) in enumerate(zip(sent, found, strict=True)):
            yield from _values(f"{where}[{number}]", one, other, added, may_be_text=False)
    elif not _is_same_scalar(sent, found):
        yield Difference(where, sent, found)


def _text(where: str, sent: Any, found: str, added: list[str]) -> Iterator[Difference]:
    try:
        value = orjson.loads(found)
    except orjson.JSONDecodeError:
        yield Difference(where, sent, found)
        return
    if next(_values(where, sent, value, added, may_be_text=False), None) is not None:
        yield Difference(where, sent, found)


def _is_same_scalar(sent: Any, found: Any) -> bool:
    if isinstance(sent, bool) or isinstance(found, bool):
        return sent is found
    if isinstance(sent, int | float) and isinstance(found, int | float):
        return _is_same_number(sent, found)
    return type(sent) is type(found) and bool(sent == found)


def _is_same_number(sent: float, found: float) -> bool:
    """Compare as doubles where one is: a double beyond 2^53 may be written as a whole number that only rounds to it."""
    if isinstance(sent, int) and isinstance(found, int):
        return sent == found
    try:
        return float(sent) == float(found)
    except OverflowError:
        return False
