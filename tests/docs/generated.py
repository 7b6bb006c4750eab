"""Writes the parts of a page that are made from the code: those between `<!-- generated: NAME -->` and its end."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from etl.cli import COMMANDS
from etl.event_types import EVENT_TYPES
from etl.exits import EXITS
from tests.docs.console import ROOT, run_command
from tests.docs.job_keys import TABLES, write_keys

__all__ = ["GENERATED", "refresh_generated"]

PART = re.compile(
    r"(?<=^<!-- generated: )([\w-]+)( -->\n).*?(?=^<!-- end of \1 -->$)", re.MULTILINE | re.DOTALL
)


def refresh_generated(text: str) -> str:
    """Return the page with each generated part as the code makes it now."""
    return PART.sub(lambda part: f"{part[1]}{part[2]}\n{GENERATED[part[1]]().strip()}\n\n", text)


def _write_commands() -> str:
    sections = [_write_help("backfill")]
    sections += [f"## {command}\n\n{_write_help(f'backfill {command}')}" for command in COMMANDS]
    return "\n".join(sections)


def _write_help(command: str) -> str:
    typed = f"{command} --help"
    return "\n".join(["```text", *_trim(run_command(typed, Path(ROOT))), "```", ""])


def _trim(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _write_event_types() -> str:
    lines = ["| `entityType` | `type` | what happened |", "|---|---|---|"]
    for entity, types in EVENT_TYPES.items():
        lines += [f"| `{entity}` | `{name}` | {meaning} |" for name, meaning in types.items()]
    return "\n".join(lines)


def _write_exits() -> str:
    lines = ["| exit | meaning | what is safe | what to do |", "|---|---|---|---|"]
    lines += [f"| {code} | {one.meaning} | {one.safe} | {one.following} |" for code, one in EXITS.items()]
    return "\n".join(lines)


GENERATED: Final[dict[str, Callable[[], str]]] = {
    "commands": _write_commands,
    "event-types": _write_event_types,
    "exits": _write_exits,
    **{part: partial(write_keys, part) for part in TABLES},
}
