"""What a job has done so far, as values: `backfill loads` prints it. Times are seconds since the epoch, UTC."""

from dataclasses import asdict, dataclass, field
from typing import Any

from etl.values.books import Books
from etl.values.outcome import CorrectionCounts
from etl.values.staged import SourceFile

__all__ = ["JobHistory", "PastLoad", "PastRun"]


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run; one that was killed has no end. `message` is why it ended so, `log` where its log is; both may be
    empty.
    """

    number: int
    started_at: float
    ended_at: float | None
    exit_code: int | None
    state: str
    delivered: int
    attempts: int
    message: str = ""
    fix: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class PastLoad:
    """One load: its files as they were staged, its books, and the numbers of the runs that worked on it.

    `kept` says whether its ids and rejects are still on disk; `found_there` how many of the delivered events were found
    at the destination, instead of being answered to. `corrections` are rows that came again with another content,
    `came_again` events that an older mapping had delivered.
    """

    number: int
    kind: str
    state: str
    staged_at: float
    completed_at: float | None
    files: tuple[SourceFile, ...]
    books: Books
    runs: tuple[int, ...]
    kept: bool
    found_there: int = 0
    corrections: CorrectionCounts = field(default_factory=CorrectionCounts)
    came_again: int = 0


@dataclass(frozen=True, slots=True)
class JobHistory:
    """All loads and runs of a job, oldest first; `mark` is where they are marked, outside its folder."""

    job: str
    loads: tuple[PastLoad, ...] = ()
    runs: tuple[PastRun, ...] = ()
    mark: str = ""

    def run(self, number: int) -> PastRun:
        """Return run `number`; KeyError where there is none."""
        return {run.number: run for run in self.runs}[number]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `loads --json` writes."""
        loads = [
            asdict(load) | {"rows": load.books.to_json(), "corrections": load.corrections.to_json()}
            for load in self.loads
        ]
        for load in loads:
            del load["books"]
        return {
            "job": self.job,
            "loads": loads,
            "runs": [asdict(run) for run in self.runs],
            "mark": self.mark,
        }
