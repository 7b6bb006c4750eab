"""A job over a small CSV file, and ways to run it: in this process, or as the command in one of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from etl.job.load import load_job
from etl.report.progress import SilentProgress
from etl.sandbox.process import SandboxProcess
from etl.state.place import Destination, JobPlace
from etl.upload.run import RunOptions, run_job
from etl.values.outcome import Outcome

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
HEADER = "id,at,action,query,count"

JOB = """
name = "docs"
{top}
[source]
paths = ["{paths}"]
{source}
[event]
entityType = {{ value = "search" }}
type = {{ column = "action", map = {{ q = "search_query_submitted" {more} }} }}
searchQuery = "query"
createdAt = {{ column = "at" }}
id = {id}
[event.properties]
count = {{ column = "count", cast = "int" }}
[upload]
rate = "max"
overlap = "{overlap}"
{upload}
[limits]
max_rejects = {max_rejects}
"""


def row_of(number: int, *, at: str = "2024-01-31T09:30:00Z", action: str = "q", count: object = 1) -> str:
    return f"{number:05d},{at},{action},what is {number}?,{count}"


def write_rows(path: Path, rows: Iterable[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8", newline="")
    return path


def write_job(
    folder: Path,
    rows: Iterable[str] | int = 10,
    *,
    max_rejects: str = '"100%"',
    paths: str = "log.csv",
    top: str = "",
    source: str = "",
    more: str = "",
    upload: str = 'patience = "1s"',
    id_spec: str = '{ columns = ["id"] }',
    overlap: str = "send",
) -> Path:
    """Write log.csv and docs.toml into `folder`; return the job file.

    Tests share a sandbox, and their jobs the ids: only those that are about it look for a load before it is sent.
    """
    if paths == "log.csv":
        write_rows(folder / "log.csv", map(row_of, range(1, rows + 1)) if isinstance(rows, int) else rows)
    path = folder / "docs.toml"
    path.write_text(
        JOB.format(
            paths=paths,
            top=top,
            source=source,
            more=more,
            upload=upload,
            id=id_spec,
            max_rejects=max_rejects,
            overlap=overlap,
        ),
        encoding="utf-8",
    )
    return path


def place_of(job: Path, mark: str = "sandbox") -> JobPlace:
    return JobPlace.of(load_job(job), None, mark)


def run_here(job: Path, sandbox: SandboxProcess, **options: Any) -> Outcome:
    """Run the job in this process, into a sandbox that is up."""
    return run_job(
        load_job(job),
        Destination(sandbox.url, sandbox.api_key, "sandbox"),
        RunOptions(**options),
        SilentProgress(),
    )


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Said:
    """Call the command line in this process, as the console script would."""
    from etl.cli import main

    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True) for _ in range(2)
    )
    before = sys.argv
    code: Any = 0
    try:
        sys.argv = ["backfill", *map(str, arguments)]
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = before
    return Said(int(code or 0), *(stream.buffer.getvalue().decode() for stream in (out, err)))


def start(
    *arguments: object, key: str | None = None, wrapper: tuple[str, ...] = (), **options: Any
) -> subprocess.Popen[str]:
    """Start the command as a process of its own, under `wrapper` if there is one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INKEEP")}
    environment |= {"PYTHONPATH": str(ROOT)}
    if key is not None:
        environment["INKEEPANALYTICS_API_INTEGRATION_KEY"] = key
    return subprocess.Popen(
        [*wrapper, sys.executable, "-P", "-c", "from etl.cli import main; main()", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen[str], patience_seconds: float = 60) -> Said:
    """Wait for the process; a killed one's code is the negative number of the signal."""
    out, err = process.communicate(timeout=patience_seconds)
    return Said(process.returncode, out, err)


@contextmanager
def delivered(
    folder: Path, *faults: str, rows: int = 300, top: str = ""
) -> Iterator[tuple[Path, SandboxProcess]]:
    """A job whose rows are all delivered to a sandbox with `faults`, and the sandbox."""
    job = write_job(folder, rows, top=top, overlap="check")
    with SandboxProcess(*faults) as sandbox:
        os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = sandbox.api_key
        try:
            ran = call("run", "--quiet", "--endpoint", sandbox.url, job)
            assert ran.code == 0, ran.err
            yield job, sandbox
        finally:
            del os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"]
