"""What a dry run found, as values: the terminal, the page, JSON and CI annotations all tell the same. Pure."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from etl.values.notebook import render_table
from etl.values.outcome import Outcome

__all__ = [
    "BodySizes",
    "Example",
    "Finding",
    "Forecast",
    "KindCount",
    "LargeBody",
    "Level",
    "Validation",
    "render_time",
]

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Example:
    """One row that shows a finding: its file, its number, its line where known, and what is there."""

    file: str
    row: int
    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows that have one cause in common. An error makes them rejects; a warning and a note leave them as they are.

    `share` is of the rows read. `job_file` and `job_line` say where the job file decides it, `fix` what to mend.
    """

    level: Level
    code: str
    what: str
    rows: int
    share: float
    fix: str
    field: str = ""
    column: str = ""
    examples: tuple[Example, ...] = ()
    job_file: str | None = None
    job_line: int | None = None


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many events of one kind would be sent; `day` is a UTC date, or empty for all days."""

    entity_type: str
    type: str
    events: int
    day: str = ""


@dataclass(frozen=True, slots=True)
class LargeBody:
    """One of the largest bodies, and the property (or field) that takes the most of it."""

    file: str
    row: int
    body_bytes: int
    fattest: str
    fattest_bytes: int


@dataclass(frozen=True, slots=True)
class BodySizes:
    """How large the bodies are. `buckets` counts them by upper bound in bytes, smallest bound first."""

    total_bytes: int
    largest_bytes: int
    buckets: tuple[tuple[int, int], ...]
    largest: tuple[LargeBody, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would send. `hours` counts events by hour of the week in UTC, Monday 0:00 first (168 numbers).

    `rate_per_second` is None where the job sets none; then how long it takes isn't known.
    """

    events: int
    first_at: datetime | None
    last_at: datetime | None
    kinds: tuple[KindCount, ...]
    days: tuple[KindCount, ...]
    hours: tuple[int, ...]
    bodies: BodySizes
    rate_per_second: float | None
    seconds: float | None
    finish_at: datetime | None


@dataclass(frozen=True, slots=True)
class Validation:
    """All that a dry run found out.

    `forecast` is None where it came to nothing; `sampled` rows at most were read a file, where it is set. `origins`
    names the source's `columns` that each field is made of. `endpoint` is where a run would send.
    """

    outcome: Outcome
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    forecast: Forecast | None = None
    id_kind: str = ""
    sampled: int | None = None
    columns: tuple[str, ...] = ()
    origins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    endpoint: str = ""

    @property
    def has_warnings(self) -> bool:
        """Whether something was found that a person should look at before sending."""
        return any(finding.level == "warning" for finding in self.findings)

    def _repr_html_(self) -> str:
        rows = [(finding.level, finding.what, finding.rows, finding.fix) for finding in self.findings]
        return self.outcome._repr_html_() + (render_table("Findings", rows) if rows else "")

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` writes: that of a run, and what was found."""
        found = self.outcome.to_json()
        for key in ("loads", "reports"):
            found.pop(key)
        found["files"] = list(self.files)
        found["sampled"] = self.sampled
        found["findings"] = [_finding_json(finding) for finding in self.findings]
        found["forecast"] = _forecast_json(self.forecast, self.id_kind) if self.forecast else None
        return found


def render_time(moment: datetime | None) -> str | None:
    """Return a moment as the events have it: UTC, to the second."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "share": round(finding.share, 6)}


def _forecast_json(forecast: Forecast, id_kind: str) -> dict[str, Any]:
    bodies = forecast.bodies
    return {
        "events": forecast.events,
        "requests": forecast.events,
        "ids": id_kind,
        "first_at": render_time(forecast.first_at),
        "last_at": render_time(forecast.last_at),
        "by_kind": [
            {"entity_type": k.entity_type, "type": k.type, "events": k.events} for k in forecast.kinds
        ],
        "by_day": [{"day": k.day, "type": k.type, "events": k.events} for k in forecast.days],
        "by_hour_of_week": list(forecast.hours),
        "body_bytes": bodies.total_bytes,
        "largest_body_bytes": bodies.largest_bytes,
        "body_sizes": [{"up_to_bytes": bound, "events": count} for bound, count in bodies.buckets],
        "largest_bodies": [asdict(body) for body in bodies.largest],
        "rate_per_s": forecast.rate_per_second,
        "estimate_s": forecast.seconds,
        "finish_at": render_time(forecast.finish_at),
    }
