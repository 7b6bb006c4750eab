"""A machine that gives little: too few file descriptors are told before anything is sent."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from etl.cli.machine import loads_polars
from etl.sandbox.process import SandboxProcess
from tests.workbench import finish, row_of, start, write_job, write_rows

COMMAND = [sys.executable, "-c", "from etl.cli import main; main()"]


@pytest.mark.parametrize("most_files", [24, 64, 127])
def test_few_file_descriptors_are_told_before_anything_is_sent(tmp_path: Path, most_files: int) -> None:
    write_rows(tmp_path / "rows.csv", [row_of(number) for number in range(40)])
    job = write_job(tmp_path, paths="rows.csv")

    with SandboxProcess() as sandbox:
        finished = subprocess.run(
            [*COMMAND, "run", "--quiet", "--endpoint", sandbox.url, str(job)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "INKEEPANALYTICS_API_INTEGRATION_KEY": sandbox.api_key},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files)),
        )
        attempts = sandbox.stats()["attempts"]

    assert finished.returncode == 7, finished.stderr
    assert finished.stderr.splitlines() == [
        f"Expected room for at least 128 open files, found a limit of {most_files}",
        "Raise it, as in ulimit -n 1024, then run the same command again; nothing was sent",
    ]
    assert attempts == 0


@pytest.mark.parametrize("most_bytes", [100_000_000, 400_000_000, 1_000_000_000, 1_200_000_000])
@pytest.mark.parametrize("command", [("validate",), ("run", "--sandbox"), ("status",)])
def test_little_address_space_is_told_before_anything_begins(
    tmp_path: Path, most_bytes: int, command: tuple[str, ...]
) -> None:
    job = write_job(tmp_path)
    process = start(
        *command, job, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    )
    said = finish(process, 20)
    assert (said.code, said.out) == (7, "")
    problem, fix = said.err.splitlines()
    assert problem.startswith("Expected room for at least 2,4")
    assert problem.endswith(f" MB of address space, found a limit of {most_bytes // 1_000_000:,} MB")
    assert fix == "Raise it, as in ulimit -v unlimited, then run the same command again; nothing was sent"


def as_somebody(threads: int) -> tuple[str, ...]:
    """Run as a user without processes, who may have so many threads and read what root reads."""
    reads = "+dac_override,+dac_read_search"
    return (
        *("prlimit", f"--nproc={threads}:{threads}", "setpriv", "--reuid=54321", "--regid=54321"),
        *("--clear-groups", f"--inh-caps={reads}", f"--ambient-caps={reads}"),
    )


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"),
    reason="only root becomes another user",
)


@needs_root
@pytest.mark.parametrize("threads", [4, 15, 22])
def test_few_threads_are_told_before_anything_begins(tmp_path: Path, threads: int) -> None:
    said = finish(start("validate", write_job(tmp_path), wrapper=as_somebody(threads)), 30)
    assert (said.code, said.out) == (7, "")
    assert said.err == (
        f"Expected room for at least 23 threads, found room for {threads - 1}\n"
        "Allow more (ulimit -u, or the container's limit of processes), then run the same command again; nothing was "
        "sent\n"
    )


@needs_root
@pytest.mark.parametrize("threads", [24, 27])
def test_as_many_threads_as_are_asked_for_are_enough(threads: int) -> None:
    # pytest's own folders are root's alone.
    with tempfile.TemporaryDirectory(dir="/tmp") as name, SandboxProcess() as sandbox:
        folder = Path(name)
        folder.chmod(0o777)
        job = write_job(folder, 300)
        wrapper = as_somebody(threads)
        run = start("run", "--endpoint", sandbox.url, job, key=sandbox.api_key, wrapper=wrapper)
        said = finish(run, 60)
    assert said.code == 0, said


def test_help_needs_nothing_of_the_machine() -> None:
    assert not any(map(loads_polars, ([], ["--help"], ["run", "--help"], ["schema"], ["--version"])))
    assert loads_polars(["run", "a.toml"])
