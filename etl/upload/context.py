"""What all steps of a run share: the job with its state, who watches, the clocks, and what there is to tell so far."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from etl.report.progress import Progress
from etl.state.open_job import OpenJob
from etl.state.place import Destination
from etl.state.status_file import StatusFile
from etl.upload.audience import Audience, ReadingView
from etl.upload.run_options import RunOptions
from etl.upload.watching import JobWatch

__all__ = ["RunContext"]


@dataclass
class RunContext:
    """The run that its steps are of: `loads` are those it worked on, `notes` what the summary says beside the books.

    `heed_signals` raises `Interrupted` where a signal came that something swallowed.
    """

    opened: OpenJob
    destination: Destination
    options: RunOptions
    progress: Progress
    watch: JobWatch
    status: StatusFile
    wall_clock: Callable[[], float]
    clock: Callable[[], float]
    loads: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    heed_signals: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.job, self.ledger, self.folder = self.opened.job, self.opened.ledger, self.opened.folder
        self.started = datetime.fromtimestamp(self.wall_clock(), UTC)

    def tell(self, *notes: str) -> None:
        """Say now what the summary says again at the end."""
        self.notes += notes
        if self.options.say is not None:
            for note in notes:
                self.options.say(f"{self.job.name}: {note}")

    def view_reading(self) -> ReadingView:
        """Return what shows how the reading goes."""
        return ReadingView(self.progress, self.status, self.options.stop)

    def audience(self) -> Audience:
        """Return who sees how a sending goes."""
        return Audience(self.progress, self.status, self.watch.watcher)
