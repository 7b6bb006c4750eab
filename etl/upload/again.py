"""Names a job and its state again, as a command takes them. Pure."""

import shlex
from pathlib import Path

from etl.job.model import Job
from etl.state.place import SANDBOX_MARK, Destination

__all__ = ["name_again"]


def name_again(job: Job, destination: Destination, state_dir: Path | None) -> str:
    """Return the flags and the job file that mean the same state, as a command takes them."""
    flags = "--sandbox " if destination.mark == SANDBOX_MARK else ""
    flags += f"--endpoint {shlex.quote(destination.endpoint)} " if destination.mark and not flags else ""
    flags += f"--state-dir {shlex.quote(str(state_dir))} " if state_dir is not None else ""
    return f"{flags}{shlex.quote(str(job.path))}"
