"""A signal while a job's own function is compiled or called is a signal, not a fault of the function."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, finish, start, write_job

SLOW = """
import pathlib, time
import polars as pl

def linger(*_):
    begun = pathlib.Path(__file__).with_suffix(".begun")
    if not begun.exists():
        begun.touch()
        time.sleep(50)
        begun.with_suffix(".ended").touch()

{code}
"""
HOOKS = {
    "while it is loaded": "linger()\ndef clean(rows): return rows",
    "while it is called": "def clean(rows):\n    linger()\n    return rows",
    "in a function of Polars": (
        "def clean(rows):\n"
        "    return rows.with_columns(pl.col('query').map_batches(lambda s: linger() or s, return_dtype=pl.String))"
    ),
    "where it is caught": (
        "def clean(rows):\n    try: linger()\n    except Exception as error: raise ValueError('odd') from error\n    "
        "return rows"
    ),
    "where it is swallowed": "def clean(rows):\n    try: linger()\n    except: pass\n    return rows",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


def interrupt_hook(folder: Path, sandbox: SandboxProcess, code: str, number: int) -> Said:
    """Signal a run in its function, which the run must not wait for."""
    (folder / "mapping.py").write_text(SLOW.format(code=code))
    job = write_job(folder, source='transform = "mapping.py:clean"')
    process = start("run", "--json", "--endpoint", sandbox.url, job, key=sandbox.api_key)
    deadline = time.monotonic() + 30
    while not (folder / "mapping.begun").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    said = finish(process)
    assert not (folder / "mapping.ended").exists()
    return said


@pytest.mark.parametrize(
    ("where", "number"),
    [*((where, signal.SIGTERM) for where in HOOKS), ("while it is called", signal.SIGINT)],
)
def test_a_signal_is_no_fault_of_the_function(
    tmp_path: Path, sandbox: SandboxProcess, where: str, number: signal.Signals
) -> None:
    before = sandbox.stats()["attempts"]
    said = interrupt_hook(tmp_path, sandbox, HOOKS[where], number)
    assert said.code == 128 + number, said
    outcome = json.loads(said.out)
    assert outcome["state"] == "interrupted"
    assert "Mend" not in said.out + said.err
    assert sandbox.stats()["attempts"] == before


def test_a_function_that_goes_on_in_another_thread_holds_nobody_up(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    code = "def clean(rows):\n    if rows.collect().height: linger()\n    return rows"
    said = interrupt_hook(tmp_path, sandbox, code, signal.SIGTERM)
    assert said.code == 128 + signal.SIGTERM
    assert said.err == "stopped at once: run the same command again to go on\n"
