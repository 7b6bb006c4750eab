"""Keeps the error reports in a job's folder true to its ledger; whoever runs next mends what a kill left.

Rule: what a report was written from is noted once it is there. So one that a kill kept from being written, or that is
gone, is written by the next run, and one that is still true is left alone.
"""

from pathlib import Path

from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.state.place import JobPlace
from etl.state.rejects import Rejects, describe_rejects

__all__ = ["refresh_reports"]


def refresh_reports(job: Job, place: JobPlace, ledger: Ledger) -> tuple[Path, ...]:
    """Return the paths of the CSV and JSONL reports, after writing those that weren't true; none without rejects.

    Raises `StateError` where the disk won't have them.
    """
    paths = (place.rejects_csv, place.rejects_jsonl)
    state = describe_rejects(ledger)
    there = [path for path in paths if path.exists()]
    if not there and not any(ledger.books(load.number).rejected for load in ledger.loads()):
        return ()
    if len(there) < len(paths) or ledger.notes.reported != state:
        found = Rejects(job, place, ledger)
        found.write_file("csv", place.rejects_csv)
        found.write_file("jsonl", place.rejects_jsonl)
        ledger.notes.reported = state
    return paths
