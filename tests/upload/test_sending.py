"""How the events of a load reach the sender."""

import gc
import threading
from pathlib import Path

from etl.sandbox.process import SandboxProcess
from tests.workbench import run_here, write_job


def test_the_thread_that_reads_ahead_ends_with_the_sending(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 5_000)
    gc.disable()
    try:
        assert run_here(job, sandbox, limit=1).sent_now == 1
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("read_")] == []
    finally:
        gc.enable()
