"""The sample jobs, through the real command line and the sandbox, against what the generator says they should come
to.
"""

import json
import shutil
from pathlib import Path

import pytest

from tests.workbench import ROOT, call

EXPECTED = json.loads((ROOT / "sample_data" / "expected.json").read_text())
FAULTS = json.loads((ROOT / "sample_data" / "faults.json").read_text())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_job_comes_to_what_its_generator_expects_and_a_second_run_sends_nothing(
    tmp_path: Path, name: str
) -> None:
    for folder in ("jobs", "sample_data"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".backfill", "__pycache__")
        )
    job = tmp_path / "jobs" / f"{name}.toml"
    said = call("run", "--sandbox", "--json", job)
    outcome = json.loads(said.out)
    expected = EXPECTED[name]
    assert said.code == outcome["exit_code"] == 3, said.err
    assert outcome["rows"] == {
        key: expected[key] for key in ("read", "delivered", "rejected", "duplicate", "skipped")
    } | {"pending": 0}
    assert outcome["rejects"] == expected["rejects"]
    assert outcome["sent_now"] == outcome["attempts"] == expected["delivered"]
    report = tmp_path / "jobs" / ".backfill" / f"{name}@sandbox" / "rejects.jsonl"
    rejected = {
        (Path(r["file"]).name, r["row"]): r["code"] for r in map(json.loads, report.read_text().splitlines())
    }
    wanted = {
        (fault["file"], fault["row"]): fault["outcome"]
        for fault in FAULTS
        if fault["job"] == name and fault["outcome"] not in ("delivered", "duplicate", "skipped")
    }
    assert rejected == wanted
    again = call("run", "--sandbox", job)
    assert again.code == 0
    nothing, opened = again.out.splitlines()
    assert nothing == f"{name}: nothing new to send; every row of its files was settled before"
    assert opened.startswith(f"{len(wanted):,} rejects are open from earlier runs: ")
