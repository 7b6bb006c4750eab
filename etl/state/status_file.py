"""Publishes each second where a running job stands, for `backfill status`."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from etl.private import replace_private
from etl.report.progress import SendingView
from etl.send.account import SendProgress
from etl.values.books import Books
from etl.values.outcome import Outcome

__all__ = ["StatusFile"]

PUBLISH_SECONDS: Final = 1.0


class StatusFile:
    """The status file of one job. Failing to publish never fails a run: the ledger is what counts.

    `token` is that of the run's lock: by it, and by no clock, a reader knows whose file it is.
    """

    def __init__(
        self,
        path: Path,
        job: str,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        *,
        token: str = "",
    ) -> None:
        self._path, self._job, self._wall_clock, self._clock = path, job, wall_clock, clock
        self._token = token
        self._started_at = wall_clock()
        self._next_at = -math.inf

    def publish_phase(self, phase: str) -> None:
        """Say what the run is doing."""
        self._write({"state": "running", "phase": phase})

    def publish_reading(self, read: int, rejected: int) -> None:
        """Say how far the staging is, at most once a second."""
        if self._clock() >= self._next_at:
            self._next_at = self._clock() + PUBLISH_SECONDS
            rows = Books(read=read, rejected=rejected, pending=read - rejected).to_json()
            self._write({"state": "running", "phase": "staging", "rows": rows})

    def publish_sending(
        self,
        load: int,
        before: Books,
        delivered: int,
        refused: int,
        rejects: Mapping[str, int],
        view: SendingView,
        now: SendProgress,
    ) -> None:
        """Say how far the sending is, at most once a second.

        `delivered` and `refused` are this run's own, `rejects` those of the load by code.
        """
        if self._clock() < self._next_at:
            return
        self._next_at = self._clock() + PUBLISH_SECONDS
        rows = replace(
            before,
            delivered=before.delivered + delivered,
            rejected=before.rejected + refused,
            pending=before.pending - delivered - refused,
        )
        self._write(
            {
                "state": "running",
                "phase": "sending",
                "load": load,
                "rows": rows.to_json(),
                "rejects": dict(rejects),
                "events_per_s": round(view.per_second, 1),
                "left_s": None if view.seconds_left is None else round(view.seconds_left),
                "in_flight": now.in_flight,
                "in_flight_limit": now.limit,
                "attempts": now.attempts,
                "retries": now.retries,
                "uncertain": {
                    "held": now.held,
                    "found_there": now.found_there,
                    "sent_again": now.sent_again,
                },
                "note": view.note,
            }
        )

    def publish_outcome(self, outcome: Outcome) -> None:
        """Say how the run ended."""
        self._write(outcome.to_json())

    def _write(self, fields: dict[str, Any]) -> None:
        status = {
            "job": self._job,
            "pid": os.getpid(),
            "token": self._token,
            "started_at": self._started_at,
            "updated_at": self._wall_clock(),
            **fields,
        }
        try:
            with replace_private(self._path, durable=False) as file:
                file.write(json.dumps(status).encode())
        except OSError:
            return
