"""Writes the page of a run: what the outcome says, and what its state says of the files and the rejects."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.cli.options import Target, say
from etl.errors import BackfillError, StateError
from etl.output import write_output

if TYPE_CHECKING:
    from etl.job.model import Job
    from etl.rejects.causes import Cause
    from etl.report.html.pages import OpenCause, RunFacts
    from etl.values.outcome import Outcome

__all__ = ["write_run_page"]

MOST_FIXES: Final = 2


def write_run_page(page: Path, job: "Job | BackfillError", outcome: "Outcome", target: Target) -> None:
    """Write the page of a run that ended; that it can't be written is told, and changes no exit code."""
    from etl.report.html.pages import render_run_page

    facts = _gather_facts(job, outcome, target)
    try:
        write_output(page, render_run_page(outcome, outcome.timeline, facts), "the page")
    except StateError as error:
        say([error.problem, error.fix], error=True)


def _gather_facts(job: "Job | BackfillError", outcome: "Outcome", target: Target) -> "RunFacts":
    from etl.rejects.causes import group_causes
    from etl.report.html.pages import RunFacts
    from etl.state.lookup import look_into
    from etl.state.rejects import Rejects

    at = datetime.now(UTC)
    if isinstance(job, BackfillError):
        return RunFacts(at)
    endpoint = "the embedded sandbox" if target.sandbox else target.endpoint or job.upload.endpoint
    try:
        place = target.find_place(job)
        with look_into(place.folder, f"backfill run {job.path} --html") as ledger:
            if ledger is None:
                return RunFacts(at, endpoint)
            files = tuple(dict.fromkeys(file.path for load in outcome.loads for file in ledger.files(load)))
            causes = group_causes(Rejects(job, place, ledger).told(), "code") if outcome.open_rejects else []
            return RunFacts(at, endpoint, files, tuple(map(_shown, causes)))
    except BackfillError:  # said by the run, or held by the next one: the page tells what it can
        return RunFacts(at, endpoint)


def _shown(cause: "Cause") -> "OpenCause":
    from etl.report.html.pages import OpenCause

    fixes = tuple(fix for fix, _ in cause.fixes.most_common(MOST_FIXES) if fix)
    return OpenCause(cause.name, cause.count, tuple(cause.examples), fixes)
