"""The part of the Python API that sends nothing: load a job, preview it, ask where it stands, read its rejects.

Rule: as `etl.api`, whose jobs and places it understands in one way.
"""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from etl.errors import JobError
from etl.job.amounts import parse_moment
from etl.job.load import load_job as load_job_file
from etl.job.model import Job
from etl.rejects.report import REPORT_SCHEMA
from etl.report.preview import Preview
from etl.scaffold.preview import PreviewOptions, preview_job
from etl.state.dismiss import Dismissed, DismissRequest, dismiss_rejects, restore_rejects
from etl.state.lookup import look_into
from etl.state.place import JobPlace, mark_for
from etl.state.rejects import Rejects
from etl.state.status import read_standing
from etl.typed import JobName, type_command
from etl.values.parameters import Parameters
from etl.values.reject import RejectCode
from etl.values.status import Standing

__all__ = [
    "JobLike",
    "check_code",
    "check_count",
    "dismiss",
    "job_of",
    "load_job",
    "path_of",
    "place_of",
    "preview",
    "read_rejects",
    "refuse_both",
    "status",
]

PathLike = str | os.PathLike[str]
JobLike = Job | PathLike


def load_job(
    path: PathLike,
    *,
    parameters: Mapping[str, str] | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
) -> Job:
    """Return the job that the TOML file at `path` describes; raises `JobError`, which says what to mend.

    `parameters`: what `${NAME}` in the file stands for, beside the environment. `since`, `until`: only events from and
    before these times, instead of the file's.
    """
    file = path_of(path, "the path of a job file", 'As in: load_job("jobs/search.toml")')
    given = Parameters(parameters or {}, os.environ, _moment_of(since, "since"), _moment_of(until, "until"))
    job = load_job_file(file, given)
    if unused := sorted(set(given.given) - set(job.parameters)):
        raise JobError(
            f"Expected parameters that the job file uses, found `{unused[0]}` - {file}",
            f"Leave it out, or use ${{{unused[0]}}} in the job file",
        )
    return job


def _moment_of(value: str | datetime | None, name: str) -> datetime | None:
    try:
        return None if value is None else parse_moment(value)
    except ValueError as error:
        raise JobError(f"Expected {error}, found `{value}` - {name}", f'As in: {name}="2024-01-31"') from None


def preview(job: JobLike, *, rows: int = 5, row: int | None = None, rejects_only: bool = False) -> Preview:
    """Return the first `rows` rows of `job` beside the events they become, or row number `row` of its first file.

    `rejects_only`: the first rows that would be rejected. Raises `JobError` and `InputError` as `validate` does.
    """
    check_count(rows, "rows")
    check_count(row, "row")
    options = PreviewOptions(rows=1 if row is not None else rows, row=row, rejects_only=rejects_only)
    return preview_job(job_of(job), options, started=datetime.now(UTC))


def status(
    job: JobLike, *, sandbox: bool = False, endpoint: str | None = None, state_dir: PathLike | None = None
) -> Standing:
    """Return where `job` stands, also while it runs; raises `StateError` where its state can't be read."""
    parsed = job_of(job)
    return read_standing(parsed, place_of(parsed, endpoint, state_dir, sandbox=sandbox))


def read_rejects(
    job: JobLike,
    *,
    code: str | None = None,
    load: int | None = None,
    closed: bool = False,
    sandbox: bool = False,
    endpoint: str | None = None,
    state_dir: PathLike | None = None,
) -> pl.DataFrame:
    """Return the open rejects of `job`: file, row, code, reason, fix, and as JSON text in `source` every original
    column.

    `code`, `load`: only those. `closed`: also those that were retried or dismissed. Raises `JobLocked` while a run
    holds the job, `StateError` where its state can't be read.
    """
    parsed = job_of(job)
    check_code(code)
    place = place_of(parsed, endpoint, state_dir, sandbox=sandbox)
    with look_into(place.folder, "etl.rejects") as ledger:
        if ledger is None:
            return pl.DataFrame(schema=REPORT_SCHEMA | ({"dismissed": pl.String()} if closed else {}))
        found = Rejects(parsed, place, ledger, code=code, load=load, with_closed=closed)
        return pl.concat([pl.DataFrame(schema=found.schema), *found.told()])


def dismiss(
    job: JobLike,
    *,
    reason: str | None = None,
    codes: Sequence[str] = (),
    rows: Sequence[int] = (),
    every: bool = False,
    file: str | None = None,
    load: int | None = None,
    undo: bool = False,
    sandbox: bool = False,
    endpoint: str | None = None,
    state_dir: PathLike | None = None,
) -> Dismissed:
    """Close open rejects of `job`, for `reason`: those with one of `codes`, those at `rows`, or `every` one. Return
    what changed.

    `file`, `load`: only those of it. `undo`: open them again instead. Raises `JobError` where nothing is named, a named
    row has no reject, or the job has never run; `JobLocked` and `StateError` as `read_rejects` does.
    """
    parsed = job_of(job)
    for code in codes:
        check_code(code)
    for row in rows:
        check_count(row, "rows")
    check_count(load, "load")
    if not (codes or rows or every):
        raise JobError(
            "Expected codes, rows or every=True, found none of them", 'As in: codes=["unmapped_value"]'
        )
    if not undo and not (reason and reason.strip()):
        raise JobError(
            "Expected a reason, found none", 'Say why nobody will mend them: reason="a test account"'
        )
    place = place_of(parsed, endpoint, state_dir, sandbox=sandbox)
    request = DismissRequest(tuple(codes), tuple(rows), file, load)
    with look_into(place.folder, "etl.dismiss") as ledger:
        if ledger is None:
            raise JobError(
                f"Expected a job that has run, found none - {place.folder}",
                f"Start it: {type_command('run')}",
            )
        if undo:
            return restore_rejects(parsed, place, ledger, request)
        return dismiss_rejects(parsed, place, ledger, request, str(reason).strip(), wall_clock=time.time)


def job_of(job: JobLike) -> Job:
    """Return `job`, loaded where it is the path of a file."""
    return job if isinstance(job, Job) else load_job(job)


def path_of(value: PathLike, wanted: str, fix: str) -> Path:
    """Return the path that `value` is; raises `JobError` for anything else, which a notebook easily passes."""
    # A caller without a type checker passes what it likes.
    found: object = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str):
        raise JobError(f"Expected {wanted}, found {type(value).__name__}", fix)
    return Path(found)


def check_count(value: int | None, name: str) -> None:
    """Raise `JobError` where `value` is neither None nor a whole number of 1 or more."""
    found: object = value
    if found is not None and (isinstance(found, bool) or not isinstance(found, int) or found < 1):
        raise JobError(
            f"Expected a whole number of 1 or more, found {found!r} - {name}", "Leave it out for the usual"
        )


def check_code(code: str | None) -> None:
    """Raise `JobError` where `code` is no code of a reject."""
    if code is not None and code not in list(RejectCode):
        raise JobError(
            f"Expected a code of a reject, found `{code}` - code", f"One of: {', '.join(RejectCode)}"
        )


def refuse_both(endpoint: str | None, *, sandbox: bool) -> None:
    """Raise `JobError` where two destinations are named."""
    if sandbox and endpoint:
        raise JobError("Expected sandbox or endpoint, found both", "Leave one of them out")


def place_of(job: Job, endpoint: str | None, state_dir: PathLike | None, *, sandbox: bool) -> JobPlace:
    """Return where the state of `job` is, and speak of the job so; raises `JobError` where two destinations are
    named.
    """
    refuse_both(endpoint, sandbox=sandbox)
    JobName(str(job.path), sandbox, endpoint, state_dir).speak()
    folder = None if state_dir is None else path_of(state_dir, "a folder as state_dir", "Give its path")
    return JobPlace.of(job, folder, mark_for(job, sandbox=sandbox, endpoint=endpoint))
