"""What holds for every test: a property takes the time it takes, and no test is left out for a reason that nobody wrote
down.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from typing import Final

import pytest
from hypothesis import settings

from etl.sandbox.process import SandboxProcess
from etl.typed import JobName

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# The marks of what jobs delivered: a test starts on a machine that has none.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="backfill-test-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)

# A test may be left out for these reasons alone: what it needs is not the project's to install. Each begins the reason.
ALLOWED_SKIPS: Final = {
    "the real logs are not beside this checkout": "people's own exports, which are not part of the repository",
    "no Chromium on this machine": "a browser, to look at the report as a person does",
    "strace is not installed, or may not trace here": "to kill a process at each fsync; containers often forbid it",
    "faketime is not installed": "to run a command under another clock",
    "only root": "to become another user",
    "systemd-analyze isn't installed": "to check the units as systemd reads them",
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped for another reason than those above."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(tuple(ALLOWED_SKIPS)):
            report.outcome = "failed"
            report.longrepr = (
                f"{item.nodeid} was left out: {reason}. The reasons that hold are in tests/conftest.py"
            )
    return report


@pytest.fixture(autouse=True)
def _no_job_in_hand() -> None:
    """No test speaks of the job of the one before it."""
    JobName("JOB").speak()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """One sandbox for the tests of a module: each has ids of its own state folder, and looks at what grew."""
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def own_sandbox() -> Iterator[SandboxProcess]:
    """A sandbox for one test, which may count all that arrived."""
    with SandboxProcess() as process:
        yield process
