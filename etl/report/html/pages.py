"""The report as one web page, of a dry run or of a run. Values in, text out; it opens from disk and loads nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from etl.plain import plain_html
from etl.report.html.charts import draw_bars, draw_books, draw_mapping, draw_stacks, draw_timeline, draw_week
from etl.report.html.page import figure, legend, page, section, table
from etl.report.proven import proven_line
from etl.report.summary import format_duration
from etl.report.validation import count_rows, format_bytes
from etl.values.findings import Example, Finding, Forecast, Validation, render_time
from etl.values.outcome import Outcome
from etl.values.proven import Proven

__all__ = ["OpenCause", "RunFacts", "TimeSample", "render_run_page", "render_validation_page"]

MOST_TYPES: Final = 7
MOST_SPANS: Final = 62
MOST_FILES: Final = 20
BOOK_COLOURS: Final = {"delivered": 2, "pending": 0, "rejected": 6, "duplicate": 4, "skipped": 7}


class TimeSample(Protocol):
    """One stretch of a send: what the timeline draws of it."""

    @property
    def at_seconds(self) -> float:
        """When it began."""
        ...

    @property
    def seconds(self) -> float:
        """How long it was."""
        ...

    @property
    def settled(self) -> int:
        """Events settled in it."""
        ...

    @property
    def p50_seconds(self) -> float:
        """The median round trip."""
        ...

    @property
    def p95_seconds(self) -> float:
        """The round trip that 95 % were below."""
        ...

    @property
    def in_flight(self) -> int:
        """Requests out at its end."""
        ...

    @property
    def limit(self) -> int:
        """Requests allowed out at its end."""
        ...


class OpenCause(NamedTuple):
    """Open rejects of one code: how many, the first of them in words, and what mends most of them."""

    code: str
    rows: int
    examples: tuple[str, ...]
    fixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the page of a run says beside its outcome: when it ended, where it sent, its files, its open rejects."""

    at: datetime | None = None
    endpoint: str = ""
    files: tuple[str, ...] = ()
    causes: tuple[OpenCause, ...] = ()


NO_FACTS: Final = RunFacts()


def render_validation_page(validation: Validation, at: datetime | None = None) -> str:
    """Return the page of a dry run that ended `at` a time in UTC."""
    outcome = validation.outcome
    sections = [_books(outcome, words={"pending": "would be sent"}), _findings(validation.findings)]
    if validation.forecast and validation.forecast.events:
        sections += _forecast(validation.forecast)
    if validation.origins:
        sections.append(_mapping(validation))
    subtitle = (
        f"A dry run{_moment(at)}. Nothing was sent. It took {format_duration(outcome.elapsed_seconds)}."
    )
    sections.append(_origin(validation.files, validation.endpoint, "A run would send to"))
    return page(f"{outcome.job}: what would be sent", subtitle, sections)


def render_run_page(outcome: Outcome, timeline: Sequence[TimeSample], facts: RunFacts = NO_FACTS) -> str:
    """Return the page of a run: its books, its rejects with examples, and how the sending went over time."""
    sections = [_books(outcome, words={})]
    if outcome.message:
        sections.append(
            section(
                "stopped",
                "Why it stopped",
                f"<p>{plain_html(outcome.message)}</p><p>{plain_html(outcome.fix)}</p>",
            )
        )
    if outcome.rejects:
        bars = list(outcome.rejects.items())
        says = f"Rejects by code: {_listing(bars)}"
        sections.append(
            section(
                "rejects",
                "Rejects by code",
                figure(draw_bars(bars[:12], colour=6), says, table(("code", "rows"), bars)),
            )
        )
    if facts.causes:
        sections.append(section("open", "Open rejects", "".join(map(_cause, facts.causes))))
    if outcome.proven is not None:
        sections.append(_proven(outcome.proven))
    if timeline:
        sections.append(_timeline(outcome, timeline))
    subtitle = (
        f"{outcome.sent_now:,} events delivered in {format_duration(outcome.elapsed_seconds)}; state: "
        f"{outcome.state}; ended{_moment(facts.at)}."
    )
    if facts.endpoint:
        sections.append(_origin(facts.files, facts.endpoint, "Sent to"))
    return page(f"{outcome.job}: the run", subtitle, sections)


def _moment(at: datetime | None) -> str:
    return "" if at is None else f" {at:%Y-%m-%d %H:%M} UTC"


def _origin(files: Sequence[str], endpoint: str, word: str) -> str:
    """Return which files were read, and where their events go."""
    items = "".join(f"<li><code>{plain_html(name)}</code></li>" for name in files[:MOST_FILES])
    more = f"<li>and {len(files) - MOST_FILES:,} more</li>" if len(files) > MOST_FILES else ""
    goes = f"<p>{word} <code>{plain_html(endpoint)}</code></p>" if endpoint else ""
    return section("files", f"Files: {len(files):,}", f"<ul>{items}{more}</ul>{goes}")


def _cause(cause: OpenCause) -> str:
    examples = "".join(f"<li>{plain_html(example)}</li>" for example in cause.examples)
    fixes = "".join(f"<div>→ {plain_html(fix)}</div>" for fix in cause.fixes)
    return (
        f'<div class="finding error"><div class="head">{count_rows(cause.rows)}: '
        f"<code>{plain_html(cause.code)}</code></div><ul>{examples}</ul>{fixes}</div>"
    )


def _proven(proven: Proven) -> str:
    counts = [(name, count) for name, count in asdict(proven.counts).items() if name != "asked"]
    says = f"<p>{plain_html(proven_line(proven))}.</p>"
    return section("proof", "Verified at the destination", says + table(("finding", "events"), counts))


def _books(outcome: Outcome, words: dict[str, str]) -> str:
    books = outcome.books
    counts = [(name, getattr(books, name), colour) for name, colour in BOOK_COLOURS.items()]
    parts = [(words.get(name, name), count, colour) for name, count, colour in counts if count]
    says = f"Of {books.read:,} rows read: {_listing([(name, count) for name, count, _ in parts])}"
    picture = figure(draw_books(parts or [("none", 1, 7)]), says)
    key = legend((f"{name} {count:,}", colour) for name, count, colour in parts)
    return section("books", f"Books: {books.read:,} rows read", picture + key)


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return section("findings", "Findings", '<p class="ok">None: every row is as it should be.</p>')
    errors = [
        (f"{finding.code}  {finding.column or finding.field}".strip(), finding.rows)
        for finding in findings
        if finding.level == "error"
    ]
    chart = (
        figure(draw_bars(errors[:12], colour=6), f"Rejects by cause: {_listing(errors)}") if errors else ""
    )
    return section(
        "findings", "Findings by cause", chart + "".join(_finding(finding) for finding in findings)
    )


def _finding(finding: Finding) -> str:
    examples = "".join(
        f"<li><code>{plain_html(example.file)}</code> row {example.row}{_line(example)}: "
        f"{plain_html(example.text[:300])}</li>"
        for example in finding.examples
    )
    place = (
        f"<code>{plain_html(finding.job_file or '')} line {finding.job_line}</code>: "
        if finding.job_line
        else ""
    )
    level = {"error": "rejects", "warning": "look at this", "note": "for your information"}[finding.level]
    return (
        f'<div class="finding {finding.level}"><div class="head">{count_rows(finding.rows)}: '
        f'{plain_html(finding.what)}</div><div class="dim">{level} · <code>{plain_html(finding.code)}</code> · '
        f"{100 * finding.share:.2g}% of the rows</div>"
        f"<ul>{examples}</ul><div>→ {place}{plain_html(finding.fix)}</div></div>"
    )


def _line(example: Example) -> str:
    return f" (line {example.line})" if example.line else ""


def _forecast(forecast: Forecast) -> Iterator[str]:
    bodies = forecast.bodies
    takes = "as long as the destination needs"
    if forecast.seconds is not None:
        takes = f"{format_duration(forecast.seconds)} at {forecast.rate_per_second:g}/s, the rate set"
    facts = [
        ("requests", f"{forecast.events:,}"),
        ("bytes", format_bytes(bodies.total_bytes)),
        ("takes", takes),
        ("first event", render_time(forecast.first_at) or ""),
        ("last event", render_time(forecast.last_at) or ""),
    ]
    kinds = table(
        ("entity", "type", "events"),
        ((kind.entity_type, kind.type, kind.events) for kind in forecast.kinds[:50]),
    )
    yield section("forecast", "What a run sends", table(("", ""), facts) + f"<p></p>{kinds}")
    yield _days(forecast)
    most = max(forecast.hours)
    peak = forecast.hours.index(most)
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[peak // 24]
    says = f"Events by hour of the week, UTC. The busiest is {day} {peak % 24}:00 with {most:,} events"
    yield section("week", "Hours of the week (UTC)", figure(draw_week(forecast.hours), says))
    bars = [(f"up to {format_bytes(bound)}", count) for bound, count in bodies.buckets]
    largest = table(
        ("largest bodies", "row", "bytes", "most of it", "bytes of that"),
        ((body.file, body.row, body.body_bytes, body.fattest, body.fattest_bytes) for body in bodies.largest),
    )
    yield section(
        "sizes",
        "Body sizes",
        figure(draw_bars(bars, colour=0), f"Events by size of the body: {_listing(bars)}") + largest,
    )


def _days(forecast: Forecast) -> str:
    spans, word = _span_counts(forecast)
    totals: Counter[str] = Counter()
    for counts in spans.values():
        totals.update(counts)
    names = [name for name, _ in totals.most_common(MOST_TYPES)]
    series = [(name, [counts[name] for counts in spans.values()]) for name in names]
    if len(totals) > len(names):
        series.append(
            (
                "other types",
                [sum(counts.values()) - sum(counts[name] for name in names) for counts in spans.values()],
            )
        )
    says = (
        f"Events by {word} and type, {next(iter(spans))} to {list(spans)[-1]}: "
        f"{_listing([(name, sum(counts)) for name, counts in series])}"
    )
    rows = ((span, sum(counts.values())) for span, counts in spans.items())
    picture = figure(draw_stacks(list(spans), series), says, table((word, "events"), rows))
    return section(
        "days",
        f"Events by {word} (UTC)",
        picture + legend((name, number) for number, (name, _) in enumerate(series)),
    )


def _span_counts(forecast: Forecast) -> tuple[dict[str, Counter[str]], str]:
    """Return the events of each type by day, or by month or year where the days are many."""
    for cut, word in ((10, "day"), (7, "month")):
        if len(spans := _count_by(forecast, cut)) <= MOST_SPANS:
            return spans, word
    return _count_by(forecast, 4), "year"


def _count_by(forecast: Forecast, cut: int) -> dict[str, Counter[str]]:
    spans: dict[str, Counter[str]] = {}
    for day in forecast.days:
        spans.setdefault(day.day[:cut], Counter())[day.type] += day.events
    return spans


def _mapping(validation: Validation) -> str:
    origins = list(validation.origins.items())
    used = {name for _, names in origins for name in names}
    dropped = [column for column in validation.columns if column not in used]
    says = "; ".join(f"{field} from {', '.join(names) or 'a constant'}" for field, names in origins)
    tail = f"<p>Not used: {plain_html(', '.join(dropped))}</p>" if dropped else ""
    numbers = table(
        ("field", "column"), ((field, ", ".join(names) or "(constant)") for field, names in origins)
    )
    return section(
        "mapping",
        "From column to field",
        figure(draw_mapping(validation.columns, origins), says, numbers) + tail,
    )


def _timeline(outcome: Outcome, samples: Sequence[TimeSample]) -> str:
    seconds = [sample.at_seconds for sample in samples]
    panels = [
        ("events/s", [[sample.settled / sample.seconds if sample.seconds else 0.0 for sample in samples]]),
        (
            "latency, ms",
            [
                [1000 * sample.p50_seconds for sample in samples],
                [1000 * sample.p95_seconds for sample in samples],
            ],
        ),
        (
            "in flight",
            [[float(sample.in_flight) for sample in samples], [float(sample.limit) for sample in samples]],
        ),
    ]
    says = (
        f"Throughput, latency and concurrency over {format_duration(outcome.send_seconds)}: "
        f"{outcome.events_per_second:,.0f} events a second on average"
    )
    key = legend(
        (
            ("events/s; median latency; requests in flight", 0),
            ("95th percentile of latency; requests allowed in flight", 1),
        )
    )
    return section(
        "timeline", "Throughput, latency and concurrency", figure(draw_timeline(seconds, panels), says) + key
    )


def _listing(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts[:20])
