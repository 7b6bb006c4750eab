from collections.abc import Iterator

import pytest

from etl.sandbox.process import SandboxProcess


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
