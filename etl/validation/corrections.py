"""Compares a dry run with what was delivered: finds rows whose id was delivered with another content."""

from datetime import datetime
from pathlib import Path
from typing import Final

from etl.errors import BackfillError, StateError
from etl.intake.delivered import find_delivered
from etl.intake.filters import change_lines, find_change
from etl.intake.id_audit import IdAudit
from etl.job.line_numbers import place_of
from etl.job.model import Job
from etl.ledger.opening import find_ledger_file
from etl.ledger.store import Ledger
from etl.state.place import JobPlace
from etl.values.findings import Example, Finding, Level

__all__ = ["can_compare", "find_corrections", "find_skipped"]

MOST_EXAMPLES: Final = 3
COMES_OF_IT: Final[dict[str, tuple[Level, str]]] = {
    "report": ("warning", "a run tells them and sends none"),
    "send": ("note", "a run sends them again under their ids"),
    "reject": ("warning", "a run rejects them"),
}


def can_compare(job: Job, state_dir: Path | None) -> bool:
    """Whether ids may stand for several contents, and a run of `job` may have delivered some of them."""
    identity = job.event.id
    if identity.kind == "content" or identity.duplicates == "number":
        return False
    try:
        return find_ledger_file(JobPlace.of(job, state_dir, "").folder) is not None
    except BackfillError:
        return False


def find_skipped(job: Job, state_dir: Path | None, started: datetime) -> Finding | None:
    """Return a finding of the rows that an earlier filter skipped and the job takes now; None where there are none."""
    folder = JobPlace.of(job, state_dir, "").folder
    try:
        if find_ledger_file(folder) is None:
            return None
        with Ledger.open(folder, job=job.name, endpoint=job.upload.endpoint) as ledger:
            change = find_change(
                job, folder, ledger, started, find_delivered(job, folder, ledger), most_bytes=None
            )
    except BackfillError:
        return None
    if change is None:
        return None
    what, fix = change_lines(change)
    return Finding("warning", "filter_changed", what, change.rows or 0, 0.0, fix)


def find_corrections(
    job: Job, state_dir: Path | None, ids: IdAudit, names: tuple[str, ...], read: int
) -> Finding | None:
    """Return what a person should know of rows whose content isn't that of what was delivered; None where there are
    none.

    A ledger that can't be asked is told by what looks for changed ids; a damaged part of it is told here.
    """
    folder = JobPlace.of(job, state_dir, "").folder
    try:
        with Ledger.open(folder, job=job.name, endpoint=job.upload.endpoint) as ledger:
            rows = ids.differing_from(find_delivered(job, folder, ledger))
    except BackfillError as error:
        if error.exit_code != StateError.exit_code:
            return None
        what = " ".join(error.problem.split())
        return Finding("warning", "contents_not_compared", what, 0, 0.0, error.fix, field="id")
    if not rows.height:
        return None
    level, outcome = COMES_OF_IT[job.source.on_correction]
    place = place_of(job, "event", "id")
    return Finding(
        level,
        "corrections",
        f"the content differs from what was delivered under the id; {outcome}",
        rows.height,
        rows.height / read,
        'say what becomes of them: on_correction = "report", "send" or "reject" under [source]',
        field="id",
        examples=tuple(
            Example(names[file], row, None, "came again with another content")
            for file, row in rows.head(MOST_EXAMPLES).select("file", "row").iter_rows()
        ),
        job_file=str(job.path),
        job_line=place.line,
    )
