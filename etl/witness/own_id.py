"""Proves a stored event by its own id: an id by content is the hash of the body that was sent. Pure.

That it doesn't proves nothing: the id may come from key columns, or the destination may write a value otherwise.
"""

from typing import Final

from pydantic import ValidationError

from etl.event import ENTITY_FIELDS, StoredEvent, content_id, parse_event

__all__ = ["entity_of", "proves_itself"]

_FILLED_IN: Final = ("projectId", "integrationId")
_SENT: Final = ("type", "createdAt", *_FILLED_IN, "properties", "userProperties")


def entity_of(stored: StoredEvent) -> str | None:
    """Return the entity type of a stored event, told by the one own field that it has; None where it has not one."""
    own = [entity for entity, field in ENTITY_FIELDS.items() if getattr(stored, field) is not None]
    return own[0] if len(own) == 1 else None


def proves_itself(stored: StoredEvent) -> bool:
    """Whether the id of `stored` is that of its content, be it with or without what the destination fills in."""
    entity = entity_of(stored)
    if entity is None:
        return False
    shown = {name: getattr(stored, name) for name in _SENT}
    event = shown | {"entityType": entity, ENTITY_FIELDS[entity]: getattr(stored, ENTITY_FIELDS[entity])}
    without = event | dict.fromkeys(_FILLED_IN)
    try:
        return any(content_id(parse_event(fields).name_json()) == stored.id for fields in (event, without))
    except (ValidationError, TypeError, RecursionError):  # nested too deeply for one of them
        return False
