"""Trials of machines that give little, for `make soak`: never a hang, never a traceback; it works, or one sentence says
why not.
"""

import os
import resource
import subprocess
import tempfile
from pathlib import Path

from tests.workbench import Said, finish, start, write_job

__all__ = ["try_address_space", "try_threads"]

PATIENCE_SECONDS = 60


def try_address_space() -> tuple[int, int, str]:
    """Return how many limits of address space were tried, how many were refused, and what was wrong, if anything."""
    return _try(
        [
            {"most_bytes": most << 20}
            for most in (100, 300, 400, 600, 800, 1000, 1200, 1600, 2000, 2400, 3000, 4000)
        ]
    )


def try_threads() -> tuple[int, int, str]:
    """Return how many limits of threads were tried, how many were refused, and what was wrong, if anything."""
    if os.geteuid() != 0:
        return 0, 0, "skipped: needs root"
    return _try(
        [{"threads": threads} for threads in (1, 2, 4, 8, 12, 15, 16, 18, 20, 22, 23, 24, 25, 26, 28, 32, 48)]
    )


def _try(limits: list[dict[str, int]]) -> tuple[int, int, str]:
    tried = refused = 0
    problem = ""
    for limit in limits:
        for command in (("validate",), ("run", "--sandbox")):
            tried += 1
            try:
                said = _run(command, **limit)
            except subprocess.TimeoutExpired:
                problem = problem or f"{command[0]} with {limit} never returned"
                continue
            refused += said.code == 7
            if (
                said.code not in (0, 7)
                or "Traceback" in said.err
                or (said.code and len(said.err.splitlines()) > 4)
            ):
                problem = problem or f"{command[0]} with {limit} ended with {said.code}: {said.err[-80:]!r}"
    return tried, refused, problem


def _run(command: tuple[str, ...], *, most_bytes: int | None = None, threads: int | None = None) -> Said:
    from tests.cli.test_limits import as_somebody

    # pytest's own folders, and those of the soak, are root's alone.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        job = write_job(folder, 300)

        def limit() -> None:
            if most_bytes is not None:
                resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))

        process = start(*command, job, wrapper=as_somebody(threads) if threads else (), preexec_fn=limit)
        try:
            return finish(process, PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
