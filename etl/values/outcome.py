"""What came of a run, as values: the summary prints it, `--json` writes it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from etl.errors import BackfillError
from etl.values.books import Books
from etl.values.canary import SecondEvent
from etl.values.delivery import UncertainCounts
from etl.values.notebook import render_table
from etl.values.proven import Proven
from etl.values.remapped import Remapped
from etl.values.renamed import CameAgain

__all__ = ["CorrectionCounts", "Outcome", "RunState", "SendSample"]

RunState = Literal["complete", "incomplete", "interrupted", "aborted", "failed"]


class SendSample(NamedTuple):
    """One stretch of the sending: it began `at_seconds` after the start and is `seconds` long.

    Of a longer stretch, the latencies are those of its slowest second; `in_flight` and `limit` are those of its end.
    """

    at_seconds: float
    seconds: float
    settled: int
    attempts: int
    p50_seconds: float
    p95_seconds: float
    in_flight: int
    limit: int


@dataclass(frozen=True, slots=True)
class CorrectionCounts:
    """The rows that came again with another content than was delivered under their id.

    `sent` go out again under it, `rejected` became rejects; the others are duplicates that are told. `unknown`:
    duplicates that can't be compared. `first` is the place of the first that doesn't go.
    """

    found: int = 0
    sent: int = 0
    rejected: int = 0
    unknown: int = 0
    first: str | None = None

    def plus(self, other: "CorrectionCounts") -> "CorrectionCounts":
        """Return both added up; the first is that of `self`, where it has one."""
        return CorrectionCounts(
            self.found + other.found,
            self.sent + other.sent,
            self.rejected + other.rejected,
            self.unknown + other.unknown,
            self.first or other.first,
        )

    def to_json(self) -> dict[str, int]:
        """Return the counts, as `--json` writes them."""
        return {
            "found": self.found,
            "sent": self.sent,
            "rejected": self.rejected,
            "unknown": self.unknown,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of one job did, and where that leaves it.

    `books` are those of the loads that the run staged or continued, cumulative. `sent_now` counts what this run
    delivered; `resent` its attempts after an answer that was lost. `second_event` is what is
    known of what the destination does with a second event of one id, `proven` what verifying found, None
    where nothing was verified. `message` says why it stopped, `fix` what to do;
    both are empty where nothing went wrong. `notes` are what a person should know besides; `remapped` says what a
    changed mapping came to, `came_again` which events an older one had delivered, `left_out` which rejects a retry
    couldn't take up, `undone` which cells it kept as they were. `rejects` are those of these loads by code,
    `open_rejects` those of the whole job that are neither retried nor dismissed.
    """

    job: str
    state: RunState
    exit_code: int
    books: Books = Books()
    rejects: dict[str, int] = field(default_factory=dict)
    corrections: CorrectionCounts = CorrectionCounts()
    came_again: CameAgain = field(default_factory=CameAgain)
    open_rejects: dict[str, int] = field(default_factory=dict)
    sent_now: int = 0
    attempts: int = 0
    retries: int = 0
    resent: int = 0
    uncertain: UncertainCounts = UncertainCounts()
    second_event: SecondEvent | None = None
    proven: Proven | None = None
    elapsed_seconds: float = 0.0
    stage_seconds: float = 0.0
    send_seconds: float = 0.0
    message: str = ""
    fix: str = ""
    notes: tuple[str, ...] = ()
    remapped: Remapped | None = None
    left_out: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    reports: tuple[Path, ...] = ()
    loads: tuple[int, ...] = ()
    log: str = ""
    timeline: tuple[SendSample, ...] = field(default=(), repr=False)

    @classmethod
    def failed(cls, job: str, error: BackfillError) -> Self:
        """Return the outcome of a run of `job` that `error` kept from beginning."""
        return cls(job, "failed", error.exit_code, message=error.problem, fix=error.fix)

    @property
    def events_per_second(self) -> float:
        """How fast this run delivered, over its sending time; 0 where it sent nothing."""
        return self.sent_now / self.send_seconds if self.send_seconds > 0 else 0.0

    def _repr_html_(self) -> str:
        rows = [
            *self.books.to_json().items(),
            *((f"rejected: {code}", n) for code, n in self.rejects.items()),
        ]
        return render_table(
            f"{self.job}: {self.state}, exit {self.exit_code}",
            rows,
            notes=(self.message, self.fix, *self.notes),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` writes."""
        return {
            "job": self.job,
            "state": self.state,
            "rows": self.books.to_json(),
            "rejects": self.rejects,
            "corrections": self.corrections.to_json(),
            "came_again": self.came_again.to_json(),
            "open_rejects": self.open_rejects,
            "sent_now": self.sent_now,
            "attempts": self.attempts,
            "retries": self.retries,
            "resent": self.resent,
            "uncertain": self.uncertain.to_json(),
            "verification": self.proven.to_json() if self.proven else None,
            "second_event": self.second_event.to_json() if self.second_event else None,
            "elapsed_s": round(self.elapsed_seconds, 3),
            "stage_s": round(self.stage_seconds, 3),
            "send_s": round(self.send_seconds, 3),
            "events_per_s": round(self.events_per_second, 1),
            "loads": list(self.loads),
            "reports": [str(path) for path in self.reports],
            "notes": list(self.notes),
            "left_out": list(self.left_out),
            "undone": list(self.undone),
            "remapped": self.remapped.to_json() if self.remapped else None,
            "log": self.log,
            "message": self.message,
            "fix": self.fix,
            "exit_code": self.exit_code,
        }
