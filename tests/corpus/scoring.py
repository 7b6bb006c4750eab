"""Scores what `init` makes of a file, with no edit, against what is known of it.

A letter is a capital where it holds: A separator and records; B the columns of the time, first and last instant; C 98%
of the rows become events; D what they are about; E a CHECK names what the file can't tell.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from etl.intake.field_sources import field_origins
from etl.job.load import parse_job
from etl.report.progress import SilentProgress
from etl.scaffold.init import StartOptions, start_job
from etl.validation.survey import DryOptions, validate_job
from etl.values.findings import render_time

__all__ = ["Case", "score_case"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENOUGH = 0.98


@dataclass(frozen=True, slots=True)
class Case:
    """A file and its truth: records, the columns of the time, the earliest and latest instant, the entity and its
    column where the file shows them, and the words that a CHECK has to hold.
    """

    name: str
    text: str
    records: int
    time: tuple[str, ...]
    first: str
    last: str
    separator: str = ","
    entity: tuple[str, str] | None = None
    asks: tuple[str, ...] = ()


def score_case(case: Case, folder: Path) -> str:
    """Return the five letters of a case."""
    (folder / case.name).write_text(case.text, encoding="utf-8", newline="")
    made = start_job([str(folder / case.name)], StartOptions(folder / "job.toml"), started=NOW)
    job = parse_job(made.text, made.path)
    found = validate_job(job, DryOptions(), SilentProgress())
    books, forecast = found.outcome.books, found.forecast
    origins = field_origins(job, found.columns)
    separator = job.source.csv.separator or ","
    kind = job.event.entityType.value
    own = {"message": "messageId", "conversation": "conversationId", "search": "searchQuery"}.get(
        str(kind), ""
    )
    doubts = " ".join(decision.why for decision in made.decisions if decision.sureness == "check")
    times = (render_time(forecast.first_at), render_time(forecast.last_at)) if forecast is not None else None
    holds = {
        "A": (books.read, separator) == (case.records, case.separator),
        "B": times == (case.first, case.last) and origins["createdAt"] == case.time,
        "C": books.pending + books.duplicate >= ENOUGH * case.records and found.outcome.exit_code != 10,
        "D": case.entity is None or (kind, *origins.get(own, ())) == case.entity,
        "E": all(word in doubts for word in case.asks),
    }
    return "".join(letter if is_right else letter.lower() for letter, is_right in holds.items())
