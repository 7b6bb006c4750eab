"""Shows the reading to whoever watches a run, and ends it where somebody says stop."""

import signal
import threading
from dataclasses import dataclass

from etl.interrupt import Interrupted
from etl.report.progress import Progress
from etl.state.status_file import StatusFile

__all__ = ["ReadingView"]


@dataclass(frozen=True, slots=True)
class ReadingView:
    """Shows the reading to whoever watches this run, and publishes it for whoever asks from elsewhere."""

    progress: Progress
    status: StatusFile
    stop: threading.Event | None

    def read(self, rows: int, rejected: int) -> None:
        """Show how many rows are read; raises `Interrupted` once `stop` is set."""
        if self.stop is not None and self.stop.is_set():
            raise Interrupted(signal.SIGINT)
        self.progress.read(rows, rejected)
        self.status.publish_reading(rows, rejected)
