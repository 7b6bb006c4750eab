"""Incremental jobs whose files changed, or whose runs were killed: an error that names it, or what the job says."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from etl.intake.retry import RetryRequest
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from tests.nights import Nights, counts, csv_of, incremental
from tests.workbench import HEADER, ROOT, call, place_of, row_of


@pytest.fixture
def nights(tmp_path: Path, own_sandbox: SandboxProcess) -> Nights:
    return incremental(tmp_path, own_sandbox)


def change_in_place(nights: Nights) -> None:
    nights.rows("log.csv", [1, 7, 3])


def change_and_grow(nights: Nights) -> None:
    nights.rows("log.csv", [1, 7, 3, 4])


def shrink(nights: Nights) -> None:
    nights.rows("log.csv", [1, 2])


def empty(nights: Nights) -> None:
    nights.write("log.csv", "")


def vanish(nights: Nights) -> None:
    (nights.folder / "log.csv").unlink()


CHANGES = {
    "in place": (change_in_place, "found it changed ("),
    "grown and changed": (change_and_grow, "found it changed ("),
    "shrunk": (shrink, "found it changed ("),
    "emptied": (empty, "found it changed (0 bytes)"),
    "vanished": (vanish, "found it gone - log.csv"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changed_shrank_or_vanished_is_an_error_that_names_it_and_nothing_is_staged(
    nights: Nights, how: str
) -> None:
    change, says = CHANGES[how]
    nights.rows("log.csv", [1, 2, 3])
    nights.run()
    nights.rows("log-new.csv", [9])
    change(nights)
    outcome = nights.run()
    assert (outcome.exit_code, outcome.state, outcome.attempts) == (4, "aborted", 0)
    assert says in outcome.message
    assert outcome.message.endswith("- log.csv")
    assert "on_change" in outcome.fix
    nights.rows("log.csv", [1, 2, 3])
    assert counts(nights.run()) == (0, 1, 1, 0), "put back, the night goes on"


@pytest.mark.parametrize(
    ("how", "restaged"),
    [
        ("in place", (3, 1, 2)),
        ("grown and changed", (4, 2, 2)),
        ("shrunk", (2, 0, 2)),
        ("vanished", (0, 0, 0)),
    ],
)
def test_restage_takes_a_changed_file_whole_and_its_old_rows_are_duplicates(
    tmp_path: Path, own_sandbox: SandboxProcess, how: str, restaged: tuple[int, int, int]
) -> None:
    nights = incremental(tmp_path, own_sandbox, 'on_change = "restage"')
    nights.rows("log.csv", [1, 2, 3])
    nights.rows("log-other.csv", [50])
    nights.run()
    CHANGES[how][0](nights)
    assert counts(nights.run()) == (0, *restaged)
    assert nights.run().loads == (), "once restaged it is known as it is now"


@pytest.mark.parametrize("how", CHANGES)
def test_ignore_leaves_a_changed_file_alone_and_takes_the_others(
    tmp_path: Path, own_sandbox: SandboxProcess, how: str
) -> None:
    nights = incremental(tmp_path, own_sandbox, 'on_change = "ignore"')
    nights.rows("log.csv", [1, 2, 3])
    nights.run()
    CHANGES[how][0](nights)
    nights.rows("log-new.csv", [9])
    assert counts(nights.run()) == (0, 1, 1, 0)


def write_parquet(path: Path, numbers: Sequence[int]) -> None:
    texts = [dict(zip(HEADER.split(","), row_of(n).split(","), strict=True)) for n in numbers]
    pl.DataFrame(texts).write_parquet(path)


@pytest.mark.parametrize("name", ["log.csv.gz", "log.parquet"])
def test_compressed_and_parquet_files_cannot_grow(
    tmp_path: Path, own_sandbox: SandboxProcess, name: str
) -> None:
    def write(numbers: Sequence[int]) -> None:
        if name.endswith(".gz"):
            (tmp_path / name).write_bytes(gzip.compress(csv_of(numbers).encode()))
        else:
            write_parquet(tmp_path / name, numbers)

    nights = incremental(tmp_path, own_sandbox)
    write([1, 2])
    assert counts(nights.run()) == (0, 2, 2, 0)
    assert nights.run().loads == ()
    write([1, 2, 3])
    assert nights.run().exit_code == 4
    incremental(tmp_path, own_sandbox, 'on_change = "restage"')
    assert counts(nights.run()) == (0, 3, 1, 2)


KILLED_WHERE = """
import os, signal, sys
from pathlib import Path
from etl.job.load import load_job
from etl.report.progress import SilentProgress
from etl.upload.run import RunOptions, run_job
from etl.state.place import Destination

job, url, key, part = sys.argv[1:]
part = Path(part)

import time

def clock():
    # The first time anyone asks for it once the load's folder is in its place is between staging and recording.
    if part.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return time.time()

run_job(load_job(Path(job)), Destination(url, key, "sandbox"), RunOptions(), SilentProgress(), wall_clock=clock)
"""


def test_killed_between_staging_and_recording_the_next_run_stages_the_same_rows(nights: Nights) -> None:
    nights.rows("log.csv", [1, 2])
    nights.run()
    nights.rows("log.csv", [1, 2, 3, 4])
    folder = place_of(nights.job).folder
    part = folder / "loads" / "000002" / "events-00000.parquet"
    arguments = [nights.job, nights.sandbox.url, nights.sandbox.api_key, part]
    child = subprocess.run(
        [sys.executable, "-P", "-c", KILLED_WHERE, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    assert part.exists()
    with Ledger.open_existing(folder) as ledger:
        assert [load.number for load in ledger.loads()] == [1]
    nights.rows("log.csv", [1, 2, 3, 4, 5])
    assert counts(nights.run()) == (0, 3, 3, 0)
    assert nights.sandbox.stats()["attempts"] == 5


def test_a_growing_file_is_no_change_for_a_job_that_runs_once_only_where_the_job_says_so(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    nights = incremental(tmp_path, own_sandbox)
    nights.job.write_text(nights.job.read_text().replace('mode = "incremental"', ""))
    nights.rows("log.csv", [1])
    nights.run()
    nights.rows("log.csv", [1, 2])
    outcome = nights.run()
    assert outcome.exit_code == 4
    assert 'For files that grow: mode = "incremental"' in outcome.fix
    incremental(tmp_path, own_sandbox)
    assert counts(nights.run()) == (0, 1, 1, 0), "changing the mode changes no id"


def test_validate_tells_of_an_incremental_job_what_its_whole_lines_hold(nights: Nights) -> None:
    nights.write("log.csv", csv_of([1, 2]) + "0000", quiet=False)
    said = call("validate", "--json", nights.job)
    assert said.code == 0, said
    assert json.loads(said.out)["rows"]["read"] == 2


def test_the_only_file_emptied_is_a_change_and_one_that_was_never_staged_is_not(nights: Nights) -> None:
    nights.write("log.csv", "")
    assert (nights.run().exit_code, nights.run().loads) == (0, ())
    nights.rows("log.csv", [1])
    nights.run()
    nights.write("log.csv", "", quiet=False)
    outcome = nights.run()
    assert outcome.exit_code == 4
    assert outcome.message.endswith("found it changed (0 bytes) - log.csv")


def test_a_retried_row_equal_to_one_that_was_delivered_is_a_duplicate(nights: Nights) -> None:
    nights.write("log-1.csv", "\n".join([HEADER, row_of(1, action="zoom"), row_of(2, action="zoom")]) + "\n")
    assert counts(nights.run()) == (3, 2, 0, 0)
    nights.rows("log-2.csv", [1])
    assert counts(nights.run()) == (0, 1, 1, 0)
    nights.job.write_text(nights.job.read_text().replace('q = "search', 'zoom = "modal_opened", q = "search'))
    assert counts(nights.run(retry=RetryRequest())) == (0, 2, 1, 1)
    assert nights.sandbox.stats()["attempts"] == 2


def test_a_retry_of_numbered_repeats_takes_no_row_for_another(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    nights = incremental(tmp_path, own_sandbox, id_spec='{ columns = ["id"], duplicates = "number" }')
    rows = [row_of(1), row_of(1, action="zoom")]
    nights.write("log-1.csv", "\n".join([HEADER, *rows]) + "\n")
    assert counts(nights.run()) == (3, 2, 1, 0)
    nights.job.write_text(nights.job.read_text().replace('q = "search', 'zoom = "modal_opened", q = "search'))
    assert counts(nights.run(retry=RetryRequest())) == (0, 1, 1, 0)
