"""Every Parquet type at its extremes, used and unused, through `validate` and `run`: for `make soak`.

The oracle: both commands exit alike, with 0 (or 4 and the column's name where a used column can't be read), print no
traceback and no panic, and the sandbox holds the true value of every row.
"""

import json
import os
import tempfile
from pathlib import Path

from etl.sandbox.process import SandboxProcess
from tests.read.parquet_types import KINDS, ROWS, Kind, write_kinds
from tests.workbench import Said, call

JOB = """
name = "j"
[source]
paths = ["x.parquet"]
[event]
type = {{ value = "{trial}" }}
entityType = {{ value = "message" }}
messageId = {{ column = "n", cast = "string" }}
createdAt = "at"
[event.properties]
{properties}
"""
USES = {"unused": "", "property": 'p = "x"', "every column": '"*" = true'}


def try_every_type(root: Path) -> tuple[int, int, str]:
    """Return how many commands were tried, how many were refused, and the first fault found."""
    tried = refused = 0
    problem = ""
    with SandboxProcess() as sandbox:
        os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = sandbox.api_key
        for number, (name, kind) in enumerate(KINDS.items()):
            for use, properties in USES.items():
                trial = f"{number}-{use.replace(' ', '-')}"
                folder = root / trial
                folder.mkdir(parents=True)
                write_kinds(folder / "x.parquet", {"x": kind.values})
                job = folder / "j.toml"
                job.write_text(JOB.format(trial=trial, properties=properties), encoding="utf-8")
                commands = (("validate",), ("run", "--endpoint", sandbox.url))
                said = [_call(*command, "--quiet", job) for command in commands]
                tried += len(said)
                refused += sum(one.code == 4 for one in said)
                held = [json.loads(event["body"]) for event in sandbox.events(type=trial)]
                if fault := _find_fault(kind, use, said, held):
                    problem = problem or f"{name}, {use}: {fault}"
        del os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"]
    return tried, refused, problem


def _call(*arguments: object) -> Said:
    """Call the command in this process, with what libraries write to the second descriptor by themselves."""
    with tempfile.TemporaryFile() as native:
        before = os.dup(2)
        os.dup2(native.fileno(), 2)
        try:
            said = call(*arguments)
        finally:
            os.dup2(before, 2)
            os.close(before)
        native.seek(0)
        return said._replace(err=said.err + native.read().decode(errors="replace"))


def _find_fault(kind: Kind, use: str, said: list[Said], held: list[dict[str, object]]) -> str:
    is_refused = bool(kind.refused) and use != "unused"
    if [one.code for one in said] != [4 if is_refused else 0] * 2:
        return f"exits {[one.code for one in said]}: {said[0].err[-80:]}"
    if any("Traceback" in one.err or "panicked" in one.err for one in said):
        return "a traceback"
    if is_refused:
        return "" if all("in column `x`, found " in one.err for one in said) else "the column isn't named"
    key = "x" if use == "every column" else "p"
    expected = [None if use == "unused" else value for value in kind.expected or [None] * ROWS]
    bodies = sorted(held, key=lambda body: int(str(body["messageId"])))
    properties = [body.get("properties", {}) for body in bodies]
    found = [one.get(key) if isinstance(one, dict) else one for one in properties]
    return "" if found == expected else f"stored {found}"
