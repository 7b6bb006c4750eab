"""Turns what pydantic found wrong with a job file into text that says how to mend it. Pure."""

import json
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from etl.errors import JobError
from etl.job.model import Job
from etl.job.places import Place, find_line, nearest_name

__all__ = ["explain_errors"]

MOST_PROBLEMS = 8
Location = tuple[int | str, ...]
_SECRET_NAMES = re.compile(r"(?i)key|token|secret|password|authorization|bearer")


def explain_errors(error: ValidationError, tables: dict[str, Any], text: str, path: Path) -> JobError:
    """Return the error a person reads: every problem with its place, each followed by its fix."""
    lines: list[str] = []
    found = [detail for detail in error.errors() if not _repeats(detail, error.errors())]
    for detail in found[:MOST_PROBLEMS]:
        lines += _explain_one(detail, tables, text, path)
    if len(found) > MOST_PROBLEMS:
        lines += [f"and {len(found) - MOST_PROBLEMS} more problems", "Mend these first, then try again"]
    return JobError("\n".join(lines[:-1]), lines[-1])


def _repeats(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """A union reports each arm's complaint: the later ones say nothing new about the same place."""
    first = next(other for other in details if _plain(other["loc"])[:3] == _plain(detail["loc"])[:3])
    return first is not detail and "concurrency" in _plain(detail["loc"])


def _plain(location: Location) -> Location:
    """The keys of the job file alone, without the names pydantic adds for the arms of a union."""
    return tuple(part for part in location if not (isinstance(part, str) and "[" in part))


def _explain_one(detail: ErrorDetails, tables: dict[str, Any], text: str, path: Path) -> list[str]:
    keys = _keys_in_file(detail["loc"], tables)
    kind = detail["type"]
    place = _place_of(keys, text, path)
    name = str(keys[-1]) if keys else ""
    if kind == "extra_forbidden":
        return _explain_unknown_key(name, keys, place)
    if kind == "missing":
        wanted = str(detail["loc"][-1])
        place = _place_of((*keys, wanted) if keys[-1:] != (wanted,) else keys, text, path)
        return [f"Expected `{wanted}`, found nothing - {place}", _fix_for_missing(wanted, keys)]
    if kind == "value_error":
        expected = detail["msg"].removeprefix("Value error, ")
        found = "" if "found" in expected or "because" in expected else f", found {_show(detail['input'])}"
        return [f"Expected {expected}{found} - {place}", f"Mend `{name}`; the README lists what it takes"]
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        shown = ", ".join(f'"{choice}"' for choice in choices)
        guess = nearest_name(str(detail["input"]), choices) or choices[0]
        return [
            f"Expected one of {shown}, found {_show(detail['input'])} - {place}",
            f'Set {name} = "{guess}"',
        ]
    if name == "name" and kind == "string_pattern_mismatch":
        return [
            f"Expected a name of letters, digits, `.`, `_` and `-`, found {_show(detail['input'])} - {place}",
            'Choose one that can be a folder name, as in name = "docs-search-2023"',
        ]
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return [
            f"Expected a table or a column's name, found {_show(detail['input'])} - {place}",
            f'Write {name} = "your_column", or {name} = {{ value = {_show(detail["input"]).strip("`")} }} for a constant',
        ]
    expected = re.sub(r"^Input should be (a |an )?", "", detail["msg"]).replace("valid ", "")
    return [f"Expected {expected}, found {_show(detail['input'])} - {place}", f"Mend the value of `{name}`"]


def _explain_unknown_key(name: str, keys: Location, place: Place) -> list[str]:
    known = _known_keys(keys[:-1])
    guess = nearest_name(name, known)
    if guess is None and _SECRET_NAMES.search(name):
        return [
            f"Expected no key or token in a job file, found `{name}` - {place}",
            "Remove it, and put the key into the environment: INKEEPANALYTICS_API_INTEGRATION_KEY",
        ]
    listed = ", ".join(f"`{key}`" for key in known)
    problem = f"Expected one of {listed}, found `{name}` - {place}"
    if guess:
        return [problem, f"Rename it to `{guess}`"]
    if keys[:1] == ("event",) and len(keys) == 2:
        return [problem, f"Put your own fields under [event.properties], as in {name} = {{ column = … }}"]
    return [problem, "Remove it, or use one of the names above"]


def _fix_for_missing(wanted: str, keys: Location) -> str:
    fixes = {
        "name": 'Add a first line: name = "my-job"',
        "source": 'Add a table: [source] with paths = ["logs/*.csv"]',
        "paths": 'Add paths = ["logs/*.csv"] under [source]',
        "event": "Add a table: [event] with type, entityType and createdAt",
        "type": 'Add type = "your_column" under [event], or type = { value = "search_query_submitted" }',
        "entityType": 'Add entityType = { value = "message" } under [event]',
        "createdAt": 'Add createdAt = "your_time_column" under [event]: a row without its own time is never sent as "now"',
        "sql": "Add sql = \"region <> 'test'\" under [filter], or remove the table",
    }
    return fixes.get(wanted, f"Add `{wanted}`")


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
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            continue
        keys.append(part)
    return tuple(keys)


def _known_keys(keys: Location) -> list[str]:
    """The keys that the table at `keys` may hold, from the models themselves."""
    model: Any = Job
    for key in keys:
        inner = _model_in(model.model_fields[key].annotation) if key in model.model_fields else None
        model = inner or model
    return sorted(name for name in model.model_fields if name not in ("path", "text"))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arm in get_args(annotation) if (model := _model_in(arm))), None)


def _show(value: Any) -> str:
    try:
        shown = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        shown = str(type(value).__name__)
    return f"`{shown if len(shown) <= 80 else shown[:77] + '…'}`"
