"""What a run is told beside its job file, and what it shares with the other runs of a command."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from etl.intake.retry import RetryRequest
from etl.job.model import Rate
from etl.send.pacing import NOTHING_CARRIED, Carried
from etl.state.place import Destination
from etl.watch.metrics import JobMetrics
from etl.watch.sinks import Sink

__all__ = ["RunOptions", "SharedPace"]


class SharedPace:
    """One pace for each endpoint and key: what the last send left to the next, which comes after it."""

    def __init__(self) -> None:
        self._carried: dict[tuple[str, str | None], Carried] = {}

    def find(self, destination: Destination) -> Carried:
        """Return what the next send to `destination` must keep to."""
        return self._carried.get((destination.endpoint, destination.key), NOTHING_CARRIED)

    def note(self, destination: Destination, carried: Carried) -> None:
        """Note what a send to `destination` left."""
        self._carried[destination.endpoint, destination.key] = carried


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: where the state is, and what overrides the job file.

    `take_skipped`: also take rows that an earlier filter skipped. `accept_state`: go on though more was delivered than
    the ledger knows. `retry`: stage rejects again, instead of what is new. `on_uncertain` and `canary` are the job's,
    where they are None; `probe_dedupe`: send one event of the canary a second time, to see what becomes of it.
    `command` is what a second run is told that this one does. `stop`: once another thread sets it, the run ends as if
    it were interrupted. `pace`: what is shared with the other jobs of a command. `sinks` get the log's lines too,
    `environ` names webhooks and collectors, `note_metrics` hears how it ended, `say` what must be said before anything
    is sent, `tell_problem` what couldn't be told to a webhook or a heartbeat.
    """

    state_dir: Path | None = None
    rate: Rate | None = None
    limit: int | None = None
    accept_new_mapping: bool = False
    accept_state: bool = False
    take_skipped: bool = False
    retry: RetryRequest | None = None
    overlap: Literal["check", "send"] | None = None
    canary: int | None = None
    probe_dedupe: bool = False
    command: str = "backfill run"
    on_uncertain: Literal["ask", "resend"] | None = None
    stop: threading.Event | None = None
    pace: SharedPace = field(default_factory=SharedPace)
    sinks: tuple[Sink, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    note_metrics: Callable[[JobMetrics], object] | None = None
    tell_problem: Callable[[str], object] | None = None
    say: Callable[[str], object] | None = None
