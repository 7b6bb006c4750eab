"""Threads of ours that die or never answer in the middle of a run: it ends, with one sentence, and goes on later."""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from etl.read import source as reading
from etl.sandbox import process as starting
from etl.sandbox.process import SandboxProcess
from tests.cli.test_limits import as_somebody, needs_root
from tests.faults.test_disk import needs_strace
from tests.faults.trial import trial
from tests.workbench import ROOT, call, finish, start, write_job

NO_THREAD = (
    "Expected what the machine usually gives a process (what was delivered is in the ledger and safe), found no thread "
    "left\nAllow more (ulimit -u), then run it again\n"
)
# Looks for the first request from a thread of its own, and then takes every thread that isn't there yet.
HOOK = """
import resource, threading, time
from urllib.request import urlopen
def later():
    while b'"attempts":0' in urlopen("{url}/sandbox/stats").read().replace(b" ", b""):
        time.sleep(0.002)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
threading.Thread(target=later, daemon=True).start()
def take(rows):
    return rows
"""


@needs_root
def test_a_thread_that_cannot_start_while_events_are_sent_ends_the_run() -> None:
    with SandboxProcess("--latency-ms", "30") as sandbox, tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "scarce.py").write_text(HOOK.format(url=sandbox.url))
        job = write_job(folder, 300, source='transform = "scarce.py:take"')
        flags = ("--endpoint", sandbox.url, job)
        said = finish(start("run", "--quiet", *flags, key=sandbox.api_key, wrapper=as_somebody(400)), 30)
        assert (said.code, said.err) == (7, NO_THREAD)
        (folder / "scarce.py").write_text("def take(rows):\n    return rows\n")
        again = finish(start("run", "--quiet", *flags, key=sandbox.api_key))
        assert again.code == 0, again
        assert len(list(sandbox.events())) == 300


def await_tracer(pid: int) -> None:
    """Wait until every thread of the process is traced."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        states = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/status")]
        if all("TracerPid:\t0\n" not in state for state in states):
            return
        time.sleep(0.02)
    raise AssertionError("nothing traces the process")


@needs_strace
def test_a_run_whose_disk_never_answers_ends_when_it_is_told_to_stop(tmp_path: Path) -> None:
    soon = "import etl.upload.sending as s; s.MOST_DRAIN_SECONDS = 1.0; from etl.cli import main; main()"
    with trial(tmp_path / "stuck", "--latency-ms", "20", events=3_000) as one:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", soon, *map(str, one.arguments)],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "INKEEPANALYTICS_API_INTEGRATION_KEY": one.sandbox.api_key,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not one.sandbox.stats()["attempts"]:
            time.sleep(0.01)
        inject = "inject=fdatasync:delay_enter=100000000"
        tracing = ("strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fdatasync", "-e", inject)
        tracer = subprocess.Popen([*tracing, "-p", str(process.pid)])
        await_tracer(process.pid)
        process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 10
        # Its last thread is held by the tracer, so that it stays there, dead.
        while ") Z " not in Path(f"/proc/{process.pid}/stat").read_text() and time.monotonic() < until:
            time.sleep(0.05)
        tracer.kill()
        tracer.wait()
        said = finish(process, 10)
        assert (said.code, said.out) == (143, "")
        assert said.err == "stopped at once: run the same command again to go on\n"
        one.finish_and_check()


def test_a_thread_that_reads_ahead_and_ends_without_a_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "LOOK_SECONDS", 0.05)
    gone = threading.Thread(target=str)
    gone.start()
    gone.join()
    nothing: queue.Queue[reading._Item] = queue.Queue()
    with pytest.raises(MemoryError):
        reading._next_of(nothing, gone)
    nothing.put(None)
    assert reading._next_of(nothing, gone) is None


def test_a_sandbox_that_hangs_as_it_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_START_SECONDS", 0.5)
    job = write_job(tmp_path, 2)
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 100\n")
    silent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(silent))
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 7
    assert "Expected the sandbox to start, found it gone with exit code -9\n" in said.err
