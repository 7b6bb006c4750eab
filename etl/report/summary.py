"""Says what a run did: the books, why it stopped, where to look next. Pure: values in, lines out."""

from collections.abc import Iterator, Mapping

from etl.typed import JobName
from etl.values.books import Books
from etl.values.delivery import UncertainCounts
from etl.values.outcome import Outcome

__all__ = ["book_lines", "format_duration", "open_lines", "summary_lines"]

_FINE = (0, 3)
_STATES = {
    "complete": "complete",
    "incomplete": "incomplete: run the same command again to go on",
    "interrupted": "interrupted: run the same command again to go on",
    "aborted": "stopped: nothing is lost, what was not sent is pending",
    "failed": "failed",
}


def summary_lines(outcome: Outcome, name: JobName) -> Iterator[str]:
    """Yield the lines of a run's summary, of the job called `name`."""
    if not outcome.loads:
        yield from _without_loads(outcome)
        yield from open_lines(outcome, name)
        return
    books = outcome.books
    with_rejects = ", with rejects" if outcome.state == "complete" and books.rejected else ""
    yield f"{outcome.job}: {_STATES[outcome.state]}{with_rejects}"
    yield from book_lines(books, outcome.rejects)
    if outcome.attempts:
        again = f", {outcome.retries:,} retries" if outcome.retries else ""
        again += f", {outcome.resent:,} re-sent after a lost answer" if outcome.resent else ""
        yield (
            f"  sent {outcome.sent_now:,} now in {format_duration(outcome.send_seconds)} "
            f"({outcome.events_per_second:,.0f}/s), {outcome.attempts:,} attempts{again}"
        )
    yield from _uncertain_lines(outcome.uncertain, name)
    if outcome.second_event is not None:
        yield f"  {outcome.second_event.means}"
    yield from outcome.notes
    if outcome.message:
        yield from outcome.message.split("\n")
        yield outcome.fix
    if outcome.exit_code not in _FINE and outcome.log:
        yield f"Its log: {outcome.log}"
    if books.rejected and outcome.reports:
        yield f"Rejects, with every original column: {' and '.join(str(path) for path in outcome.reports)}"
        yield f"See them by cause: {name.type('rejects')}"
    yield from open_lines(outcome, name)


def _uncertain_lines(counts: UncertainCounts, name: JobName) -> Iterator[str]:
    """Yield what became of uncertain events, and what a run does with them."""
    if counts.found_there or counts.sent_again or counts.pending:
        waited = f", not there after {format_duration(counts.patience_seconds)}"
        yield (
            f"  uncertain: {counts.found_there:,} found there, {counts.sent_again:,} sent again"
            f"{waited if counts.sent_again and counts.reads else ''}"
            f"{f', {counts.pending:,} pending: the next run asks for them' if counts.pending else ''}"
        )
    if counts.doubled or counts.altered:
        yield (
            f"  of those found there {counts.doubled:,} more than once, {counts.altered:,} not as sent: "
            f"{name.type('verify')} names each"
        )
    if counts.line:
        yield f"  {counts.line}"


def open_lines(outcome: Outcome, name: JobName) -> Iterator[str]:
    """Yield one line where rejects are open that the run's own books don't tell of."""
    opened = sum(outcome.open_rejects.values())
    if opened > sum(outcome.rejects.values()):
        codes = ", ".join(f"{code} {count:,}" for code, count in outcome.open_rejects.items())
        earlier = ", those of earlier loads included" if outcome.rejects else " from earlier runs"
        yield (
            f"{opened:,} reject{' is' if opened == 1 else 's are'} open{earlier}: {codes}; "
            f"see, retry or dismiss them: {name.type('rejects')}"
        )


def _without_loads(outcome: Outcome) -> Iterator[str]:
    """Yield what there is to say where nothing was staged or continued."""
    if outcome.state == "complete" and outcome.message:
        yield f"{outcome.job}: nothing new to send; every row of its files was settled before"
    if outcome.message:
        yield from outcome.message.split("\n")
        yield outcome.fix
    elif outcome.state == "interrupted":
        yield f"{outcome.job}: interrupted before anything was sent: run the same command again"
    elif outcome.notes:
        yield f"{outcome.job}: nothing to send"
        yield from outcome.notes
    else:
        yield f"{outcome.job}: nothing new to send; every row of its files was settled before"


def book_lines(books: Books, rejects: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each word of the books, and one that says whether they balance; `rejects` are counts by code."""
    codes = ", ".join(f"{code} {count:,}" for code, count in rejects.items())
    rows = [
        ("read", books.read, ""),
        ("delivered", books.delivered, ""),
        ("rejected", books.rejected, codes),
        ("duplicate", books.duplicate, ""),
        ("skipped", books.skipped, ""),
        ("pending", books.pending, ""),
    ]
    width = max(len(f"{count:,}") for _, count, _ in rows)
    for word, count, note in rows:
        yield f"  {word:<9}  {count:>{width},}  {note}".rstrip()
    balance = (
        "the books balance" if books.balances else "THE BOOKS DON'T BALANCE: this is a bug, please report it"
    )
    yield f"  {balance}: read = delivered + rejected + duplicate + skipped + pending"


def format_duration(seconds: float) -> str:
    """Return a duration as a person says it: 0.4 s, 12 s, 3 min 20 s, 5 h 12 min, 3 d 4 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
