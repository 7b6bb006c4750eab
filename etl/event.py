"""The typed events of the destination, and the limits it sets.

These models are the reference: the expressions of `etl.transform` must accept exactly the rows that
these accept and build the same bytes, which the property tests hold them to. Facts are from the events
API's documentation (`POST /events`).
"""

import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "ENTITY_FIELDS",
    "ID_NAMESPACE",
    "ID_SCHEME_VERSION",
    "MAX_BODY_BYTES",
    "ConversationEvent",
    "Event",
    "MessageEvent",
    "SearchEvent",
    "content_id",
    "parse_event",
    "render_timestamp",
]

ID_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://api.analytics.inkeep.com/events")
ID_SCHEME_VERSION: Final = 1
# The API says "2 MB" without saying which: the smaller reading is safe under both.
MAX_BODY_BYTES: Final = 2_000_000
ENTITY_FIELDS: Final = {"message": "messageId", "conversation": "conversationId", "search": "searchQuery"}

Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(min_length=1)]


class _CommonFields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    id: Id | None = None
    type: Text
    createdAt: AwareDatetime  # noqa: N815 - the wire's own name
    projectId: str | None = None  # noqa: N815
    integrationId: str | None = None  # noqa: N815
    properties: dict[str, Any] | None = None
    userProperties: dict[str, Any] | None = None  # noqa: N815

    def name_json(self) -> str:
        """Return the body without its `id`: the text that a content id is the hash of."""
        own_field = ENTITY_FIELDS[self.entityType]  # type: ignore[attr-defined]
        wire = {
            "type": self.type,
            "entityType": self.entityType,  # type: ignore[attr-defined]
            own_field: getattr(self, own_field),
            "createdAt": render_timestamp(self.createdAt),
            "projectId": self.projectId,
            "integrationId": self.integrationId,
            "properties": _without_nulls(self.properties),
            "userProperties": _without_nulls(self.userProperties),
        }
        return orjson.dumps({key: value for key, value in wire.items() if value is not None}).decode()

    def body(self) -> bytes:
        """Return the exact JSON bytes of the event; its id is the content id where none is set."""
        name = self.name_json()
        event_id = self.id if self.id is not None else content_id(name)
        return b'{"id":' + orjson.dumps(event_id) + b"," + name[1:].encode()


class MessageEvent(_CommonFields):
    """Something that happened to one chat message."""

    entityType: Literal["message"]  # noqa: N815
    messageId: Text  # noqa: N815


class ConversationEvent(_CommonFields):
    """Something that happened to a conversation."""

    entityType: Literal["conversation"]  # noqa: N815
    conversationId: Text  # noqa: N815


class SearchEvent(_CommonFields):
    """Something that happened around a search."""

    entityType: Literal["search"]  # noqa: N815
    searchQuery: Text  # noqa: N815


Event = MessageEvent | ConversationEvent | SearchEvent

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="entityType")])


def parse_event(fields: dict[str, Any]) -> Event:
    """Return the typed event of `fields`; raises pydantic's `ValidationError` where there is none."""
    return _EVENT.validate_python(fields)


def content_id(name: str) -> str:
    """Return the id by content of the body whose JSON without `id` is `name`."""
    return str(uuid.uuid5(ID_NAMESPACE, name))


def render_timestamp(moment: datetime) -> str:
    """Return `moment` in UTC with three fractional digits, or six where it has microseconds."""
    utc = moment.astimezone(UTC)
    text = utc.isoformat(timespec="microseconds" if utc.microsecond % 1000 else "milliseconds")
    return re.sub(r"\+00:00$", "Z", text)


def _without_nulls(fields: dict[str, Any] | None) -> dict[str, Any] | None:
    kept = {key: fields[key] for key in sorted(fields) if fields[key] is not None} if fields else None
    return kept or None
