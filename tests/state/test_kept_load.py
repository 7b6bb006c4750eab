"""Files of the state folder that later decisions rest on: damaged or missing, each is refused with the way out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.errors import StateError
from etl.intake.taking import RetryRequest
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from tests.workbench import call, place_of, row_of, run_here, write_job, write_rows

INCREMENTAL = 'mode = "incremental"'


def fix_of(job: str) -> str:
    return (
        f"Restore it from a backup, or start the job over: backfill reset {job}; it sends every event again with the "
        "same ids"
    )


def write_night(folder: Path, *numbers: int) -> Path:
    """Write a job over all files of `nights/`, and a new file there, whose last row is a reject."""
    nights = folder / "nights"
    nights.mkdir(exist_ok=True)
    rows = [row_of(number) for number in numbers]
    path = nights / f"{len(list(nights.iterdir()))}.csv"
    write_rows(path, [*rows, row_of(90_000 + numbers[0], at="n/a")])
    return write_job(folder, paths="nights/*.csv", source=INCREMENTAL)


def load_one(job: Path) -> Path:
    return place_of(job).folder / "loads" / "000001"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["rejects-00000.parquet", "ids-00000.parquet"])
@pytest.mark.parametrize(("damage", "found"), [(flip, "changed"), (Path.unlink, "gone")])
def test_a_file_that_a_run_rests_on_is_refused(
    tmp_path: Path, sandbox: SandboxProcess, name: str, damage: Callable[[Path], object], found: str
) -> None:
    job = write_night(tmp_path, *range(1, 41))
    assert run_here(job, sandbox).books.delivered == 40
    write_night(tmp_path, *range(1, 21))  # each a duplicate
    path = load_one(job) / name
    damage(path)
    before = sandbox.stats()["attempts"]
    with pytest.raises(StateError) as caught:
        run_here(job, sandbox) if name.startswith("ids") else run_here(job, sandbox, retry=RetryRequest())
    assert caught.value.problem == f"Expected the staged part as it was written, found it {found} - {path}"
    assert caught.value.fix == fix_of("JOB")
    assert sandbox.stats()["attempts"] == before


@pytest.mark.parametrize(("damage", "found"), [(flip, "changed"), (Path.unlink, "gone")])
def test_what_a_retry_took_is_refused_where_it_is_damaged(
    tmp_path: Path, sandbox: SandboxProcess, damage: Callable[[Path], object], found: str
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zoom")])
    run_here(job, sandbox)
    write_job(tmp_path, [row_of(1), row_of(2, action="zoom")], more=', zoom = "search_result_clicked"')
    assert run_here(job, sandbox, retry=RetryRequest()).sent_now == 1
    damage(load_one(job).with_name("000002") / "taken.parquet")
    before = sandbox.stats()["attempts"]
    with pytest.raises(StateError, match=f"found it {found}"):
        run_here(job, sandbox, retry=RetryRequest())
    said = call("rejects", "--sandbox", job)
    assert (said.code, said.err.splitlines()[-1].strip()) == (7, fix_of(f"{job} --sandbox"))
    assert sandbox.stats()["attempts"] == before


def test_what_the_server_refused_is_refused_where_it_is_damaged(tmp_path: Path) -> None:
    with SandboxProcess("--reject", "100%") as sandbox:
        job = write_job(tmp_path, 5)
        assert run_here(job, sandbox).books.rejected == 5
        flip(load_one(job) / "refused-00000.parquet")
        before = sandbox.stats()["attempts"]
        with pytest.raises(StateError, match="found it changed"):
            run_here(job, sandbox, retry=RetryRequest())
        assert sandbox.stats()["attempts"] == before


def test_what_retention_removed_is_missed_by_nobody(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_night(tmp_path, *range(1, 11))
    job.write_text(job.read_text() + "[state]\nkeep_loads = 1\n")
    run_here(job, sandbox)
    for first in (11, 21):
        write_night(tmp_path, *range(first, first + 5))
        job.write_text(job.read_text() + "[state]\nkeep_loads = 1\n")
        assert run_here(job, sandbox).books.delivered == 5
    assert not load_one(job).exists()


def test_a_whole_load_that_is_gone_without_retention_is_refused(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_night(tmp_path, *range(1, 11))
    run_here(job, sandbox)
    shutil.rmtree(load_one(job))
    write_night(tmp_path, *range(1, 11))
    with pytest.raises(StateError, match="found it gone"):
        run_here(job, sandbox)


def test_a_part_that_changed_before_its_ids_were_kept_is_refused(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 20, top="keep = true")
    run_here(job, sandbox)
    flip(load_one(job) / "events-00000.parquet")
    write_job(tmp_path, 20)
    with pytest.raises(StateError, match="found it changed"):
        run_here(job, sandbox)
    with Ledger.open_existing(place_of(job).folder) as ledger:
        assert not ledger.load(1).ids_kept


def test_a_run_with_nothing_new_reads_no_reject_and_still_tells_of_those_that_are_open(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zoom"), row_of(3, at="n/a")])
    assert run_here(job, sandbox).exit_code == 3
    rejects = load_one(job) / "rejects-00000.parquet"
    whole = rejects.read_bytes()
    flip(rejects)
    again = run_here(job, sandbox)
    assert (again.exit_code, again.open_rejects) == (0, {"unmapped_value": 1, "unparsable_timestamp": 1})
    assert call("status", "--sandbox", job).code == 0
    with pytest.raises(StateError, match="found it changed"):
        run_here(job, sandbox, retry=RetryRequest())
    rejects.write_bytes(whole)
    assert call("dismiss", "--sandbox", job, "--row", 2, "--reason", "a test").code == 0
    assert run_here(job, sandbox).open_rejects == {"unparsable_timestamp": 1}
