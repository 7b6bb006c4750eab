"""Where in a job file something is, and which name was meant. Pure."""

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from etl.job.model import Job

__all__ = ["Place", "find_line", "nearest_name", "place_of"]


class Place(NamedTuple):
    """Where in a job file something is: its text reads `[event] createdAt, jobs/a.toml line 14`."""

    path: Path
    table: str | None
    key: str | None
    line: int | None

    def __str__(self) -> str:
        inside = " ".join(part for part in (self.table, self.key) if part)
        at = f"{self.path} line {self.line}" if self.line else str(self.path)
        return f"{inside}, {at}" if inside else at


def place_of(job: Job, table: str, key: str) -> Place:
    """Return where `key` of `table` (as in `event.properties`) is set in the job file."""
    return Place(job.path, f"[{table}]", key, find_line(job.text, (*table.split("."), key)))


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` most likely means, or None."""
    known = sorted(names)
    folded = {known_name.casefold(): known_name for known_name in reversed(known)}
    match = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[match[0]] if match else None


def find_line(text: str, keys: Sequence[int | str]) -> int | None:
    """Return the 1-based line of a job file where the value at `keys` is set, as far as text alone can tell.

    Finds `[a.b]` headers and `key =` lines; inside an inline table it gives the line of the table's own key.
    """
    wanted = [str(key) for key in keys if isinstance(key, str)]
    table: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            here = table
        elif pair := re.match(r"\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_.-]+))\s*=", line):
            here = [*table, *([pair[1] or pair[2]] if not pair[3] else pair[3].split("."))]
        else:
            continue
        if wanted[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None
