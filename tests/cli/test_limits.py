"""A machine that gives little: few file descriptors. A clear error or a whole run, never a hang or a traceback."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run.workbench import row_of, write_job, write_rows

COMMAND = [sys.executable, "-c", "from etl.cli import main; main()"]


@pytest.mark.parametrize("most_files", [8, 14, 18, 24, 48])
def test_few_file_descriptors_end_in_a_clear_error_or_a_whole_run(tmp_path: Path, most_files: int) -> None:
    write_rows(tmp_path / "rows.csv", [row_of(number) for number in range(40)])
    job = write_job(tmp_path, paths="rows.csv")

    finished = subprocess.run(
        [*COMMAND, "run", "--quiet", "--sandbox", str(job)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files)),
    )

    assert finished.returncode in (0, 7), finished.stderr
    assert "Traceback" not in finished.stderr
    if finished.returncode == 7:
        assert len(finished.stderr.splitlines()) >= 2  # what was found, and the fix
