"""Every Parquet type at its extremes, used and unused, through `validate` and `run`: for `make soak`.

The oracle: both commands exit alike, with 0 (or 4 and the column's name where a used column can't be read), print no
traceback, and the sandbox holds the true value of every row.
"""

import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from tests.read.parquet_types import KINDS, ROWS, Kind, write_kinds
from tests.workbench import Said, finish, start

JOB = """
name = "j"
[source]
paths = ["x.parquet"]
[event]
type = { value = "t" }
entityType = { value = "message" }
messageId = { column = "n", cast = "string" }
createdAt = "at"
[event.properties]
"""
USES = {"unused": "", "property": 'p = "x"', "every column": '"*" = true'}


class Matrix(NamedTuple):
    """How many commands were tried, and the first fault found."""

    trials: int
    problem: str


def try_every_type(root: Path) -> Matrix:
    """Run the matrix in folders under `root`."""
    trials, problem = 0, ""
    for number, (name, kind) in enumerate(KINDS.items()):
        for use, properties in USES.items():
            folder = root / f"{number}-{use.replace(' ', '-')}"
            folder.mkdir(parents=True)
            write_kinds(folder / "x.parquet", {"x": kind.values})
            (folder / "j.toml").write_text(JOB + properties, encoding="utf-8")
            job = folder / "j.toml"
            said = [_call("validate", "--quiet", job), _call("run", "--quiet", "--sandbox", job)]
            trials += len(said)
            if fault := _find_fault(kind, use, said, folder):
                problem = problem or f"{name}, {use}: {fault}"
    return Matrix(trials, problem)


def _call(*arguments: object) -> Said:
    return finish(start(*arguments))


def _find_fault(kind: Kind, use: str, said: list[Said], folder: Path) -> str:
    is_refused = bool(kind.refused) and use != "unused"
    if [one.code for one in said] != [4 if is_refused else 0] * 2:
        return f"exits {[one.code for one in said]}"
    if any("Traceback" in one.err or "panicked" in one.err for one in said):
        return "a traceback"
    if is_refused:
        return "" if all("in column `x`, found " in one.err for one in said) else "the column isn't named"
    held = _held(folder / ".backfill" / "sandbox.db")
    key = "x" if use == "every column" else "p"
    expected = [None if use == "unused" else value for value in kind.expected or [None] * ROWS]
    return "" if [properties.get(key) for properties in held] == expected else f"stored {held}"


def _held(store: Path) -> list[dict[str, object]]:
    """Return the properties of each event at the sandbox, by its row."""
    with sqlite3.connect(store) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM events")]
    return [body.get("properties", {}) for body in sorted(bodies, key=lambda body: int(body["messageId"]))]
