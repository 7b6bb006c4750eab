"""Tells what a dry run found, for a terminal or a log: tables by rich.

Values in, text out.
"""

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.plain import plain_line, plain_words
from etl.report.summary import format_duration
from etl.typed import JobName
from etl.values.findings import Finding, Forecast, KindCount, Validation, render_time

__all__ = ["count_rows", "format_bytes", "print_validation"]

MOST_KINDS: Final = 12
MOST_DAYS: Final = 10
_MARKS: Final = {"error": ("✗", "red"), "warning": ("!", "yellow"), "note": ("·", "cyan")}


def print_validation(validation: Validation, console: Console, *, name: JobName) -> None:
    """Print the books, the findings, what a run would send, and what to do next."""
    _print_books(validation, console)
    if validation.findings:
        console.print()
        for finding in validation.findings:
            _print_finding(finding, console)
    if validation.forecast and validation.forecast.events:
        console.print()
        _print_forecast(validation.forecast, console)
    _print_conclusion(validation, console, name)


def format_bytes(count: float) -> str:
    """Return a size as a person says it: 812 bytes, 3.4 kB, 27.1 MB, 1.2 GB (powers of ten)."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000 or unit == "GB":
            return f"{count:,.1f} {unit}"
    raise AssertionError


def count_rows(rows: int) -> str:
    """Return a count of rows with its word."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def _print_books(validation: Validation, console: Console) -> None:
    outcome, books = validation.outcome, validation.outcome.books
    verdict = {0: "[green]clean[/]", 3: "[yellow]with rejects[/]"}.get(
        outcome.exit_code, "[red]too many rejects[/]"
    )
    speed = f"{books.read / outcome.elapsed_seconds:,.0f} rows/s" if outcome.elapsed_seconds else ""
    sample = f", a sample: {validation.sampled:,} rows a file at most" if validation.sampled else ""
    files = f"{len(validation.files):,} file{'s' if len(validation.files) != 1 else ''}"
    console.print(
        f"[bold]{escape(outcome.job)}[/]: {verdict}; {books.read:,} rows of {files} in "
        f"{format_duration(outcome.elapsed_seconds)} ({speed}){sample}. Nothing was sent.",
        soft_wrap=True,
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(), table.add_column(justify="right"), table.add_column()  # type: ignore[func-returns-value]
    codes = ", ".join(f"{code} {count:,}" for code, count in outcome.rejects.items())
    for word, count, note, style in (
        ("read", books.read, "", ""),
        ("would be sent", books.pending, "", "green"),
        ("rejected", books.rejected, codes, "red" if books.rejected else ""),
        ("duplicate", books.duplicate, "", ""),
        ("skipped", books.skipped, "by the filter" if books.skipped else "", ""),
    ):
        table.add_row(Text(word), Text(f"{count:,}", style=style), Text(note, style="dim"))
    console.print(Padding(table, (0, 0, 0, 2)))


def _print_finding(finding: Finding, console: Console) -> None:
    mark, colour = _MARKS[finding.level]
    head = Text.assemble(
        (f"{mark} ", f"bold {colour}"),
        (count_rows(finding.rows) if finding.rows else "", "bold"),
        (f" ({_percent(finding.share)}): " if finding.rows else "", "dim"),
        plain_line(finding.what),
        (f"  {finding.code}", "dim"),
    )
    console.print(head, soft_wrap=True)
    for example in finding.examples:
        at = f"{plain_line(example.file)} row {example.row}" + (
            f" (line {example.line})" if example.line else ""
        )
        console.print(
            Text.assemble("    ", (at, "cyan"), "  ", (plain_words(example.text, 160), "dim")), soft_wrap=True
        )
    place = f"{finding.job_file} line {finding.job_line}: " if finding.job_line else ""
    console.print(
        Text.assemble(("    → ", colour), (plain_line(place), "bold"), plain_line(finding.fix)),
        soft_wrap=True,
    )


def _print_forecast(forecast: Forecast, console: Console) -> None:
    console.print(Text("A run would send", style="bold"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim"), facts.add_column()  # type: ignore[func-returns-value]
    bodies = forecast.bodies
    facts.add_row("  events", f"{forecast.events:,} requests, {format_bytes(bodies.total_bytes)}")
    facts.add_row("  times", f"{render_time(forecast.first_at)} to {render_time(forecast.last_at)}")
    if forecast.seconds is not None and forecast.finish_at is not None:
        facts.add_row(
            "  takes",
            f"{format_duration(forecast.seconds)} at {forecast.rate_per_second:g}/s, the rate set: "
            f"done at {forecast.finish_at:%Y-%m-%d %H:%M} UTC if started now",
        )
    else:
        facts.add_row("  takes", 'as long as the destination needs: the job sets rate = "max"')
    for position, body in enumerate(bodies.largest[:3]):
        word = "  largest" if position == 0 else ""
        most = f"{format_bytes(body.fattest_bytes)} of it {body.fattest}"
        facts.add_row(
            word, Text(plain_line(f"{format_bytes(body.body_bytes)}: {body.file} row {body.row}, {most}"))
        )
    console.print(facts)
    console.print(Padding(_kinds_table(forecast.kinds), (0, 0, 0, 2)))
    if days := _days_table(forecast):
        console.print(Padding(days, (0, 0, 0, 2)))


def _kinds_table(kinds: tuple[KindCount, ...]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("entity"), table.add_column("type"), table.add_column("events", justify="right")  # type: ignore[func-returns-value]
    for kind in kinds[:MOST_KINDS]:
        table.add_row(
            Text(plain_line(kind.entity_type)), Text(plain_words(kind.type, 60)), f"{kind.events:,}"
        )
    if len(kinds) > MOST_KINDS:
        rest = sum(kind.events for kind in kinds[MOST_KINDS:])
        table.add_row("", f"and {len(kinds) - MOST_KINDS:,} more types", f"{rest:,}")
    return table


def _days_table(forecast: Forecast) -> Table | None:
    """Events by day, or by month or year where the days are many; a bar for each."""
    for cut, word in ((10, "day"), (7, "month"), (4, "year")):
        spans: dict[str, int] = {}
        for day in forecast.days:
            spans[day.day[:cut]] = spans.get(day.day[:cut], 0) + day.events
        if len(spans) <= MOST_DAYS or (word == "month" and len(spans) <= 24):
            break
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(f"{word} (UTC)"), table.add_column("events", justify="right"), table.add_column()  # type: ignore[func-returns-value]
    most = max(spans.values())
    for span, events in spans.items():
        table.add_row(span, f"{events:,}", Text("█" * max(1, round(30 * events / most)), style="blue"))
    return table


def _print_conclusion(validation: Validation, console: Console, name: JobName) -> None:
    outcome = validation.outcome
    console.print()
    if outcome.message:
        console.print(Text(outcome.message, style="red"), soft_wrap=True)
        console.print(Text(plain_line(outcome.fix)), soft_wrap=True)
    elif outcome.books.rejected:
        console.print(
            Text(
                f"Rejected rows stay behind, with a report; the others can go: {plain_line(name.type('run'))}"
            ),
            soft_wrap=True,
        )
    else:
        console.print(
            Text(f"Ready: {plain_line(name.type('run'))}   (rehearse first: add --sandbox)"),
            soft_wrap=True,
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%" if share >= 0.001 else "<0.1%"
