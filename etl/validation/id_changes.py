"""Compares a dry run with what was delivered before: would the same rows now get other ids? Reads the ledger, if there
is one.
"""

from datetime import datetime
from pathlib import Path

from etl.errors import BackfillError, JobError, JobLocked
from etl.intake.id_guard import check_mapping
from etl.job.line_numbers import place_of
from etl.job.model import Job
from etl.ledger.opening import find_ledger_file
from etl.ledger.store import Ledger
from etl.state.place import JobPlace
from etl.values.findings import Finding

__all__ = ["find_changed_ids"]


def find_changed_ids(job: Job, state_dir: Path | None, started: datetime) -> Finding | None:
    """Return a warning where rows that were delivered would get other ids now; None where nothing was, or none would.

    Where the ledger can't be asked, a note or a warning says so.
    """
    folder = JobPlace.of(job, state_dir, "").folder
    try:
        if find_ledger_file(folder) is None:
            return None
        with Ledger.open(folder, job=job.name, endpoint=job.upload.endpoint) as ledger:
            check_mapping(job, folder, ledger, started)
    except JobLocked:
        what = "the job is running, so what was delivered could not be compared"
        return Finding(
            "note", "ids_not_compared", what, 0, 0.0, "validate again once the run is done", field="id"
        )
    except JobError as error:
        place = place_of(job, "event", "id")
        what = " ".join(error.problem.split())
        return Finding(
            "warning",
            "changed_ids",
            what,
            0,
            0.0,
            error.fix,
            field="id",
            job_file=str(job.path),
            job_line=place.line,
        )
    except BackfillError as error:
        return Finding(
            "warning", "ids_not_compared", " ".join(error.problem.split()), 0, 0.0, error.fix, field="id"
        )
    return None
