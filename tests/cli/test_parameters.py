"""One job file for several stages and dates: `--set`, `--since`, `--until`, `key_env`."""

import json
from pathlib import Path

import pytest

import etl
from etl.errors import JobError
from etl.sandbox.process import SandboxProcess
from tests.workbench import call, row_of, write_job, write_rows

DAYS = ("2024-01-30", "2024-01-31", "2024-02-01")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job over a file of each of three days, whose name, paths and a constant are parameters."""
    for number, day in enumerate(DAYS):
        rows = [row_of(number * 10 + row, at=f"{day}T09:30:00Z") for row in range(4)]
        write_rows(tmp_path / f"{day}.csv", rows)
    path = write_job(tmp_path, paths="${DATE}.csv")
    text = path.read_text().replace('"docs"', '"docs-${STAGE}"')
    path.write_text(text + '\n[event.userProperties]\nstage = { value = "${STAGE}" }\n')
    return path


def read(said_out: str) -> int:
    rows: int = json.loads(said_out)["rows"]["read"]
    return rows


def test_each_date_is_a_load_of_its_own_and_each_stage_a_state_of_its_own(job: Path) -> None:
    for day in (*DAYS, DAYS[0]):
        said = call(
            "run", "--sandbox", "--quiet", "--json", "--set", f"DATE={day}", "--set", "STAGE=test", job
        )
        assert said.code == 0, said.err
    assert read(said.out) == 0
    said = call("status", "--sandbox", "--json", "--set", "DATE=any", "--set", "STAGE=test", job)
    assert json.loads(said.out)["rows"]["delivered"] == 12
    said = call("status", "--sandbox", "--set", "DATE=any", "--set", "STAGE=production", job)
    assert said.out == (
        f"docs-production: never run\nStart it: backfill run {job} --sandbox --set DATE=any --set STAGE=production\n"
    )


@pytest.mark.parametrize("command", ["validate", "preview", "run", "status", "verify", "reset"])
def test_a_parameter_that_no_job_file_uses_is_refused(job: Path, command: str) -> None:
    said = call(command, "--set", "DAET=2024", "--set", "STAGE=test", job)
    assert said == (
        2,
        "",
        "Expected a parameter that the job file uses (`DATE`, `STAGE`), found `DAET` - --set\n"
        "Did you mean --set DATE=…?\n",
    )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (["DATE"], "Expected NAME=VALUE, a name of letters, digits and `_`, found `DATE` - --set"),
        (["D-1=x"], "Expected NAME=VALUE, a name of letters, digits and `_`, found `D-1=x` - --set"),
        (["DATE=a", "DATE=b"], "Expected one value for `DATE`, found `a` and `b` - --set"),
    ],
)
def test_a_setting_that_is_none_is_told(job: Path, settings: list[str], problem: str) -> None:
    said = call("validate", *(part for setting in settings for part in ("--set", setting)), job)
    assert (said.code, said.err.splitlines()[0]) == (2, problem)


def test_a_window_on_the_command_line_goes_before_the_jobs(job: Path) -> None:
    both = ("--set", "DATE=*", "--set", "STAGE=test")
    said = call("validate", "--json", *both, "--since", DAYS[1], "--until", DAYS[2], job)
    rows = json.loads(said.out)["rows"]
    assert (rows["pending"], rows["skipped"]) == (4, 8)
    said = call("run", "--sandbox", "--json", "--quiet", *both, "--until", DAYS[1], job)
    assert json.loads(said.out)["sent_now"] == 4
    # A wider window takes what the narrower one left out, and nothing twice.
    said = call("run", "--sandbox", "--json", "--quiet", *both, job)
    assert (json.loads(said.out)["sent_now"], json.loads(said.out)["rows"]["duplicate"]) == (8, 4)


def test_a_window_that_is_no_time_is_told(job: Path) -> None:
    assert call("run", "--since", "yesterday", job) == (
        2,
        "",
        "Expected a date like 2015-01-01 or a time like 2015-01-01T00:00:00Z, found `yesterday` - --since\n"
        "As in: --since 2024-01-31\n",
    )


def test_a_job_with_a_key_of_its_own_never_takes_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = write_job(tmp_path, 3, upload='key_env = "STAGING_INKEEP"')
    with SandboxProcess() as sandbox:
        monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
        said = call("run", "--quiet", "--endpoint", sandbox.url, job)
        assert said.code == 6
        assert said.err == (
            "Expected an API key, found none in STAGING_INKEEP, which [upload] key_env names, or in --key-file\n"
            f"Set one of them, or rehearse without a key: backfill run {job} --sandbox\n"
        )
        assert (
            "found none in STAGING_INKEEP or --key-file" in call("doctor", "--endpoint", sandbox.url, job).out
        )
        monkeypatch.setenv("STAGING_INKEEP", sandbox.api_key)
        assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 0
        assert "accepted, from STAGING_INKEEP" in call("doctor", "--endpoint", sandbox.url, job).out


def test_the_python_api_takes_them_too(job: Path) -> None:
    loaded = etl.load_job(job, parameters={"DATE": "*", "STAGE": "test"}, since=DAYS[1])
    assert etl.validate(loaded).outcome.books.pending == 8
    with pytest.raises(JobError, match="Expected parameters that the job file uses, found `DAY`"):
        etl.load_job(job, parameters={"DATE": "*", "STAGE": "test", "DAY": "1"})
    with pytest.raises(JobError, match="found `soon` - until"):
        etl.load_job(job, parameters={"DATE": "*", "STAGE": "test"}, until="soon")
