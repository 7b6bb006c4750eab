"""A machine that gives little: too few file descriptors are told before anything is sent."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.run.workbench import row_of, write_job, write_rows

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
