"""The JSON Schema of a job file, from the models that parse it: editors complete and check by it. Pure."""

from datetime import datetime
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from etl.job.amounts import MaxRejects, Rate
from etl.job.model import OWN_FIELDS, Job

__all__ = ["job_schema"]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
# What a file writes, where the parsed value has another shape.
_COUNT_OR_SHARE: Final = {
    "anyOf": [{"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"}, {"type": "integer", "minimum": 0}],
}
_SHARE: Final = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"}
_RATE: Final = {
    "type": "string",
    "pattern": r"^(max|\s*\d+(\.\d+)?\s*/\s*(s|sec|second|min|minute|m|h|hour)\s*)$",
}
_DURATION: Final = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|min|h)\s*$"}
_MOMENT: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d"}
_WRITTEN: Final = {
    ("UploadSpec", "timeout"): _DURATION,
    ("UploadSpec", "max_wait"): _DURATION,
    ("UploadSpec", "patience"): _DURATION,
    ("NotifySpec", "rejects_share"): _SHARE,
    ("SourceSpec", "since"): _MOMENT,
    ("SourceSpec", "until"): _MOMENT,
    ("Limits", "not_before"): _MOMENT,
    ("Limits", "not_after"): _MOMENT,
}
_SHORTHANDS: Final = ("FieldSpec", "TimestampSpec", "IdSpec")


class _AsWritten(GenerateJsonSchema):
    """Gives each default as a job file would write it."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, (Rate, MaxRejects)):
            return dft.text
        if isinstance(dft, datetime):
            return dft.strftime("%Y-%m-%d")
        if isinstance(dft, float):
            return f"{dft / 3600:g}h" if dft >= 3600 else f"{dft:g}s"
        return super().encode_default(dft)


def job_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every right job file fits."""
    schema = Job.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    schema = {"$schema": _DRAFT, **_tidy(schema), "title": "A backfill job"}
    schema["description"] = "Which files to upload, which column becomes which field, and how fast."
    for own in OWN_FIELDS:
        schema["properties"].pop(own)
    schema["required"] = [key for key in schema["required"] if key not in OWN_FIELDS]
    defs = schema["$defs"]
    defs["MaxRejects"], defs["Rate"] = _COUNT_OR_SHARE, _RATE
    for (table, key), written in _WRITTEN.items():
        said = defs[table]["properties"][key]
        kept = {name: said[name] for name in ("description", "default", "examples") if name in said}
        defs[table]["properties"][key] = {**written, **kept}
    for name in _SHORTHANDS:
        defs[name] = {"anyOf": [{"type": "string", "description": "A column's name."}, defs[name]]}
    defs["PropertiesSpec"] = _properties_schema()
    return schema


def _properties_schema() -> dict[str, Any]:
    field = {"$ref": "#/$defs/FieldSpec"}
    return {
        "type": "object",
        "description": "Your own fields, by name; a string names a column.",
        "properties": {
            "*": {
                "description": "Whether every column that no field uses becomes a property, too.",
                "default": False,
                "examples": [True],
                "anyOf": [{"type": "boolean"}, {"type": "object"}],
            },
            "except": {
                "description": "Columns that `*` leaves out.",
                "default": [],
                "examples": [["email", "ip"]],
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object"}],
            },
        },
        "additionalProperties": field,
    }


def _tidy(node: Any) -> Any:
    """Leave out what says nothing to an editor: titles, nulls (TOML has none), and defaults in another shape."""
    if isinstance(node, list):
        return [_tidy(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    tidy: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):  # names of the user's keys, not of the schema's
            tidy[key] = {name: _tidy(inner) for name, inner in value.items()}
        elif key == "default":
            tidy |= {key: value} if isinstance(value, (str, int, float, list)) else {}
        elif key == "examples":
            tidy[key] = value
        elif key == "description":
            tidy[key] = " ".join(value.split())
        elif key != "title":
            tidy[key] = _tidy(value)
    arms = tidy.get("anyOf")
    if isinstance(arms, list) and {"type": "null"} in arms:
        arms = [arm for arm in arms if arm != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**tidy, **arms[0]} if len(arms) == 1 else {**tidy, "anyOf": arms}
    return tidy
