"""`backfill loads`, the files of old loads, and state that moves to another place."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from etl.ledger.facts import LoadEntry, RunEntry
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from etl.state.loads import runs_of_load
from etl.state.retention import clear_old_loads, last_clearable
from tests.workbench import call, place_of, row_of, run_here, write_job, write_rows

LOAD = LoadEntry(1, "files", "complete", 10.0, 20.0, 1, 0, 0, 0, 1, 1, "m", "d", 1, True)


def loads_of(states: str) -> list[LoadEntry]:
    """`c` is a complete load, `o` an open one."""
    return [
        replace(LOAD, number=number, state="complete" if state == "c" else "open")
        for number, state in enumerate(states, start=1)
    ]


@pytest.mark.parametrize(
    ("states", "keep", "last"),
    [
        ("", 1, 0),
        ("c", 1, 0),
        ("ccccc", None, 0),
        ("ccccc", 2, 3),
        ("ccccc", 5, 0),
        ("ccccc", 9, 0),
        ("cccco", 1, 4),
        ("coccc", 1, 1),
        ("occcc", 1, 0),
    ],
)
def test_all_but_the_newest_loads_may_go_and_never_an_open_one(
    states: str, keep: int | None, last: int
) -> None:
    assert last_clearable(loads_of(states), keep) == last
    assert last_clearable(reversed(loads_of(states)), keep) == last


@pytest.mark.parametrize(
    ("completed_at", "runs"),
    [(20.0, (1, 2)), (None, (1, 2, 3)), (12.0, (1, 2))],
)
def test_the_runs_of_a_load_are_those_while_it_was_unfinished(
    completed_at: float | None, runs: tuple[int, ...]
) -> None:
    entries = tuple(
        RunEntry(number, None, start, end, 0, "complete", 0, 0, 0)
        for number, start, end in [(1, 5.0, None), (2, 12.0, 21.0), (3, 30.0, 31.0)]
    )
    before = RunEntry(0, None, 1.0, 2.0, 0, "complete", 0, 0, 0)
    load = replace(LOAD, state="open" if completed_at is None else "complete", completed_at=completed_at)
    assert runs_of_load(load, (before, *entries)) == runs


def run_nights(folder: Path, sandbox: SandboxProcess, nights: int) -> Path:
    """Run a job once for each file that comes; every file has one row that is a reject."""
    job = write_job(folder, paths="night-*.csv")
    for night in range(1, nights + 1):
        rows = [row_of(10 * night + number) for number in range(3)]
        write_rows(folder / f"night-{night}.csv", [*rows, row_of(10 * night + 9, at="n/a")])
        assert run_here(job, sandbox).exit_code == 3
    return job


def test_the_loads_of_a_job_are_listed_with_files_rows_and_exit_codes(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = run_nights(tmp_path, sandbox, 2)
    assert run_here(job, sandbox).exit_code == 0
    said = call("loads", "--sandbox", job)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "docs: 2 loads, 3 runs"
    assert lines[1].startswith("  load 1: staged 20")
    assert lines[2] == "    rows  4 read: 3 delivered, 1 rejected"
    assert lines[3].startswith("    files night-1.csv: 4 rows, ")
    assert lines[4] == "    runs  1 (exit 3)"
    assert lines[-1] == "  runs without a load: 3 (exit 0)"


def test_the_loads_as_json(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = run_nights(tmp_path, sandbox, 1)
    history = json.loads(call("loads", "--sandbox", "--json", job).out)
    [load] = history["loads"]
    assert (load["number"], load["state"], load["runs"], load["kept"]) == (1, "complete", [1], True)
    assert load["rows"] == {
        "read": 4,
        "delivered": 3,
        "rejected": 1,
        "duplicate": 0,
        "skipped": 0,
        "pending": 0,
    }
    assert [file["path"] for file in load["files"]] == ["night-1.csv"]
    assert [(run["number"], run["exit_code"]) for run in history["runs"]] == [(1, 3)]


def test_many_files_are_counted_unless_all_are_asked_for(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, paths="part-*.csv")
    for part in range(8):
        write_rows(tmp_path / f"part-{part}.csv", [row_of(part)])
    assert run_here(job, sandbox).exit_code == 0
    assert "          and 3 more: --files lists them all" in call("loads", "--sandbox", job).out
    assert call("loads", "--sandbox", "--files", job).out.count("part-") == 8


def test_a_job_that_never_ran_is_said_to_and_nothing_is_made(tmp_path: Path) -> None:
    job = write_job(tmp_path, 1)
    assert call("loads", job).out == f"docs: never run\nStart it: backfill run {job}\n"
    assert not (tmp_path / ".backfill").exists()


def test_the_files_of_old_loads_go_and_their_books_stay(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = run_nights(tmp_path, sandbox, 4)
    folder = place_of(job).folder
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        before = [ledger.books(load.number) for load in ledger.loads()]
        assert clear_old_loads(folder, ledger, keep=None) == ()
        assert clear_old_loads(folder, ledger, keep=3) == (1,)
        assert clear_old_loads(folder, ledger, keep=1) == (2, 3)
        assert clear_old_loads(folder, ledger, keep=1) == ()
        assert (ledger.cleared_through, [ledger.books(load.number) for load in ledger.loads()]) == (
            3,
            before,
        )
    assert sorted(path.name for path in (folder / "loads").iterdir()) == ["000004"]
    assert call("loads", "--sandbox", job).out.count("; ids and rejects removed") == 3
    assert call("rejects", "--sandbox", job).out.startswith("docs: 1 reject, by code")
    assert call("status", "--sandbox", job).out.startswith("docs: complete, 100% of 16 rows settled")


def test_a_job_goes_on_after_its_old_loads_were_cleared(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = run_nights(tmp_path, sandbox, 3)
    folder = place_of(job).folder
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        clear_old_loads(folder, ledger, keep=1)
    assert run_here(job, sandbox).exit_code == 0
    write_rows(tmp_path / "night-4.csv", [row_of(1), row_of(2, at="n/a")])
    outcome = run_here(job, sandbox)
    assert (outcome.exit_code, outcome.loads, outcome.sent_now) == (3, (4,), 1)
    write_job(tmp_path, paths="night-*.csv", id_spec='{ columns = ["id", "query"] }')
    assert run_here(job, sandbox).exit_code == 2


def test_retried_rejects_of_cleared_loads_do_not_come_back(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = run_nights(tmp_path, sandbox, 1)
    write_job(tmp_path, paths="night-*.csv", more=', zoom = "x"')
    assert call("retry", "--sandbox", job).code in (0, 3)
    folder = place_of(job).folder
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        assert len(ledger.loads()) == 2
        clear_old_loads(folder, ledger, keep=1)
    assert call("rejects", "--sandbox", job).out.startswith("docs: 1 reject, by code")


def test_a_run_killed_between_the_note_and_the_removal_is_made_good(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = run_nights(tmp_path, sandbox, 2)
    folder = place_of(job).folder
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        ledger.notes.cleared_through = 1
    assert (folder / "loads/000001").is_dir()
    assert "1 reject" in call("rejects", "--sandbox", job).out
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        assert clear_old_loads(folder, ledger, keep=None) == (1,)


@pytest.mark.parametrize("with_state_dir", [True, False])
def test_state_that_is_copied_elsewhere_resumes_there(
    tmp_path: Path, sandbox: SandboxProcess, with_state_dir: bool
) -> None:
    here, there = tmp_path / "here", tmp_path / "a new machine"
    here.mkdir()
    job = write_job(here, 20)
    state = here / "state" if with_state_dir else None
    assert run_here(job, sandbox, state_dir=state, limit=8).sent_now == 8
    shutil.copytree(here, there)
    shutil.rmtree(here)
    moved = there / "state" if with_state_dir else None
    outcome = run_here(there / "docs.toml", sandbox, state_dir=moved)
    assert (outcome.exit_code, outcome.sent_now, outcome.books.delivered) == (0, 12, 20)
    assert run_here(there / "docs.toml", sandbox, state_dir=moved).attempts == 0


def test_nothing_in_the_ledger_is_a_path_of_this_machine(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = run_nights(tmp_path, sandbox, 1)
    with sqlite3.connect(place_of(job).folder / "ledger.db") as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "night-1.csv" in dump
    assert str(tmp_path) not in dump
