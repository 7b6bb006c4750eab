"""Holds a request body to the contract's JSON Schema, and says in words which field breaks it.

The schema is this package's own copy of the contract's. `_is_plain` only ever shortens the way to "valid": what it
doesn't recognise goes to the schema, so the schema alone decides (a property test holds it to that).
"""

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

from etl.sandbox.moments import microseconds_of

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

__all__ = ["ENTITY_FIELDS", "find_violation", "read_schema"]

ENTITY_FIELDS: Final = {"message": "messageId", "conversation": "conversationId", "search": "searchQuery"}
_DETAIL_CHARS: Final = 300
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_TEXT: Final = (str, type(None))
_TEXT_OR_NUMBER: Final = (str, int, float, type(None))
_USER_TYPES: Final = {
    "id": _TEXT_OR_NUMBER,
    "identificationType": _TEXT,
    "userId": _TEXT_OR_NUMBER,
    "supportAgentName": _TEXT,
    "supportAgentEmail": _TEXT,
    "userType": _TEXT,
}


def read_schema() -> dict[str, Any]:
    """Return the contract's JSON Schema of one event, parsed."""
    schema: dict[str, Any] = orjson.loads(
        files(__package__).joinpath("insert_event.schema.json").read_bytes()
    )
    return schema


def find_violation(event: object) -> str | None:
    """Return how `event` breaks the contract, naming the field, or None where it doesn't.

    Stricter than the schema in one point: a `createdAt` that has the form of a time, but is none
    (month 13), is a violation too; the schema's pattern can't see it.
    """
    if not _is_plain(event):
        try:
            errors = sorted(_validator().iter_errors(event), key=lambda error: len(error.absolute_path))
        except RecursionError:  # the validator quotes what it refuses, however deep that is
            return "A value of the wrong type, nested too deeply to be quoted"
        if errors:
            return _describe(errors[0], event)
    created_at = event.get("createdAt") if isinstance(event, dict) else None
    if created_at is not None and microseconds_of(created_at) is None:
        return f"createdAt: {created_at!r} is no point in time"
    return None


@cache
def _validator() -> "Draft202012Validator":
    from jsonschema import Draft202012Validator

    schema = read_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _is_plain(event: object) -> bool:
    """Whether `event` is one of the valid events that the schema needn't be asked about: nearly all are.

    The schema takes 90 µs an event, a fifth of what a request costs in all; this takes 2.
    """
    if type(event) is not dict or type(event.get("type")) is not str:
        return False
    entity_type = event.get("entityType")
    own_field = ENTITY_FIELDS.get(entity_type) if type(entity_type) is str else None
    if own_field is None or type(event.get(own_field)) is not str:
        return False
    if type(event.get("id", "-")) is not str or event.get("id") == "":
        return False
    created_at = event.get("createdAt")
    if created_at is not None and not (type(created_at) is str and _TIMESTAMP.fullmatch(created_at)):
        return False
    if type(event.get("projectId")) not in _TEXT or type(event.get("integrationId")) not in _TEXT:
        return False
    user = event.get("userProperties")
    if type(event.get("properties")) not in (dict, type(None)) or type(user) not in (dict, type(None)):
        return False
    return user is None or all(
        type(user[name]) in kinds for name, kinds in _USER_TYPES.items() if name in user
    )


def _describe(error: "ValidationError", event: object) -> str:
    if error.validator == "oneOf":
        error = _own_shape_error(error, event)
    elif error.validator == "anyOf":
        error = next((found for found in error.context or () if found.validator != "type"), error)
    where = ".".join(str(step) for step in error.absolute_path)
    text = f"{where}: {error.message}" if where else error.message
    return text if len(text) <= _DETAIL_CHARS else text[: _DETAIL_CHARS - 1] + "…"


def _own_shape_error(error: "ValidationError", event: object) -> "ValidationError":
    """Of the three shapes that all failed, return what is wrong with the one that `entityType` names."""
    entity_type = event.get("entityType") if isinstance(event, dict) else None
    of_other_shapes = {found.schema_path[0] for found in error.context or () if found.validator == "const"}
    own = [found for found in error.context or () if found.schema_path[0] not in of_other_shapes]
    if own and entity_type is not None:
        return own[0]
    consts = [found for found in error.context or () if found.validator == "const"]
    if consts:
        consts[0].message = f"{entity_type!r} is not one of {', '.join(map(repr, ENTITY_FIELDS))}"
        return consts[0]
    return error
