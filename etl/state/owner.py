"""Which job file a state belongs to: two jobs of one name beside each other must not share one."""

import os
from pathlib import Path

from etl.errors import BackfillError, JobError
from etl.job.load import load_job
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.state.place import JobPlace
from etl.values.parameters import Parameters

__all__ = ["claim_state"]


def claim_state(job: Job, place: JobPlace, ledger: Ledger) -> None:
    """Note that the state is of `job`; raises `JobError` where another job file that is there has its name.

    A job file that was moved or renamed keeps its state: then the noted one is gone, or is called otherwise.
    """
    here = os.path.relpath(job.path.resolve(), place.folder.resolve())
    noted = ledger.notes.job_file
    if noted == here:
        return
    if noted is not None and _is_of_same_name(other := (place.folder / noted).resolve(), job):
        raise JobError(
            f"Expected job files of different names, found `{job.name}` in {job.path} and {other}: both keep their "
            f"state in {place.folder}",
            f"Give one of them another name; where {job.path.name} replaces {other.name}, move that one away",
        )
    ledger.notes.job_file = here


def _is_of_same_name(other: Path, job: Job) -> bool:
    try:
        if not other.is_file() or other.samefile(job.path):
            return False
        return load_job(other, Parameters(job.parameters, os.environ)).name == job.name
    except (BackfillError, OSError):
        return False
