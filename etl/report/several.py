"""Says what a command that ran several jobs came to: one line a job and their sum; then what needs a person. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from etl.report.summary import open_lines
from etl.typed import JobName
from etl.values.books import Books
from etl.values.outcome import Outcome

__all__ = ["advice_lines", "table_lines"]

WORDS: Final = ("read", "delivered", "rejected", "duplicate", "skipped", "pending")
HEADINGS: Final = ("job", "state", *WORDS, "sent now", "exit")


def table_lines(outcomes: Sequence[Outcome], exit_code: int, *, left: Sequence[str] = ()) -> Iterator[str]:
    """Yield a line for each of `outcomes`, and one for all; `left` are jobs that were not begun."""
    rows = [_row(done.job, done.state, done.books, done.sent_now, done.exit_code) for done in outcomes]
    books = sum((outcome.books for outcome in outcomes), Books())
    sent_now = sum(outcome.sent_now for outcome in outcomes)
    rows.append(_row("total", f"{len(outcomes):,} jobs", books, sent_now, exit_code))
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        sized = zip(row, widths, strict=True)
        cells = [cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in enumerate(sized)]
        yield "  ".join(cells)
    if left:
        yield f"not begun: {', '.join(left)}"


def advice_lines(outcome: Outcome, name: JobName) -> Iterator[str]:
    """Yield why a job stopped, and where to see its rejects. The job is called `name`."""
    for note in outcome.notes:
        yield f"{outcome.job}: {note}"
    if outcome.message:
        yield from f"{outcome.job}: {outcome.message}".split("\n")
        yield outcome.fix
    if outcome.books.rejected and outcome.reports:
        codes = ", ".join(f"{count:,} {code}" for code, count in outcome.rejects.items())
        yield f"{outcome.job}: {codes}; see them by cause: {name.type('rejects')}"
    for line in open_lines(outcome, name):
        yield f"{outcome.job}: {line}"


def _row(name: str, state: str, books: Books, sent_now: int, exit_code: int) -> tuple[str, ...]:
    counts = [*(getattr(books, word) for word in WORDS), sent_now]
    return (name, state, *(f"{count:,}" for count in counts), str(exit_code))
