"""A test that is left out for a reason that nobody wrote down fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
import pytest

def test_at_a_call():
    pytest.skip({reason!r})

@pytest.mark.skipif(True, reason={reason!r})
def test_by_a_mark():
    pass
"""


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("no Chromium on this machine (Debian package `chromium`)", "2 skipped"),
        ("not today", "1 failed, 1 error"),
    ],
)
def test_only_the_reasons_that_are_written_down_hold(tmp_path: Path, reason: str, ending: str) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(SOURCE.format(reason=reason))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ending in ran.stdout, ran.stdout
