"""Guards what was delivered: a job that would send it otherwise now is refused, with what differs."""

from datetime import datetime
from pathlib import Path

from etl.errors import JobError
from etl.event import ID_SCHEME_VERSION
from etl.intake.fingerprint import is_accepted, is_mapped_alike, mapping_fingerprint
from etl.intake.new_ids import compare_loads
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.typed import type_command

__all__ = ["check_mapping"]


def check_mapping(job: Job, folder: Path, ledger: Ledger, started: datetime) -> None:
    """Raise `JobError` where some event that was delivered would have another id or content under the job's mapping
    now.

    Where none would, as when a reject was mended, the mapping may be noted as accepted. Changes nothing.
    """
    loads = [load for load in ledger.loads() if load.kind == "files"]
    if not loads or is_accepted(job, ledger) or not ledger.delivered_any() or is_mapped_alike(job, loads[-1]):
        return
    newest = loads[-1]
    if newest.id_scheme_version != ID_SCHEME_VERSION and newest.mapping == mapping_fingerprint(job):
        raise JobError(
            f"Expected events with ids of scheme {newest.id_scheme_version}, as the delivered ones have, found scheme "
            f"{ID_SCHEME_VERSION} in this version of backfill - {job.path}",
            "Go on with the version that delivered them, or give what is new ids of the new scheme: "
            "--accept-new-mapping",
        )
    # What is of an older mapping was accepted as such before.
    of_newest = [load for load in loads if load.mapping == newest.mapping]
    found = compare_loads(job, folder, ledger, of_newest, started)
    lines = [*found.differences(), *found.doubts()]
    if not lines:
        return
    raise JobError(
        (
            (
                "Expected the mapping with which this job's events were delivered, found [event] or [source] changed - "
                f"{job.path}"
            ),
            *lines,
        ),
        f"Set the mapping back, or go on: {type_command('run', '--accept-new-mapping')}; what was delivered stays as "
        f"it is, what is new follows the new mapping. To mend rejects alone: {type_command('retry')}",
    )
