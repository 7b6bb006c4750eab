"""Parts of finished loads give way to their ids at once, or once they are verified, as the job says."""

import json
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, delivered, place_of, row_of, run_here, write_job, write_rows

UNTIL_VERIFIED = '[state]\nkeep = "until-verified"\n'


def parts_of(job: Path) -> list[str]:
    folder = next((job.parent / ".backfill").glob("docs*/loads"))
    return sorted(str(path.relative_to(folder)) for path in folder.glob("*/events-*.parquet"))


def keep(job: Path, text: str = UNTIL_VERIFIED) -> None:
    job.write_text(job.read_text() + text)


def verify(job: Path, sandbox: SandboxProcess, *more: object) -> Said:
    return call(
        "verify", "--quiet", "--endpoint", sandbox.url, "--patience", "0", "--rate", "max", *more, job
    )


def test_parts_stay_until_every_event_of_their_load_is_confirmed(tmp_path: Path) -> None:
    job = write_job(tmp_path, 40, overlap="send")
    keep(job)
    with SandboxProcess() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
        where = ("--endpoint", sandbox.url)
        assert call("run", "--quiet", *where, job).code == 0
        assert call("run", "--quiet", *where, job).code == 0
        assert len(parts_of(job)) == 1
        size = sum(path.stat().st_size for path in job.parent.rglob("events-*.parquet"))
        [line] = [line for line in call("status", *where, job).out.splitlines() if "kept until" in line]
        assert line.startswith("  the parts of 1 load are kept until verified, ")
        assert line.endswith(f": backfill verify {job} --endpoint {sandbox.url}")
        assert json.loads(call("status", "--json", *where, job).out)["waiting"] == {"loads": 1, "bytes": size}
        assert verify(job, sandbox, "--sample", "10").code == 0
        assert len(parts_of(job)) == 1  # of a part of them nothing was asked
        assert verify(job, sandbox).code == 0
        assert parts_of(job) == []
        assert "kept until" not in call("status", *where, job).out
        assert verify(job, sandbox).code == 0
        assert call("run", "--quiet", *where, job).code == 0


def test_what_is_missing_is_sent_again_from_its_parts_without_the_source(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "5%", rows=120, top="keep = true") as (job, sandbox):
        job.write_text(job.read_text().replace("keep = true", ""))
        keep(job)
        (tmp_path / "log.csv").unlink()
        assert verify(job, sandbox).code == 9
        assert len(parts_of(job)) == 1
        repaired = json.loads(verify(job, sandbox, "--repair", "--json").out)
        assert (repaired["exit_code"], repaired["lost"], repaired["missing"]) == (0, 0, 0)
        assert repaired["resent"] > 0
        assert parts_of(job) == []


@pytest.mark.parametrize("fault", ["--alter", "--double"])
def test_what_is_altered_or_doubled_keeps_its_parts_as_proof_of_what_was_sent(
    tmp_path: Path, fault: str
) -> None:
    with delivered(tmp_path, fault, "5%", rows=60, top="keep = true") as (job, sandbox):
        job.write_text(job.read_text().replace("keep = true", ""))
        keep(job)
        assert verify(job, sandbox).code == 9
        assert len(parts_of(job)) == 1


def test_keep_loads_removes_no_load_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = write_job(tmp_path, 3, source='mode = "incremental"')
    keep(job, f"{UNTIL_VERIFIED}keep_loads = 1\n")
    with SandboxProcess() as sandbox:
        monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
        for rows in (3, 5, 7):
            write_rows(tmp_path / "log.csv", map(row_of, range(1, rows + 1)))
            assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 0
        assert [name[:6] for name in parts_of(job)] == ["000001", "000002", "000003"]
        assert verify(job, sandbox).code == 0
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 10)))
        assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 0
        loads = next((tmp_path / ".backfill").glob("docs*/loads"))
        assert [path.name for path in loads.iterdir()] == ["000004"]


def test_a_load_of_which_nothing_was_delivered_waits_for_nothing(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1, count="x")])
    keep(job)
    with SandboxProcess() as sandbox:
        assert run_here(job, sandbox).exit_code == 3
        assert parts_of(job) == []


@pytest.mark.parametrize("top", ["keep = true", ""])
def test_parts_that_are_kept_stay_when_they_are_verified(tmp_path: Path, top: str) -> None:
    with delivered(tmp_path, rows=5, top="keep = true") as (job, sandbox):
        keep(job, "[state]\nkeep = true\n")
        assert verify(job, sandbox).code == 0
        assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 0
        assert len(parts_of(job)) == 1


def test_another_word_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    job = write_job(tmp_path, 1)
    keep(job, '[state]\nkeep = "verified"\n')
    said = call("status", job)
    assert said.code == 2
    assert (
        said.err.splitlines()[-1]
        == 'Set keep = true, or under [state] keep = "until-verified"; or leave it out'
    )
    assert not place_of(write_job(tmp_path, 1)).folder.exists()
