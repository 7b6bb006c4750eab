"""Where a job stands, as a value: `backfill status` prints it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.values.books import Books
from etl.values.canary import SecondEvent
from etl.values.outcome import CorrectionCounts
from etl.values.proven import Proven

__all__ = ["Standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands. Times are seconds since the epoch, UTC; what isn't known is None.

    `state` is `new` (never run), `running`, `killed`, or how the last run ended. While it runs, `rows` are those of the
    load in hand; after, of the whole job, retried rejects counted once. `message`, `fix` and `log` are why the last run
    ended so, what to do, and where its log is, as it told them. `found_there` of the delivered were
    found at the destination, instead of being answered to. `proven` is what verifying found, None where nothing was
    verified; `second_event` what is known of a second event of one id; `corrections` rows of all loads that came again
    with another content. `mark` is where what its runs have done is marked, outside its folder. The parts of
    `waiting_loads` take `waiting_bytes` until they are verified, as the job asks.
    """

    job: str
    state: str
    rows: Books = Books()
    rejects: dict[str, int] = field(default_factory=dict)
    phase: str | None = None
    events_per_second: float | None = None
    seconds_left: float | None = None
    dismissed: int = 0
    found_there: int = 0
    waiting_loads: int = 0
    waiting_bytes: int = 0
    attempts: int = 0
    retries: int = 0
    loads: int = 0
    runs: int = 0
    started_at: float | None = None
    updated_at: float | None = None
    last_exit_code: int | None = None
    pid: int | None = None
    note: str = ""
    reports: tuple[Path, ...] = ()
    message: str = ""
    fix: str = ""
    log: str = ""
    proven: Proven | None = None
    second_event: SecondEvent | None = None
    corrections: CorrectionCounts = field(default_factory=CorrectionCounts)
    mark: str = ""

    @property
    def percent(self) -> float | None:
        """The share of the rows whose fate is known; None before any is read."""
        return 100 * self.rows.settled / self.rows.read if self.rows.read else None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `status --json` writes."""
        return {
            "job": self.job,
            "state": self.state,
            "phase": self.phase,
            "percent": None if self.percent is None else round(self.percent, 2),
            "rows": self.rows.to_json(),
            "rejects": self.rejects,
            "corrections": self.corrections.to_json(),
            "dismissed": self.dismissed,
            "found_there": self.found_there,
            "waiting": {"loads": self.waiting_loads, "bytes": self.waiting_bytes},
            "events_per_s": self.events_per_second,
            "left_s": self.seconds_left,
            "attempts": self.attempts,
            "retries": self.retries,
            "loads": self.loads,
            "runs": self.runs,
            "started_at": self.started_at,
            "updated_at": self.updated_at,
            "last_exit_code": self.last_exit_code,
            "pid": self.pid,
            "note": self.note,
            "reports": [str(path) for path in self.reports],
            "message": self.message,
            "fix": self.fix,
            "log": self.log,
            "mark": self.mark,
            "verification": self.proven.to_json() if self.proven else None,
            "second_event": self.second_event.to_json() if self.second_event else None,
        }
