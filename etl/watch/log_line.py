"""One line of a log as a value, and how it is written: as JSON for machines, as text for people. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

__all__ = ["Level", "LogForm", "LogLine", "format_json", "format_line", "format_text"]

LogForm = Literal["text", "json"]
Level = Literal["info", "warning", "error"]
_PLAIN: Final = frozenset(" \"'=\\{}[],")


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that happened in a run. `at` is seconds since the epoch, UTC; `fields` hold counts and our own
    words.
    """

    at: float
    level: Level
    event: str
    job: str
    run: int | None = None
    load: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object of a JSON line; what isn't known is left out."""
        known = {"run": self.run, "load": self.load}
        return {
            "time": _render_time(self.at),
            "level": self.level,
            "event": self.event,
            "job": self.job,
            **{name: value for name, value in known.items() if value is not None},
            **self.fields,
        }


def format_line(line: LogLine, form: LogForm) -> str:
    """Return `line` in the form asked for, without a line break at the end."""
    return format_json(line) if form == "json" else format_text(line)


def format_json(line: LogLine) -> str:
    """Return `line` as one JSON object; ASCII alone, so that no name of a file can break a line or an encoding."""
    return json.dumps(line.to_json(), separators=(",", ":"), default=str)


def format_text(line: LogLine) -> str:
    """Return `line` as time, level, event and `name=value` pairs."""
    said = line.to_json()
    head = [said.pop("time"), said.pop("level").ljust(7), said.pop("event")]
    return " ".join([*head, *(pair for name, value in said.items() for pair in _pairs(name, value))])


def _pairs(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name}.{inner}={_show(part)}" for inner, part in value.items()]
    return [f"{name}={_show(value)}"]


def _show(value: Any) -> str:
    text = str(value)
    is_plain = text.isprintable() and text and not _PLAIN.intersection(text)
    return text if is_plain else json.dumps(text)


def _render_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
