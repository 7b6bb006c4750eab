"""The typed events of the destination, and the limits it sets.

These models are the reference: the expressions of `etl.transform` must accept exactly the rows that
these accept and build the same bytes, which the property tests hold them to. Facts are from the events
API's documentation (`POST /events`).
"""

import math
import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

__all__ = [
    "ENTITY_FIELDS",
    "ID_NAMESPACE",
    "ID_SCHEME_VERSION",
    "MAX_BODY_BYTES",
    "MOST_EXACT_INTEGER",
    "ConversationEvent",
    "Event",
    "MessageEvent",
    "SearchEvent",
    "StoredEvent",
    "content_id",
    "parse_body",
    "parse_event",
    "render_timestamp",
]

ID_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://api.analytics.inkeep.com/events")
ID_SCHEME_VERSION: Final = 1
# The API says "2 MB" without saying which: the smaller reading is safe under both.
MAX_BODY_BYTES: Final = 2_000_000
# Above this JavaScript's numbers lose digits, so the destination would.
MOST_EXACT_INTEGER: Final = 2**53 - 1
ENTITY_FIELDS: Final = {"message": "messageId", "conversation": "conversationId", "search": "searchQuery"}

Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(min_length=1)]


def _check_json(value: Any) -> Any:
    """Return a JSON value as it goes out: integers that JavaScript would round are strings. Raises `ValueError`."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a JSON object whose keys are strings")
        return {key: _check_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_check_json(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a finite number")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST_EXACT_INTEGER:
        return str(value)
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError("a JSON value")
    return value


def _check_user(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse other types than the API's own for the keys that it knows; others may hold any JSON."""
    for key in ("id", "userId"):
        if isinstance(value.get(key), bool | list | dict):
            raise ValueError(f"text or a number in `{key}`")
    for key in ("identificationType", "supportAgentName", "supportAgentEmail", "userType"):
        if not isinstance(value.get(key), str | None):
            raise ValueError(f"text in `{key}`")
    return value


Properties = Annotated[dict[str, Any], AfterValidator(_check_json)]
UserProperties = Annotated[dict[str, Any], AfterValidator(_check_json), AfterValidator(_check_user)]


class _CommonFields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    id: Id | None = None
    type: Text
    createdAt: AwareDatetime  # noqa: N815 - the wire's own name
    projectId: str | None = None  # noqa: N815
    integrationId: str | None = None  # noqa: N815
    properties: Properties | None = None
    userProperties: UserProperties | None = None  # noqa: N815

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


def _parse_object(value: Any) -> Any:
    """Return a JSON object that came as its text."""
    return orjson.loads(value) if isinstance(value, str) else value


StoredObject = Annotated[dict[str, Any], BeforeValidator(_parse_object)]


class StoredEvent(BaseModel):
    """An event as the destination shows it: what it may have filled in or turned into text is taken as it comes.

    `eventType` is what a query calls the entity type (an inference: the contract doesn't say).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Id
    type: str | None = None
    eventType: str | None = None  # noqa: N815 - the wire's own names
    createdAt: AwareDatetime | None = None  # noqa: N815
    messageId: str | None = None  # noqa: N815
    conversationId: str | None = None  # noqa: N815
    searchQuery: str | None = None  # noqa: N815
    projectId: str | None = None  # noqa: N815
    integrationId: str | None = None  # noqa: N815
    properties: StoredObject | None = None
    userProperties: StoredObject | None = None  # noqa: N815


_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="entityType")])


def parse_event(fields: dict[str, Any]) -> Event:
    """Return the typed event of `fields`; raises pydantic's `ValidationError` where there is none."""
    return _EVENT.validate_python(fields)


def parse_body(body: bytes | str) -> Event:
    """Return the typed event that `body` is.

    Raises pydantic's `ValidationError` where it is none, `RecursionError` where it is nested too deeply for Python.
    """
    # Not pydantic's own reader of JSON, which goes no deeper than 200.
    fields = orjson.loads(body)
    return parse_event(fields | {"createdAt": datetime.fromisoformat(fields["createdAt"])})


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
