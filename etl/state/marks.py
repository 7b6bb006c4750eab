"""Marks what a job's runs have done, outside its ledger, so that an older copy of the ledger is recognised.

One mark is in the job's own folder: a ledger alone that was put back is told by it. Another is in the user's state
folder (`$XDG_STATE_HOME/backfill`), by the job file's path: it tells of a whole folder that was put back, and of a
second one of the same job. A mark that can't be written or read keeps nobody from running; a machine that has none can
tell nothing.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etl.errors import StateError
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.private import make_private_folder, replace_private
from etl.state.place import SANDBOX_MARK, JobPlace
from etl.typed import type_command

__all__ = ["MARK_NAME", "Mark", "Marks"]

MARK_NAME: Final = "mark.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a run noted of its ledger: its id, the number of runs, what all of them delivered, when and where."""

    state: str
    runs: int
    delivered: int
    at: float
    folder: str


@dataclass(frozen=True, slots=True)
class Marks:
    """The places of a job's marks; `outside` is None for a rehearsal, or where the user has no state folder."""

    folder: Path
    outside: Path | None

    @classmethod
    def of(cls, job: Job, place: JobPlace, environ: Mapping[str, str]) -> "Marks":
        """Return the places of the marks of `job`, whose state is at `place`."""
        home = environ.get("XDG_STATE_HOME") or (
            f"{environ['HOME']}/.local/state" if environ.get("HOME") else ""
        )
        if not home or place.folder.name.endswith(f"@{SANDBOX_MARK}"):
            return cls(place.folder, None)
        key = os.fsencode(f"{job.path.resolve()}\n{place.folder.name}")
        name = f"{hashlib.sha256(key).hexdigest()[:32]}.json"
        return cls(place.folder, Path(home) / "backfill" / "marks" / name)

    @property
    def shown(self) -> str:
        """Where the mark outside the job's folder is; empty where there is none."""
        return str(self.outside) if self.outside is not None and self.outside.is_file() else ""

    def check(self, ledger: Ledger) -> None:
        """Raise `StateError` where a mark says that more was delivered than `ledger` knows."""
        now = _mark_of(self.folder, ledger)
        for path in self._paths():
            if (mark := _read(path)) is not None:
                _compare(mark, now)

    def write(self, ledger: Ledger, at: float) -> None:
        """Put the marks of how `ledger` stands; where they can't be written, none is."""
        mark = _mark_of(self.folder, ledger, at)
        for path in self._paths():
            with suppress(OSError, StateError):
                make_private_folder(path.parent)
                with replace_private(path, durable=False) as file:
                    file.write(json.dumps(asdict(mark)).encode())

    def forget(self) -> None:
        """Remove the mark outside the job's folder, where it is of that folder; raises OSError."""
        mark = None if self.outside is None else _read(self.outside)
        if self.outside is not None and mark is not None and mark.folder == str(self.folder.absolute()):
            self.outside.unlink(missing_ok=True)

    def _paths(self) -> tuple[Path, ...]:
        inside = self.folder / MARK_NAME
        return (inside,) if self.outside is None else (inside, self.outside)


def _mark_of(folder: Path, ledger: Ledger, at: float = 0.0) -> Mark:
    state = ledger.notes.state_id
    if state is None:
        state = uuid.uuid4().hex
        ledger.notes.state_id = state
    runs = ledger.runs()
    delivered = ledger.books_of(load.number for load in ledger.loads()).delivered
    return Mark(state, runs[-1].number if runs else 0, delivered, at, str(folder.absolute()))


def _read(path: Path) -> Mark | None:
    try:
        said = json.loads(path.read_bytes())
        mark = Mark(**said)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    types = [str, int, int, float, str]
    return mark if [type(value) for value in asdict(mark).values()] == types else None


def _compare(mark: Mark, now: Mark) -> None:
    if mark.state != now.state:
        if mark.delivered:
            raise StateError(
                f"Expected the state that delivered {mark.delivered:,} events of this job by {_show(mark.at)} "
                f"({mark.folder}), found another - {now.folder}",
                "Go on with that folder (put it back, or name it with --state-dir), have what it delivered found at "
                f"the destination ({type_command('adopt')}), or say --accept-state to go on with this one: "
                "what the other delivered is sent again, with the same ids",
            )
    elif (mark.runs, mark.delivered) > (now.runs, now.delivered):
        raise StateError(
            f"Expected the state as run {mark.runs:,} left it by {_show(mark.at)} ({mark.delivered:,} events "
            f"delivered), found it as run {now.runs:,} left it ({now.delivered:,}): an older copy was put back - "
            f"{now.folder}",
            "Put the newer copy back, or say --accept-state to go on with the older one: what was delivered since is "
            "sent again, with the same ids",
        )


def _show(at: float) -> str:
    with suppress(ValueError, OverflowError, OSError):
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "an unknown time"
