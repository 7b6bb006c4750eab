"""What came of a run, gathered from the ledger and from what its sendings report; and the error reports it leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.ledger.store import Ledger
from etl.report.corrections import correction_lines
from etl.send.account import SendReport
from etl.state.corrections import count_corrections
from etl.state.open_job import OpenJob
from etl.state.rejects import add_counts, note_open
from etl.state.reports import refresh_reports
from etl.upload.conclusion import Conclusion, heed_open_rejects
from etl.values.outcome import Outcome, SendSample
from etl.values.renamed import CameAgain

__all__ = ["RunTimes", "sum_up"]


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How long a run and its staging took."""

    elapsed_seconds: float
    stage_seconds: float


def sum_up(
    opened: OpenJob,
    loads: Sequence[int],
    reports: Sequence[SendReport],
    ending: Conclusion,
    times: RunTimes,
    notes: Sequence[str],
) -> Outcome:
    """Return the outcome of a run that worked on `loads`; writes the error reports. Raises `StateError`."""
    job, place, ledger = opened.job, opened.place, opened.ledger
    books = ledger.books_of(loads)
    if not books.balances:
        raise AssertionError(f"the books of loads {list(loads)} don't balance: {books}")
    by_load = note_open(place.folder, ledger)
    rejects = add_counts(counts for load, counts in by_load.items() if load in loads)
    open_rejects = add_counts(by_load.values())
    ending = heed_open_rejects(ending, job, open_rejects)
    corrections = count_corrections(ledger, loads)
    return Outcome(
        job=job.name,
        state=ending.state,
        exit_code=ending.exit_code,
        books=books,
        rejects=rejects,
        open_rejects=open_rejects,
        corrections=corrections,
        came_again=_count_came_again(ledger, loads),
        sent_now=sum(report.sent for report in reports),
        attempts=sum(report.attempts for report in reports),
        retries=sum(report.retries for report in reports),
        resent=sum(report.resent for report in reports),
        elapsed_seconds=times.elapsed_seconds,
        stage_seconds=times.stage_seconds,
        send_seconds=sum(report.elapsed_seconds for report in reports),
        message=ending.message,
        fix=ending.fix,
        notes=(*notes, *correction_lines(corrections, books.duplicate)),
        reports=refresh_reports(job, place, ledger),
        loads=tuple(loads),
        timeline=tuple(_join_timelines(reports)),
    )


def _count_came_again(ledger: Ledger, loads: Sequence[int]) -> CameAgain:
    total = CameAgain()
    for load in loads:
        if (found := ledger.notes.came_again.of(load)) is not None:
            total = total.plus(found)
    return total


def _join_timelines(reports: Sequence[SendReport]) -> Iterator[SendSample]:
    """Yield the samples of all sendings, as if each had begun when the one before it ended."""
    before_seconds = 0.0
    for report in reports:
        for sample in report.timeline:
            yield sample._replace(at_seconds=sample.at_seconds + before_seconds)
        before_seconds += report.elapsed_seconds
