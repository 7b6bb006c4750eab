"""Trials of output that can't be written or shown, and of state that is another user's, for `make soak`: each command ×
each fault.

Oracle: the exit status is that of the same command where all is well; only a command that does nothing but print ends
with 7 where its output is closed or full. State of another user is 7. Never a traceback.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from etl.cli import COMMANDS as COMMANDS_OF_CLI
from tests.workbench import ROOT, row_of, write_job

__all__ = ["COMMANDS", "commands_with_state", "try_broken_streams", "try_encodings", "try_state_of_another"]

OUTPUTS: Final = {
    "closed": ">&-",
    "full": "> /dev/full",
    "left": "| true; exit ${PIPESTATUS[0]}",
    "error closed": "2>&-",
    "error full": "2> /dev/full",
    "input closed": "<&-",
    "all closed": "<&- >&- 2>&-",
    "both full": "> /dev/full 2>&1",
}
ENCODINGS: Final = (
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "cp437:strict"},
    {"PYTHONIOENCODING": "utf-16"},
    {"LC_ALL": "no_SUCH", "TERM": "", "COLUMNS": "1"},
)
# With the state that a run has left; each begins with a copy of its own.
COMMANDS: Final = (
    "preview $JOB",
    "preview --json --rejects-only $JOB",
    "validate $JOB",
    "validate --json $JOB",
    "run --sandbox $JOB",
    "run --sandbox --json --log-format json $JOB",
    "status --sandbox $JOB",
    "status --sandbox --json $JOB",
    "loads --sandbox $JOB",
    "rejects --sandbox $JOB",
    "rejects --sandbox --format csv $JOB",
    "rejects --sandbox --format jsonl $JOB",
    "rejects --sandbox --format parquet $JOB",
    "retry --sandbox $JOB",
    "retry --sandbox --dry-run $JOB",
    "dismiss --sandbox --all --reason ŵ $JOB",
    "dismiss --sandbox --all --undo --json $JOB",
    "verify --sandbox $JOB",
    "verify --sandbox --json $JOB",
    "receipt --sandbox $JOB",
    "adopt --sandbox $JOB",
    "doctor --sandbox $JOB",
    "reset --sandbox --yes $JOB",
    "init --force -o $JOB.new.toml ${JOB%docs.toml}log.csv",
    "schema",
    "completion bash",
    "--help",
    "run --help",
    "nonsense",
)
PRINTERS: Final = ("preview", "status", "loads", "rejects", "schema", "completion", "--help", "run --help")
# Commands that keep no state, or look at none; all others are held to what the state of another user means.
_STATELESS: Final = {"init", "preview", "validate", "sandbox", "schema", "completion"}
_MORE: Final = {"reset": "reset --yes", "dismiss": "dismiss --all --reason ŵ"}


def commands_with_state() -> list[str]:
    """Return the commands that work on a job's state, as the command line itself lists them."""
    names = sorted(set(COMMANDS_OF_CLI) - _STATELESS)
    return [*(_MORE.get(name, name) for name in names), "retry --dry-run"]


def try_broken_streams() -> tuple[int, int, str]:
    """Return how many commands × streams were tried, how many ended with 7 for it, and what was wrong, if anything."""
    tried = refused = 0
    problem = ""
    with _a_job() as job:
        for command in COMMANDS:
            healthy = _end(command, job, "")[0]
            for name, output in OUTPUTS.items():
                code, said = _end(command, job, output)
                tried, refused = tried + 1, refused + (code == 7)
                is_lost = name in ("closed", "full", "all closed", "both full")
                wanted = 7 if is_lost and command.startswith(PRINTERS) else healthy
                if code != wanted or "Traceback" in said or "Exception ignored" in said:
                    problem = problem or f"{command} with output {name}: {code}, not {wanted}: {said[-80:]!r}"
    return tried, refused, problem


def try_encodings() -> tuple[int, int, str]:
    """Return how many commands × encodings were tried, how many were refused, and what was wrong, if anything."""
    tried = 0
    problem = ""
    with _a_job() as job:
        for command in COMMANDS:
            healthy = _end(command, job, "")[0]
            for encoding in ENCODINGS:
                code, said = _end(command, job, "", encoding)
                tried += 1
                if code != healthy or "Traceback" in said:
                    problem = problem or f"{command} with {encoding}: {code}, not {healthy}: {said[-80:]!r}"
    return tried, 0, problem


def try_state_of_another() -> tuple[int, int, str]:
    """Return how many commands × streams were tried on another user's state, how many were refused, and what was
    wrong.
    """
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return 0, 0, "skipped: needs root and setpriv"
    tried = refused = 0
    problem = ""
    with _a_job() as job:
        for whole in (True, False):  # all state, or the job's own folder alone
            for command in commands_with_state():
                for output in ("", *OUTPUTS.values()):
                    code, said = _end(f"{command} --sandbox $JOB", job, output, owner=12345, owns_root=whole)
                    tried, refused = tried + 1, refused + (code == 7)
                    if code != 7 or "Traceback" in said:
                        problem = problem or f"{command} {output}: {code}, not 7: {said[-80:]!r}"
    return tried, refused, problem


@contextmanager
def _a_job() -> Iterator[Path]:
    """Lend a job that has run once, with rejects and letters that few encodings have."""
    with tempfile.TemporaryDirectory(prefix="soak-streams-") as folder:
        job = write_job(
            Path(folder), [row_of(1).replace("what", "ウード"), row_of(2, at="ウード"), row_of(3)]
        )
        _shell(f"{_BACKFILL} run --sandbox $JOB", job, {})
        shutil.copytree(job.parent / ".backfill", job.parent / "kept")
        yield job


_BACKFILL: Final = f"{sys.executable} -P -c 'from etl.cli import main; main()'"


def _end(
    command: str,
    job: Path,
    output: str,
    environment: Mapping[str, str] | None = None,
    *,
    owner: int | None = None,
    owns_root: bool = False,
) -> tuple[int, str]:
    """Return the exit status of the command on a fresh copy of the state, and what it said on standard error."""
    state = job.parent / ".backfill"
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(job.parent / "kept", state)
    wrapper = ""
    if owner is not None:
        wrapper = "setpriv --inh-caps=-all --bounding-set=-all "
        shut = state if owns_root else state / "docs@sandbox"
        os.chown(shut, owner, owner)
        shut.chmod(0o700)
    return _shell(f"{wrapper}{_BACKFILL} {command} {output}", job, environment or {})


def _shell(line: str, job: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JOB": str(job), **environment},
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode(errors="replace")
