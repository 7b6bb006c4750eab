"""Upload years of historical logs to the Inkeep Analytics events API: typed, checkpointed, resumable.

from etl import load_job, preview, rejects, retry, run, status, validate

    job = load_job("jobs/search.toml")
    validate(job)                      # every row checked; nothing sent, no key needed
    run(job, sandbox=True)             # a rehearsal against a local stand-in
    run(job, check=True)               # the upload; raises unless every row is settled
    rejects(job)                       # what was left behind, as a Polars frame

Rule: importing this loads nothing else; each name is found when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.books import Books
    from etl.errors import (
        BackfillError,
        EndpointError,
        Incomplete,
        InputError,
        JobError,
        JobLocked,
        KeyProblem,
        LimitReached,
        StateError,
    )
    from etl.job.model import Job
    from etl.outcome import Outcome
    from etl.report.findings import Finding, Validation
    from etl.report.preview import Preview
    from etl.run.api import ProgressView, retry, run, validate
    from etl.run.looking import load_job, preview, rejects, status
    from etl.standing import Standing

__all__ = [
    "BackfillError",
    "Books",
    "EndpointError",
    "Finding",
    "Incomplete",
    "InputError",
    "Job",
    "JobError",
    "JobLocked",
    "KeyProblem",
    "LimitReached",
    "Outcome",
    "Preview",
    "ProgressView",
    "Standing",
    "StateError",
    "Validation",
    "load_job",
    "preview",
    "rejects",
    "retry",
    "run",
    "status",
    "validate",
]

_HOMES = {
    "Books": "etl.books",
    "Finding": "etl.report.findings",
    "Job": "etl.job.model",
    "Outcome": "etl.outcome",
    "ProgressView": "etl.run.api",
    "Validation": "etl.report.findings",
    "Preview": "etl.report.preview",
    "Standing": "etl.standing",
    "load_job": "etl.run.looking",
    "preview": "etl.run.looking",
    "rejects": "etl.run.looking",
    "retry": "etl.run.api",
    "status": "etl.run.looking",
    "validate": "etl.run.api",
}


def __getattr__(name: str) -> Any:
    if name == "run":
        return importlib.import_module("etl.run")  # a package that can be called: see there
    if name not in __all__:
        raise AttributeError(f"module `etl` has no attribute `{name}`")
    return getattr(importlib.import_module(_HOMES.get(name, "etl.errors")), name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__"]
