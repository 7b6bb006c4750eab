"""A run that is killed while it closes a load: the next one writes the report, gives the load's exit code, and clears
up.
"""

import json
import signal
from pathlib import Path
from typing import NamedTuple

import pytest

from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from tests.faults.test_disk import needs_strace
from tests.workbench import call, finish, place_of, row_of, run_here, start, write_job


class Step(NamedTuple):
    """A step of the closing: the call of the system, and the file of the state folder that it is about."""

    call: str
    path: str


def under_kill(step: Step, place: Path) -> tuple[str, ...]:
    """Wrap a command in what kills it as it makes the call of `step` on its path."""
    return (
        *("strace", "-f", "-qq", "-o", "/dev/null", "-P", str(place / step.path)),
        *("-e", f"trace={step.call}", "-e", f"inject={step.call}:signal=KILL"),
    )


def killed_job(folder: Path, step: Step) -> Path:
    """Run a job of five rows, two of them rejects, killed at `step`; return the job file."""
    job = write_job(folder, [*map(row_of, range(1, 4)), row_of(4, at="n/a"), row_of(5, action="z")])
    wrapper = under_kill(step, place_of(job).folder)
    said = finish(start("run", "--quiet", "--sandbox", job, wrapper=wrapper))
    assert said.code in (-signal.SIGKILL, 128 + signal.SIGKILL), said
    return job


STEPS = [
    Step("openat", "loads/000001/ids-00000.parquet"),
    Step("unlink", "loads/000001/events-00000.parquet"),
    Step("openat", ".rejects.csv.new"),
    Step("rename", ".rejects.csv.new"),
    Step("rename", ".rejects.jsonl.new"),
    Step("openat", "receipts/.000001.json.new"),
    Step("rename", "receipts/.000001.json.new"),
]


@needs_strace
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.call}-{Path(step.path).name}")
def test_killed_at_a_step_of_closing_the_next_run_tells_what_the_load_came_to(
    tmp_path: Path, step: Step
) -> None:
    job = killed_job(tmp_path, step)
    said = call("run", "--quiet", "--sandbox", "--json", job)
    told = json.loads(said.out)
    assert said.code == 3
    assert told["rows"] | {"read": 5, "delivered": 3, "rejected": 2, "pending": 0} == told["rows"]
    assert told["rejects"] == {"unmapped_value": 1, "unparsable_timestamp": 1}
    assert told["notes"] == [
        "Load 1 was complete, but the run was killed before it told of it: this is what it came to"
    ]
    folder = place_of(job).folder
    assert [path.name for path in folder.glob("loads/*/events-*")] == []
    assert [path.name for path in folder.glob(".*.new")] == []
    assert [path.name for path in (folder / "receipts").iterdir()] == ["000001.json"]
    assert [json.loads(line)["row"] for line in (folder / "rejects.jsonl").read_text().splitlines()] == [4, 5]
    assert call("run", "--quiet", "--sandbox", "--json", job).code == 0


def test_a_report_that_is_gone_is_written_by_the_next_run_and_a_true_one_is_left_alone(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")])
    assert run_here(job, sandbox).exit_code == 3
    place = place_of(job)
    place.rejects_csv.unlink()
    before = place.rejects_jsonl.read_bytes()
    assert run_here(job, sandbox).exit_code == 0
    assert place.rejects_csv.exists()
    assert place.rejects_jsonl.read_bytes() == before
    written = place.rejects_jsonl.stat().st_ino
    assert run_here(job, sandbox).exit_code == 0
    assert place.rejects_jsonl.stat().st_ino == written


def test_a_load_that_a_kill_left_untold_stays_so_through_a_run_that_is_stopped(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")])
    assert run_here(job, sandbox).exit_code == 3
    with Ledger.open_existing(place_of(job).folder) as ledger:
        ledger.notes.told_through = 0
    (tmp_path / "log.csv").rename(tmp_path / "gone.csv")
    assert run_here(job, sandbox).exit_code == 4
    (tmp_path / "gone.csv").rename(tmp_path / "log.csv")
    assert [run_here(job, sandbox).exit_code for _ in range(2)] == [3, 0]


def test_parts_that_a_kill_left_in_an_older_load_go_at_the_next_run(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 2)
    assert run_here(job, sandbox).exit_code == 0
    left = place_of(job).folder / "loads" / "000001" / "events-00003.parquet"
    left.write_bytes(b"left behind")
    assert run_here(job, sandbox).exit_code == 0
    assert not left.exists()
