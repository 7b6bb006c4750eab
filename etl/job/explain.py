"""Turns what pydantic found wrong with a job file into text that says how to mend it. Pure."""

import json
import re
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from etl.errors import JobError
from etl.job.advice import EXPECTED, FIXES, KINDS, MISSING
from etl.job.line_numbers import Place, find_line, nearest_name
from etl.job.model import OWN_FIELDS, EventSpec, FieldSpec, Job, PropertiesSpec
from etl.job.unfit import Unfit
from etl.plain import shorten

__all__ = ["explain_errors", "hide_secrets", "is_secret"]

MOST_PROBLEMS: Final = 8
MOST_SHOWN_CHARS: Final = 80
HIDDEN: Final = "a value that isn't shown"
Location = tuple[int | str, ...]
_SECRET_NAMES = re.compile(
    r"(?i)(?:^|[-_.])(?:api)?[-_]?(?:keys?|tokens?|secrets?|passwords?|passwd|authorization|bearer|credentials?)(?:$|[-_.])"
)


def is_secret(name: str) -> bool:
    """Whether what is called `name` may be a secret, as `api_key` or `STAGING_TOKEN`."""
    return _SECRET_NAMES.search(name) is not None


def explain_errors(error: ValidationError, tables: dict[str, Any], text: str, path: Path) -> JobError:
    """Return the error a person reads: every problem with its place, each followed by its fix.

    The value of a key that is named like a secret is never shown.
    """
    found: dict[Location, ErrorDetails] = {}
    for detail in error.errors():
        # A union complains once an arm: the first complaint about a place says it.
        wanted = (detail["loc"][-1],) if detail["type"] == "missing" else ()
        found.setdefault((*_keys_in_file(detail["loc"], tables), *wanted), detail)
    lines: list[str] = []
    for detail in list(found.values())[:MOST_PROBLEMS]:
        lines += _explain_one(detail, tables, text, path)
    if len(found) > MOST_PROBLEMS:
        lines += [f"and {len(found) - MOST_PROBLEMS} more problems", "Mend these first, then try again"]
    return JobError(tuple(lines[:-1]), lines[-1])


def _explain_one(detail: ErrorDetails, tables: dict[str, Any], text: str, path: Path) -> list[str]:
    keys = _keys_in_file(detail["loc"], tables)
    kind = detail["type"]
    name = str(next((key for key in reversed(keys) if isinstance(key, str)), ""))
    place = _place_of(keys, text, path)
    shown = _show(detail["input"], keys)
    if kind == "extra_forbidden":
        return _explain_unknown_key(name, keys, place)
    if kind == "missing":
        wanted = str(detail["loc"][-1])
        place = _place_of((*keys, wanted), text, path)
        return [f"Expected `{wanted}`, found nothing - {place}", MISSING.get(wanted, f"Add `{wanted}`")]
    if isinstance(unfit := detail.get("ctx", {}).get("error"), Unfit):
        found = shown if unfit.found is None or shown == HIDDEN else unfit.found
        return [
            f"Expected {unfit.wanted}, found {found if unfit.is_shown else HIDDEN} - {place}",
            unfit.fix or _fix_for(keys),
        ]
    if kind == "literal_error" and name not in EXPECTED:
        choices = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        listed = ", ".join(f'"{choice}"' for choice in choices)
        guess = nearest_name(str(detail["input"]), choices) or choices[0]
        return [f"Expected one of {listed}, found {shown} - {place}", f'Set {name} = "{guess}"']
    if kind in ("model_type", "model_attributes_type") and _is_field(keys):
        constant = (
            f", or {name} = {{ value = {shown.strip('`')} }} for a constant"
            if _is_scalar(detail["input"])
            else ""
        )
        return [
            f"Expected a column's name in quotes or a table, found {shown} - {place}",
            f'Write {name} = "your_column"{constant}',
        ]
    name = "value" if "map" in keys[:-1] else name
    otherwise = KINDS.get(kind) or re.sub(r"^Input should be (a |an )?", "", detail["msg"])
    expected = EXPECTED.get(name, otherwise)
    return [f"Expected {expected}, found {shown} - {place}", _fix_for(keys)]


def _explain_unknown_key(name: str, keys: Location, place: Place) -> list[str]:
    known = _known_keys(keys[:-1])
    if is_secret(name):
        return [
            f"Expected no key or token in a job file, found `{name}` - {place}",
            "Remove it, and put the key into the environment: INKEEPANALYTICS_API_INTEGRATION_KEY",
        ]
    guess = nearest_name(name, known)
    listed = ", ".join(f"`{key}`" for key in known)
    problem = f"Expected one of {listed}, found `{_printable(name)}` - {place}"
    if guess:
        return [problem, f"Rename it to `{guess}`"]
    if keys[:1] == ("event",) and len(keys) == 2:
        return [
            problem,
            f"Put your own fields under [event.properties], as in {_printable(name)} = {{ column = … }}",
        ]
    return [problem, "Remove it, or use one of the names above"]


def _fix_for(keys: Location) -> str:
    """Return the line that would be right for the innermost key that has one."""
    names = [str(key) for key in keys if isinstance(key, str)]
    if "map" in names[:-1]:
        return FIXES["map"]
    if _is_field(keys) and names[-1:] != ["createdAt"] and names[-1:] != ["id"]:
        return (
            f'Write {_printable(names[-1])} = "your_column", or {_printable(names[-1])} = {{ column = "your_column" '
            f"}}"
        )
    return next(
        (FIXES[name] for name in reversed(names) if name in FIXES),
        "Write it as docs/job-file.md shows it",
    )


def _is_field(keys: Location) -> bool:
    """Tell whether the keys name one field of the event: `[event] type`, `[event.properties] page`."""
    if keys[:1] != ("event",):
        return False
    if keys[1:2] in (("properties",), ("userProperties",)):
        return len(keys) == 3 and keys[2] not in ("*", "except")
    return len(keys) == 2 and keys[1] in EventSpec.model_fields and keys[1] != "non_finite"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _place_of(keys: Location, text: str, path: Path) -> Place:
    names = [str(key) for key in keys if isinstance(key, str)]
    if len(names) > 1:
        return Place(path, f"[{'.'.join(names[:-1])}]", names[-1], find_line(text, names))
    return Place(path, None, names[0] if names else None, find_line(text, names))


def _keys_in_file(location: Location, tables: dict[str, Any]) -> Location:
    """Keep of pydantic's location what a reader can find in the file (not the arms of a union)."""
    keys: list[int | str] = []
    here: Any = tables
    for part in location:
        if isinstance(here, dict) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            continue
        keys.append(part)
    return tuple(keys)


def _known_keys(keys: Location) -> list[str]:
    """Return the keys that the table at `keys` may hold, from the models themselves."""
    model: Any = Job
    for key in keys:
        field = _fields_of(model).get(str(key))
        inner = None if field is None else _model_in(field.annotation)
        model = FieldSpec if inner is PropertiesSpec else inner or model
    return sorted(name for name in _fields_of(model) if name not in OWN_FIELDS)


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a table by their keys in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arm in get_args(annotation) if (model := _model_in(arm))), None)


def _show(value: Any, keys: Location) -> str:
    """Return a value as a message shows it: as JSON, cut where it is long, secrets hidden.

    What stands for the whole of [notify] may be an address that belongs into a variable.
    """
    if keys == ("notify",) or any(is_secret(str(key)) for key in keys):
        return HIDDEN
    try:
        shown = json.dumps(hide_secrets(value), ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        shown = str(type(value).__name__)
    return f"`{shorten(shown, MOST_SHOWN_CHARS)}`"


def hide_secrets(value: Any) -> Any:
    """Return a value of a job file without what may be secret in it."""
    if isinstance(value, dict):
        return {key: "…" if is_secret(str(key)) else hide_secrets(inner) for key, inner in value.items()}
    if isinstance(value, str):
        # A user and password before the host of an address.
        return re.sub(r"(?<=://)[^/@\s]*@", "…@", value)
    return [hide_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def _printable(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)[1:-1][:MOST_SHOWN_CHARS]
