"""An older copy of the state, or a second state folder of one job, is told before events go out again."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from etl.errors import StateError
from etl.job.load import load_job
from etl.report.progress import SilentProgress
from etl.sandbox.process import SandboxProcess
from etl.state.place import Destination
from etl.upload.run import RunOptions, run_job
from etl.values.outcome import Outcome
from tests.workbench import call, row_of, write_job, write_rows

WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def run(job: Path, sandbox: SandboxProcess, **options: Any) -> Outcome:
    """Run the job as if the sandbox were its own endpoint: a rehearsal leaves no mark outside its folder."""
    return run_job(
        load_job(job), Destination(sandbox.url, sandbox.api_key), RunOptions(**options), SilentProgress()
    )


def write(folder: Path, sandbox: SandboxProcess, rows: int) -> Path:
    nights = folder / "nights"
    nights.mkdir(exist_ok=True)
    first = 1000 * len(list(nights.iterdir()))
    write_rows(nights / f"{first}.csv", [row_of(first + n) for n in range(rows)])
    return write_job(
        folder,
        paths="nights/*.csv",
        source='mode = "incremental"',
        upload=f'endpoint = "{sandbox.url}"',
    )


def said_by(caught: pytest.ExceptionInfo[StateError]) -> str:
    return WHEN.sub("WHEN", caught.value.problem)


def test_an_older_copy_of_the_state_is_told_and_goes_on_where_that_is_meant(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write(tmp_path, sandbox, 5)
    run(job, sandbox)
    state = tmp_path / ".backfill"
    shutil.copytree(state, tmp_path / "copy")
    write(tmp_path, sandbox, 7)
    assert run(job, sandbox).sent_now == 7
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "copy", state)
    before = sandbox.stats()["attempts"]
    with pytest.raises(StateError) as caught:
        run(job, sandbox)
    assert said_by(caught) == (
        "Expected the state as run 2 left it by WHEN (12 events delivered), found it as run 1 left it (5): "
        f"an older copy was put back - {state / 'docs'}"
    )
    assert caught.value.fix == (
        "Put the newer copy back, or say --accept-state to go on with the older one: what was delivered since is sent "
        "again, with the same ids"
    )
    assert sandbox.stats()["attempts"] == before
    assert run(job, sandbox, accept_state=True).sent_now == 7
    assert run(job, sandbox).sent_now == 0  # from here on this state is the one


def test_a_ledger_that_is_older_than_its_folder_is_told_on_a_machine_without_marks_too(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write(tmp_path, sandbox, 5)
    run(job, sandbox, environ={})
    folder = tmp_path / ".backfill" / "docs"
    shutil.copy(folder / "ledger.db", tmp_path / "older")
    write(tmp_path, sandbox, 7)
    run(job, sandbox, environ={})
    shutil.copy(tmp_path / "older", folder / "ledger.db")
    with pytest.raises(StateError, match="an older copy was put back"):
        run(job, sandbox, environ={})


def test_a_second_state_folder_of_one_job_is_told(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write(tmp_path, sandbox, 5)
    one, two = tmp_path / "one", tmp_path / "two"
    run(job, sandbox, state_dir=one)
    before = sandbox.stats()["attempts"]
    with pytest.raises(StateError) as caught:
        run(job, sandbox, state_dir=two)
    assert said_by(caught) == (
        f"Expected the state that delivered 5 events of this job by WHEN ({one / 'docs'}), found another - "
        f"{two / 'docs'}"
    )
    assert sandbox.stats()["attempts"] == before
    assert run(job, sandbox, state_dir=one).exit_code == 0
    assert run(job, sandbox, state_dir=two, accept_state=True).sent_now == 5


def test_a_state_that_moves_is_the_same(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write(tmp_path, sandbox, 5)
    run(job, sandbox)
    (tmp_path / ".backfill").rename(tmp_path / "elsewhere")
    assert run(job, sandbox, state_dir=tmp_path / "elsewhere").exit_code == 0
    # On another machine there is no mark: nothing can be told, and nobody is kept from running.
    assert (
        run(
            job, sandbox, state_dir=tmp_path / "elsewhere", environ={"XDG_STATE_HOME": "/proc/none"}
        ).exit_code
        == 0
    )


def test_reset_forgets_the_mark_and_starts_over(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write(tmp_path, sandbox, 5)
    run(job, sandbox)
    assert call("reset", "--yes", job).code == 0
    assert run(job, sandbox).sent_now == 5
    shutil.rmtree(tmp_path / ".backfill")
    assert call("reset", "--yes", job).code == 0
    assert run(job, sandbox).sent_now == 5


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b'{"state": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_mark_keeps_nobody_from_running(
    tmp_path: Path, sandbox: SandboxProcess, damage: bytes
) -> None:
    job = write(tmp_path, sandbox, 5)
    home = tmp_path / "home"
    environ = {**os.environ, "XDG_STATE_HOME": str(home)}
    run(job, sandbox, environ=environ)
    (mark,) = (home / "backfill" / "marks").iterdir()
    assert json.loads(mark.read_bytes())["delivered"] == 5
    assert mark.stat().st_mode & 0o777 == 0o600
    for path in (mark, tmp_path / ".backfill" / "docs" / "mark.json"):
        path.write_bytes(damage)
    assert run(job, sandbox, environ=environ).exit_code == 0
