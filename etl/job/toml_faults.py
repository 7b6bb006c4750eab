"""Says what is wrong where a job file is no TOML, and the line that would be right. Pure.

The parser's own words name a state of the parser; the faults that people make again and again are found in the text.
"""

import re
import shlex
from collections import defaultdict
from pathlib import Path
from typing import Final

from etl.errors import JobError
from etl.plain import shorten

__all__ = ["explain_toml", "no_job_file"]

_AT_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_SAYS_TWICE: Final = re.compile("overwrite|twice|mutate", re.IGNORECASE)
_TABLE: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w.-]+)\s*=""")
# A folder's name after a backslash in text with double quotes: \U and \x are escapes there, and most others none.
_WINDOWS_PATH: Final = re.compile(r'"((?:[A-Za-z]:|\\\\|[^"\n]*\\)[^"\n]*\\?[^"\n]*)"')


def explain_toml(error: ValueError, text: str, path: Path) -> JobError:
    """Return the error a person reads for `text`, of which the TOML parser said `error`."""
    said = str(error).splitlines()[0]
    at = _AT_LINE.search(said)
    number = int(at[1]) if at else None
    line = text.splitlines()[number - 1] if number and number <= len(text.splitlines()) else ""
    where = f"{path} line {number}" if number else str(path)
    if _SAYS_TWICE.search(said) and (twice := _find_twice(text)) is not None:
        return JobError(*_explain_twice(*twice, path))
    if "\\" in line and (found := _WINDOWS_PATH.search(line)) is not None:
        return JobError(
            f"Expected text whose backslashes are escapes, found `{shorten(found[1], 80)}` - {where}",
            f"Write it in single quotes, which keep backslashes: '{found[1]}'",
        )
    return JobError(
        f"Expected TOML, found: {_AT_LINE.sub('', said)} - {where}",
        'Mend that line; text values need quotes, as in name = "docs-search"',
    )


def no_job_file(path: Path) -> JobError | None:
    """Return the error for a file that can't be read as TOML and isn't called so; None where it is."""
    if path.suffix.lower() == ".toml":
        return None
    return JobError(
        f"Expected a job file (.toml), found another kind of file - {path}",
        f"If it holds the data, make a job of it: backfill init {shlex.quote(str(path))}",
    )


def _find_twice(text: str) -> tuple[str, str, list[int]] | None:
    """Return the first table or key that is there twice: its table, its name (empty for the table), its lines."""
    tables, keys = defaultdict[str, list[int]](list), defaultdict[tuple[str, str], list[int]](list)
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = header[1].strip()
            tables[table].append(number)
        elif pair := _KEY.match(line):
            keys[table, pair[1].strip("\"'")].append(number)
    found = [(lines, name, "") for name, lines in tables.items()]
    found += [(lines, name, key) for (name, key), lines in keys.items()]
    twice = sorted((lines[1], name, key, lines) for lines, name, key in found if len(lines) > 1)
    return (twice[0][1], twice[0][2], twice[0][3]) if twice else None


def _explain_twice(table: str, key: str, lines: list[int], path: Path) -> tuple[str, str]:
    listed = f"{', '.join(str(line) for line in lines[:-1])} and {lines[-1]}"
    if not key:
        return (
            f"Expected each table once, found [{table}] in lines {listed} - {path}",
            f"Write all its keys under one [{table}]",
        )
    inside = f" of [{table}]" if table else ""
    return (
        f"Expected each key{inside} once, found `{key}` in lines {listed} - {path}",
        "Leave one of them, or give the other the name that was meant",
    )
