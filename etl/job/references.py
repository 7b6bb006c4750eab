"""Fills in what `${NAME}` in a job file stands for, so that one file serves staging, production and every date. Pure.

Rule: text of data and SQL is never touched, a key never passes through here, and what isn't set is never taken for
empty.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from etl.errors import JobError
from etl.job.explain import is_secret
from etl.job.line_numbers import Place, find_line, nearest_name
from etl.values.parameters import Parameters

__all__ = ["escape", "fill_in", "names_in"]

_REFERENCE: Final = re.compile(r"(?P<escaped>\$)?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_PLACES: Final = (
    "`name`, `paths`, `since`, `until`, `endpoint`, `key_env`, and constants (`value`, `default`)"
)
_AS_THEY_STAND: Final = frozenset(
    {"map", "null_values", "split", "separator", "quote", "escape", "comment", "columns"}
)
Keys = tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What was met on the way through a job file."""

    used: dict[str, str] = field(default_factory=dict)
    unset: dict[str, Keys] = field(default_factory=dict)


def fill_in(
    tables: dict[str, Any], parameters: Parameters, text: str, path: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tables of a job file with every `${NAME}` filled in, and the values that were used, by name.

    `$${NAME}` stands for the text `${NAME}`. Raises `JobError` for one that isn't set, that names a secret, or that
    stands where none can be.
    """
    found = _Found()
    filled: dict[str, Any] = _fill(tables, (), parameters, found, _Where(text, path))
    if found.unset:
        raise _unset(found.unset, parameters, _Where(text, path))
    window = {"since": parameters.since, "until": parameters.until}
    window = {key: moment for key, moment in window.items() if moment is not None}
    if window and isinstance(filled.get("source"), dict):
        filled = {**filled, "source": {**filled["source"], **window}}
    return filled, found.used


def names_in(text: str) -> set[str]:
    """Return the parameters that the text of a job file refers to."""
    return set(_names(text))


def escape(text: str) -> str:
    """Return `text` as a job file writes it where parameters may stand."""
    return _REFERENCE.sub(lambda match: f"${match[0]}", text)


@dataclass(frozen=True, slots=True)
class _Where:
    text: str
    path: Path

    def place(self, keys: Keys) -> Place:
        table = f"[{'.'.join(keys[:-1])}]" if len(keys) > 1 else None
        return Place(self.path, table, keys[-1] if keys else None, find_line(self.text, keys))


def _fill(value: Any, keys: Keys, parameters: Parameters, found: _Found, where: _Where) -> Any:
    if isinstance(value, dict):
        for key in value:
            if keys[-1:] != ("map",) and (name := next(_names(key), None)) is not None:
                raise _misplaced(name, "as a key", where.place((*keys, key)))
        return {key: _fill(inner, (*keys, key), parameters, found, where) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, keys, parameters, found, where) for inner in value]
    if not isinstance(value, str) or _AS_THEY_STAND & set(keys[1:]):
        return value
    for name in _names(value):
        if not _can_hold(keys):
            raise _misplaced(name, "", where.place(keys))
        if is_secret(name):
            raise JobError(
                f"Expected a parameter that is no key or token, found `${{{name}}}` - {where.place(keys)}",
                "What it stands for would be in events, state and reports; the API key is read from the environment "
                "without it",
            )
        if (text := parameters.find(name)) is None:
            found.unset.setdefault(name, keys)
        else:
            found.used[name] = text
    return _REFERENCE.sub(
        lambda match: match[0][1:] if match["escaped"] else found.used.get(match["name"], match[0]), value
    )


def _names(text: str) -> Iterator[str]:
    return (match["name"] for match in _REFERENCE.finditer(text) if not match["escaped"])


def _can_hold(keys: Keys) -> bool:
    if keys in (
        ("name",),
        ("source", "paths"),
        ("source", "since"),
        ("source", "until"),
        ("upload", "endpoint"),
        ("upload", "key_env"),
    ):
        return True
    return keys[:1] == ("event",) and len(keys) > 2 and keys[-1] in ("value", "default")


def _misplaced(name: str, what: str, place: Place) -> JobError:
    found = f"`${{{name}}}` {what}".strip()
    return JobError(
        f"Expected a parameter in {_PLACES}, found {found} - {place}",
        f"Write what it stands for; where the text ${{{name}}} itself is meant: $${{{name}}}",
    )


def _unset(unset: Mapping[str, Keys], parameters: Parameters, where: _Where) -> JobError:
    lines: list[str] = []
    for name, keys in unset.items():
        is_empty = name in parameters.environ
        lines += [
            f"Expected a value for the parameter `${{{name}}}`, found it {'empty' if is_empty else 'unset'} - "
            f"{where.place(keys)}",
            f"Set it: --set {name}=VALUE, or {name} in the environment",
        ]
        if (guess := nearest_name(name, parameters.given)) is not None:
            lines[-1] = f"Did you mean --set {name}=…, instead of {guess}?"
    return JobError(tuple(lines[:-1]), lines[-1])
