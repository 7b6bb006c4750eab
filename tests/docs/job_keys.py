"""Writes the keys of each table of the job file as a table of a page, from its JSON Schema. Pure."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from etl.guess.writing import render_value
from etl.job.schema import job_schema

__all__ = ["TABLES", "Key", "keys_of", "write_keys"]

# The parts of the page, and the models that they show.
TABLES: Final = {
    "keys-job": "Job",
    "keys-source": "SourceSpec",
    "keys-csv": "CsvDialect",
    "keys-ndjson": "NdjsonSpec",
    "keys-excel": "ExcelSpec",
    "keys-json": "JsonSpec",
    "keys-filter": "FilterSpec",
    "keys-event": "EventSpec",
    "keys-field": "FieldSpec",
    "keys-createdAt": "TimestampSpec",
    "keys-id": "IdSpec",
    "keys-properties": "PropertiesSpec",
    "keys-upload": "UploadSpec",
    "keys-limits": "Limits",
    "keys-notify": "NotifySpec",
    "keys-state": "StateSpec",
}
_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "table",
}
_NAMED: Final = {
    "FieldSpec": "column, or [field](#a-field)",
    "TimestampSpec": "column, or [time](#createdat)",
    "IdSpec": "column, or [id](#id)",
    "Rate": "rate",
    "MaxRejects": "share or count",
}
_PATTERNS: Final = {"ms|s|m|min|h": "duration", "%": "share", r"^\d{4}-": "date or time"}


class Key(NamedTuple):
    """A key of a table of the job file, as its schema describes it."""

    name: str
    schema: dict[str, Any]
    description: str
    is_required: bool


def keys_of(model: str, schema: dict[str, Any]) -> Iterator[Key]:
    """Yield the keys of the table that `model` parses, in the order of their declaration."""
    table = schema if model == "Job" else schema["$defs"][model]
    if "properties" not in table:  # a shorthand or the table
        table = next(arm for arm in table["anyOf"] if "properties" in arm)
    for name, said in table["properties"].items():
        inner = schema["$defs"].get(said.get("$ref", "").rpartition("/")[2], {})
        description = said.get("description") or inner.get("description", "")
        yield Key(name, said, description, name in table.get("required", ()))


def write_keys(part: str) -> str:
    """Return the keys of the table that a part of the page shows, as Markdown."""
    schema = job_schema()
    lines = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for key in keys_of(TABLES[part], schema):
        default = "needed" if key.is_required else _write_default(key.schema)
        meaning = _keep_on_line(f"{key.description}{_write_example(key)}")
        lines.append(f"| `{key.name}` | {_write_type(key.schema)} | {default} | {meaning} |")
    return "\n".join(lines)


def _write_type(said: dict[str, Any]) -> str:
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        return _NAMED.get(name, "table")
    if "enum" in said or "const" in said:
        return ", ".join(f"`{render_value(value)}`" for value in said.get("enum") or [said["const"]])
    if "anyOf" in said:
        return " or ".join(
            dict.fromkeys(_write_type(arm) for arm in said["anyOf"] if arm != {"type": "object"})
        )
    if said["type"] == "array":
        return f"list of {_write_type(said['items'])}" if "enum" not in said["items"] else "list"
    pattern = said.get("pattern", "")
    named = next((word for mark, word in _PATTERNS.items() if mark in pattern), _TYPES[said["type"]])
    return f"{named}, at most {said['maximum']:,}" if "maximum" in said else named


def _write_default(said: dict[str, Any]) -> str:
    return _write_code(render_value(said["default"])) if "default" in said else ""


def _write_example(key: Key) -> str:
    examples = key.schema.get("examples", [])
    name = render_value(key.name) if key.name == "*" else key.name
    shown = [_write_code(f"{name} = {render_value(value)}") for value in examples]
    return f" As in {' or '.join(shown)}" if shown else ""


def _write_code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _keep_on_line(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
