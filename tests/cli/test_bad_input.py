"""Each way in which the input can be wrong: one clear message with the fix, the right exit code, nothing sent, no
traceback.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, write_job, write_rows

CANARY = "canary-key-93ab"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", CANARY)
    monkeypatch.delenv("INKEEPANALYTICS_WEB_INTEGRATION_KEY", raising=False)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


def run_into(sandbox: SandboxProcess, job: Path) -> Said:
    before = sandbox.stats()["attempts"]
    said = call("run", job, "--endpoint", sandbox.url)
    assert sandbox.stats()["attempts"] == before, "nothing is sent"
    assert "Traceback" not in said.out + said.err
    assert CANARY not in said.out + said.err
    assert said.out == ""
    return said


def test_a_missing_file(tmp_path: Path, sandbox: SandboxProcess) -> None:
    said = run_into(sandbox, write_job(tmp_path, paths="gone.csv"))
    assert said.code == 4
    assert said.err == (
        f"Expected files, found none that match `gone.csv` - [source] paths, {tmp_path}/docs.toml\n"
        f"Check the pattern; it is relative to the job file's folder, {tmp_path}\n"
    )


def test_an_empty_file(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path)
    (tmp_path / "log.csv").write_bytes(b"")
    said = run_into(sandbox, job)
    assert said.code == 4
    assert said.err == (
        "Expected rows, found an empty file - log.csv\nExport the file again, or remove it from [source] paths\n"
    )


def test_a_file_with_a_header_alone_has_nothing_to_send(tmp_path: Path, sandbox: SandboxProcess) -> None:
    before = sandbox.stats()["attempts"]
    said = call("run", write_job(tmp_path, []), "--endpoint", sandbox.url)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:2] == ["docs: complete", "  read       0"]
    assert sandbox.stats()["attempts"] == before


def test_a_file_that_is_not_what_its_suffix_says(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, paths="log.parquet")
    write_rows(tmp_path / "log.parquet", ["1,2,3,4,5"])
    said = run_into(sandbox, job)
    assert said.code == 4
    assert said.err.startswith("Expected parquet data, found ")
    assert "log.parquet" in said.err
    assert len(said.err.splitlines()) == 2


def test_an_unknown_column(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path)
    job.write_text(job.read_text().replace('searchQuery = "query"', 'searchQuery = "qury"'))
    said = run_into(sandbox, job)
    assert said.code == 2
    assert said.err == (
        "Expected a column of the source (`id`, `at`, `action`, `query`, `count`), found `qury` - "
        f'[event] searchQuery, {job} line 10\nDid you mean "query"?\n'
    )


def test_a_job_file_with_a_typo(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path)
    job.write_text(job.read_text().replace("[upload]\nrate", "[upload]\nrte"))
    said = run_into(sandbox, job)
    assert said.code == 2
    assert "found `rte` - [upload] rte, " in said.err
    assert said.err.endswith("Rename it to `rate`\n")


def test_no_job_file(tmp_path: Path, sandbox: SandboxProcess) -> None:
    said = run_into(sandbox, tmp_path / "docs.toml")
    assert said.code == 2
    assert (
        said.err
        == f"Expected a job file, found nothing - {tmp_path}/docs.toml\nCheck the path; job files end in .toml\n"
    )


def test_no_key(tmp_path: Path, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INKEEPANALYTICS_API_INTEGRATION_KEY")
    job = write_job(tmp_path)
    said = run_into(sandbox, job)
    assert said.code == 6
    assert said.err == (
        "Expected an API key, found none in INKEEPANALYTICS_API_INTEGRATION_KEY, "
        "INKEEPANALYTICS_WEB_INTEGRATION_KEY or --key-file\n"
        f"Set one of them, or rehearse without a key: backfill run {job} --sandbox\n"
    )
    assert not list((tmp_path / ".backfill").rglob("ledger.db"))


def test_a_key_that_is_refused_sends_one_request_and_leaves_the_rows_pending(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    before = sandbox.stats()["attempts"]
    said = call("run", write_job(tmp_path, 50), "--endpoint", sandbox.url)
    assert said.code == 6
    assert sandbox.stats()["attempts"] <= before + 1
    assert "  pending    50" in said.err
    assert "The key was refused: " in said.err
    assert CANARY not in said.err + said.out


def test_an_endpoint_that_nobody_answers_is_told_and_the_rows_stay(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = call("run", write_job(tmp_path, 50), "--endpoint", f"http://127.0.0.1:{port}")
    assert said.code == 5
    assert "  pending    50" in said.err
    assert "Expected an answer from the events API, found none: " in said.err
    assert (
        "Check the network and [upload] endpoint, then run the same command again; nothing is lost"
        in said.err
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--endpoint", "ftp://x"], "found the scheme `ftp`"),
        (["--endpoint", "http://example.com"], "Expected an https endpoint"),
        (["--rate", "fast"], "Expected a rate like"),
        (["--sandbox", "--endpoint", "http://127.0.0.1:1"], "Expected --sandbox or --endpoint, found both"),
        (["--limit", "0"], "Invalid value for '--limit'"),
    ],
)
def test_a_command_that_asks_wrongly(tmp_path: Path, arguments: list[str], expected: str) -> None:
    said = call("run", write_job(tmp_path), *arguments)
    assert said.code == 2
    assert expected in said.err
    assert "Traceback" not in said.err


def test_of_several_jobs_one_that_is_wrong_keeps_no_other_from_running(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.mkdir()
    good.mkdir()
    said = call("run", "--sandbox", write_job(bad, paths="gone.csv"), write_job(good, 3))
    assert said.code == 4
    assert "found none that match `gone.csv`" in said.err
    lines = [line.split() for line in said.out.splitlines()]
    assert ["docs", "complete", "3", "3", "0", "0", "0", "0", "3", "0"] in lines
