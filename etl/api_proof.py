"""The part of the Python API that proves: verify what was delivered, adopt what is there already, issue receipts.

Rule: as `etl.api`. Nothing is sent, but what `verify(repair=True)` found missing.
"""

import os
import threading
import time
from contextlib import ExitStack

from etl.api import destination_of, outside_any_loop
from etl.api_inspect import JobLike, PathLike, check_count, job_of, path_of, place_of
from etl.proof.verify_job import VerifyOptions, verify_job
from etl.receipts.issue import find_load, issue_receipt
from etl.state.lookup import look_into
from etl.state.marks import Marks
from etl.upload.adopt import AdoptOptions, adopt_job
from etl.values.adoption import Adoption
from etl.values.receipt import Receipt
from etl.values.verification import JobVerification

__all__ = ["adopt", "receipt", "verify"]


def verify(
    job: JobLike,
    *,
    sample: int | None = None,
    repair: bool = False,
    patience_seconds: float = 120.0,
    queries_per_second: float = 5.0,
    key: str | None = None,
    sandbox: bool = False,
    endpoint: str | None = None,
    state_dir: PathLike | None = None,
) -> JobVerification:
    """Ask the destination for every delivered event of `job`, or a `sample`, by id, and return what it said.

    `repair`: what is missing is sent again. Raises `JobLocked` while a run holds the job, `KeyProblem` without a key,
    `StateError` where its state can't be read; what was found, or kept it from its end, is in the value.
    """
    check_count(sample, "sample")
    parsed = job_of(job)
    options = VerifyOptions(queries_per_second, patience_seconds, sample, repair=repair)
    place = place_of(parsed, endpoint, state_dir, sandbox=sandbox)
    folder = None if state_dir is None else path_of(state_dir, "a folder as state_dir", "Give its path")
    with ExitStack() as stack:
        destination = destination_of(parsed, stack, key, endpoint, folder, sandbox=sandbox)
        return outside_any_loop(
            lambda: verify_job(parsed, place, destination, options, lambda *_: None), threading.Event()
        )


def adopt(
    job: JobLike,
    *,
    as_found: bool = False,
    patience_seconds: float = 30.0,
    queries_per_second: float = 5.0,
    key: str | None = None,
    sandbox: bool = False,
    endpoint: str | None = None,
    state_dir: PathLike | None = None,
) -> Adoption:
    """Count as delivered those pending events of `job` that the destination holds as they would be sent; sends nothing.

    `as_found`: those that are there otherwise, too. Raises as `verify` does, and as staging does for the job's files.
    """
    parsed = job_of(job)
    options = AdoptOptions(queries_per_second, patience_seconds, as_found=as_found)
    place = place_of(parsed, endpoint, state_dir, sandbox=sandbox)
    folder = None if state_dir is None else path_of(state_dir, "a folder as state_dir", "Give its path")
    marks = Marks.of(parsed, place, os.environ)
    with ExitStack() as stack:
        destination = destination_of(parsed, stack, key, endpoint, folder, sandbox=sandbox)
        return outside_any_loop(
            lambda: adopt_job(parsed, place, destination, options, marks, lambda *_: None), threading.Event()
        )


def receipt(
    job: JobLike,
    *,
    load: int | None = None,
    sandbox: bool = False,
    endpoint: str | None = None,
    state_dir: PathLike | None = None,
) -> Receipt:
    """Return the receipt of a load of `job`, the newest or number `load`: what it delivered, for an auditor to keep.

    One that is out of date is issued anew, into the state folder. `model_dump_json()` of it is a JSON document. Raises
    `JobError` where there is no such load, `JobLocked` while a run holds the job, `StateError` as `verify` does.
    """
    check_count(load, "load")
    parsed = job_of(job)
    place = place_of(parsed, endpoint, state_dir, sandbox=sandbox)
    with look_into(place.folder, "etl.receipt") as ledger:
        wanted = find_load(parsed, ledger, load)
        assert ledger is not None  # else it had no load
        return issue_receipt(place.folder, ledger, wanted, issued_at=time.time()).receipt
