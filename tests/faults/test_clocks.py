"""A clock that can't be right is told, and no row is rejected for it. Real processes, under libfaketime."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.intake.clock import MADE, doubt_clock
from etl.sandbox.process import SandboxProcess
from tests.workbench import finish, row_of, start, write_job

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FIX = "Set the clock of this machine, or say which times are credible: not_after under [limits]"
needs_faketime = pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


def at(moment: str) -> tuple[str, ...]:
    return ("env", "DONT_FAKE_MONOTONIC=1", "TZ=UTC", "faketime", "-f", moment)


@needs_faketime
@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("@1970-01-02 00:00:00", "before this version of backfill was made"),
        ("@2026-03-01 12:00:00", "before log.csv was written (2026-11-24 00:00 UTC)"),
        ("@2200-12-31 12:00:00", "decades after this version of backfill was made"),
    ],
)  # fmt: skip
def test_no_row_is_rejected_by_a_clock_that_cannot_be_right(
    tmp_path: Path, sandbox: SandboxProcess, moment: str, why: str
) -> None:
    tag = moment[1:5]
    job = write_job(
        tmp_path, [row_of(n, at="2026-11-20T09:30:00Z").replace("what is", tag) for n in range(5)]
    )
    os.utime(tmp_path / "log.csv", (NOW.timestamp(), NOW.timestamp()))
    checked = finish(start("validate", job, wrapper=at(moment)))
    assert checked.code == 0, checked
    assert f"The clock of this machine says {tag}-" in checked.out
    assert why in checked.out
    said = finish(
        start("run", "--json", "--endpoint", sandbox.url, job, key=sandbox.api_key, wrapper=at(moment))
    )
    assert said.code == 0, said
    outcome = json.loads(said.out)
    assert outcome["rows"]["delivered"] == 5
    assert why in outcome["notes"][0]
    assert outcome["notes"][1] == FIX


@needs_faketime
def test_the_doctor_tells_a_clock_that_cannot_be_right(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path)
    said = finish(
        start(
            "doctor", job, "--endpoint", sandbox.url, key=sandbox.api_key, wrapper=at("@1970-01-02 00:00:00")
        )
    )
    assert "before this version of backfill was made: no row is rejected as from the future" in said.out
    assert FIX in said.out


def test_what_makes_a_clock_doubtful() -> None:
    day = 86_400.0
    now = NOW.timestamp()
    assert doubt_clock(NOW, []) is None
    assert doubt_clock(NOW, [("a", now + 0.9 * day)]) is None
    assert doubt_clock(NOW, [("a", now), ("b", now + 2 * day)]) == (
        "The clock of this machine says 2026-11-24 00:00 UTC, before b was written (2026-11-26 00:00 UTC): "
        "no row is rejected as from the future"
    )
    assert doubt_clock(NOW, [("b", 1e18)]) is not None
    assert doubt_clock(MADE, []) is None
    assert doubt_clock(datetime(9999, 12, 31, tzinfo=UTC), [("a", now)]) is not None


def test_a_credible_clock_still_rejects_the_future(tmp_path: Path, sandbox: SandboxProcess) -> None:
    later = f"{datetime.now(UTC).year + 2}-01-01T00:00:00Z"
    job = write_job(tmp_path, [row_of(1, at=later)])
    said = finish(start("validate", "--json", job))
    assert (said.code, json.loads(said.out)["rejects"]) == (3, {"timestamp_out_of_range": 1})
