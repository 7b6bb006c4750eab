"""Reads a job file into a `Job`, or explains what to mend in it.

The only module that makes a `Job`. No value that holds a secret is ever read from the file.
"""

import os
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ValidationError

from etl.endpoint import parse_endpoint
from etl.errors import JobError
from etl.event import ENTITY_FIELDS
from etl.job.explain import explain_errors
from etl.job.line_numbers import nearest_name, place_of
from etl.job.model import OWN_FIELDS, Job
from etl.job.references import fill_in
from etl.job.toml_faults import explain_toml, no_job_file
from etl.limited import read_limited
from etl.times.zone_names import advise_zone
from etl.values.parameters import NO_PARAMETERS, Parameters

__all__ = ["load_job", "parse_job"]

MOST_DEPTH: Final = 32
_LONGEST_SHORT: Final = 5
MOST_BYTES: Final = 8_000_000
# What reading a dotted key takes grows with the square of its dots, time and memory: this many are seen before it is
# read.
_DOTTED: Final = re.compile(
    r"""(?m)(?:^|[\[{,])[ \t]*+(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){200}"""
)


def load_job(path: Path, parameters: Parameters | None = None) -> Job:
    """Return the job that the TOML file at `path` describes; without `parameters`, the environment's are filled in.

    Raises `JobError`, whose text names the file, the table, the key, what was found and the fix.
    """
    try:
        text = read_limited(path, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise JobError(f"Expected a job file, found nothing - {path}", _similar_files(path)) from None
    except IsADirectoryError:
        raise JobError(
            f"Expected a job file, found a folder - {path}",
            f"Name one file; to make a job of the files in it: backfill init {shlex.quote(str(path))}",
        ) from None
    except UnicodeDecodeError as error:
        raise no_job_file(path) or JobError(
            f"Expected a job file in UTF-8, found byte 0x{error.object[error.start]:02x} at offset {error.start} - "
            f"{path}",
            "Save the file as UTF-8; a job file is TOML text, not the data itself",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable path"
        raise JobError(
            f"Expected a readable job file, found: {reason} - {path}",
            "Check the path and its permissions; a job file is TOML text, not the data itself",
        ) from None
    return parse_job(text, path, Parameters(environ=os.environ) if parameters is None else parameters)


def parse_job(text: str, path: Path, parameters: Parameters = NO_PARAMETERS) -> Job:
    """Return the job that `text` describes; `path` is where it is from, for messages and relative paths."""
    if _DOTTED.search(text):
        raise _too_deep(path)
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:  # a number of thousands of digits is a plain one
        raise no_job_file(path) or explain_toml(error, text, path) from None
    if _is_deep(tables):
        raise _too_deep(path)
    for own in OWN_FIELDS:
        if own in tables:
            raise JobError(f"Expected no `{own}` at the top of a job file, found it - {path}", "Remove it")
    tables, used = fill_in(tables, parameters, text, path)
    try:
        job = Job.model_validate({**_as_tuples(tables), "path": path, "text": text, "parameters": used})
    except ValidationError as error:
        raise explain_errors(error, tables, text, path) from None
    _check_entity_type(job)
    _check_timezone(job)
    _check_endpoint(job)
    return job


def _is_deep(tables: dict[str, Any]) -> bool:
    """Whether tables or lists nest deeper than `MOST_DEPTH`; every dot of a dotted key counts as a table."""
    level: list[Any] = [tables]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, dict | list) for value in level)


def _too_deep(path: Path) -> JobError:
    return JobError(
        f"Expected tables and lists at most {MOST_DEPTH} deep, found deeper ones - {path}",
        'Write a key that holds dots in quotes, as in "a.b.c" = "your_column"; nothing in a job file nests deeper than '
        "a `map`",
    )


def _as_tuples(value: Any) -> Any:
    """TOML's arrays as tuples: a job is a value that never changes."""
    if isinstance(value, dict):
        return {key: _as_tuples(inner) for key, inner in value.items()}
    return tuple(_as_tuples(inner) for inner in value) if isinstance(value, list) else value


def _check_entity_type(job: Job) -> None:
    """Refuse a constant entity type that the API doesn't know, or whose own field isn't mapped."""
    spec = job.event.entityType
    named = [spec.value] if spec.value is not None else [*(spec.map or {}).values(), spec.default]
    for entity_type in (name for name in named if name is not None):
        place = place_of(job, "event", "entityType")
        if entity_type not in ENTITY_FIELDS:
            choices = ", ".join(f"`{name}`" for name in ENTITY_FIELDS)
            raise JobError(
                f"Expected one of {choices}, found `{entity_type}` - {place}",
                f'Set entityType = {{ value = "{nearest_name(str(entity_type), ENTITY_FIELDS) or "message"}" }}',
            )
        field = ENTITY_FIELDS[str(entity_type)]
        if getattr(job.event, field) is None:
            raise JobError(
                f"Expected `{field}`, which every {entity_type} event needs, found nothing - {place}",
                f'Add the column that holds it under [event]: {field} = "your_column"',
            )
    if not any(getattr(job.event, field) for field in ENTITY_FIELDS.values()):
        raise JobError(
            f"Expected one of {', '.join(f'`{field}`' for field in ENTITY_FIELDS.values())}, found none - "
            f"[event], {job.path}",
            'Add the column that holds it under [event], as in messageId = "message_id"',
        )


def _check_timezone(job: Job) -> None:
    zone = job.event.createdAt.timezone
    if zone is None:
        return
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # an unknown name is a KeyError of a kind
        place = place_of(job, "event", "createdAt")
        raise JobError(
            f"Expected an IANA time zone like `America/Los_Angeles`, found `{zone}` - {place}",
            _advise_zone(zone),
        ) from None


def _advise_zone(name: str) -> str:
    """Return what to set: whose clock a short name is, and only for a longer one how it may be spelt."""
    known = advise_zone(name)
    if isinstance(known, tuple):
        zones = ", or ".join(f'timezone = "{zone}"' for zone in known)
        return f"Say whose clock {name} is: {zones}, in createdAt"
    guess = known or (nearest_name(name, available_timezones()) if len(name) > _LONGEST_SHORT else None)
    if guess is None:
        return 'Name the place whose clock it is, as in timezone = "Europe/Berlin", in createdAt'
    return f'Set timezone = "{guess}" in createdAt'


def _check_endpoint(job: Job) -> None:
    parse_endpoint(job.upload.endpoint, str(place_of(job, "upload", "endpoint")))


def _similar_files(path: Path) -> str:
    try:
        names = {entry.name for entry in path.parent.glob("*.toml")}
    except OSError:
        names = set()
    guess = nearest_name(path.name, names)
    return f"Did you mean {path.parent / guess}?" if guess else "Check the path; job files end in .toml"
