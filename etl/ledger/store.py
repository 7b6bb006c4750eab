"""The ledger: what is staged, delivered and refused. The one place where a run's progress is true.

Theory of operation
-------------------
*What is committed when.* Three moments matter, and each is one SQLite transaction, durable when the call returns
(WAL, synchronous=FULL: the commit is fsynced).

1. `record_load`: the load, its files and its parts. Staging has by then written the parts into a folder aside,
   fsynced them, renamed the folder to its number and fsynced the folder above. Killed before the commit, the
   ledger doesn't know the load: its folder is garbage that the next staging removes, and nothing of it was sent.
   Killed after, everything that the commit names is on disk.
2. `settle`: the bits of a batch of events, after the server's answers. Killed before the commit, the batch is
   still pending, and is sent again with the same ids and bytes. Killed after, it is never sent again. So an event
   is at any instant pending, or its fate is known: none is lost. And a bit is set only after an answer: none is
   claimed falsely. What a kill can send twice is what was in flight and what was answered but not yet committed,
   which `Settler` holds to two batches.
3. `complete_load`: only when nothing of the load is pending. Its parts may go after that, not before.

*Why bitmaps.* Concurrent senders finish out of order, so a high-water mark would lie; a row an event would make the
ledger grow with the data. A part of 65,536 events has three bitmaps of 8 KB: duplicate, delivered, refused. They keep
their size, so that SQLite rewrites in place only the pages that changed.

*What SQLite's settings give.* EXCLUSIVE keeps a second process out, even where the job's lock was got around. FULL
makes each commit survive a power loss. Automatic checkpoints are off because SQLite ignores their failure;
`Session` checkpoints, and reads the result. The first error shuts the ledger for good: an fsync after a failed one
may claim success.

*Damage.* SQLite's quick check sees a broken structure; a seal on each row and `audit` see a changed cell. Both run
at each opening, before anything is believed. A damaged WAL reads as one that ends earlier: its commits are then sent
again, not lost.

*Threads.* Calls may come from any thread; they take turns. During a run, `Settler` writes from a thread of its own, and
a read from another waits for at most one commit.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from etl.errors import JobError, StateError
from etl.ledger.dismissals import Dismissals
from etl.ledger.fates import Events
from etl.ledger.loads import Loads
from etl.ledger.opening import create_ledger_file, find_ledger_file, open_session
from etl.ledger.proofs import Proofs
from etl.ledger.runs import Runs
from etl.ledger.session import Session

__all__ = ["Ledger"]


class Ledger(Loads, Events, Runs):
    """The open ledger of one job. Every method raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.dismissals = Dismissals(session)

    @classmethod
    def open(
        cls, folder: Path, *, job: str, endpoint: str, wall_clock: Callable[[], float] = time.time
    ) -> Self:
        """Open the ledger in `folder`, made if there is none.

        Raises StateError where disk or ledger are unfit or another job's, JobLocked where another process has it
        open, and JobError where events were delivered to another endpoint.
        """
        meta = {"job": job, "endpoint": endpoint, "created_at": repr(wall_clock())}
        path = find_ledger_file(folder) or create_ledger_file(folder, meta)
        ledger = cls(open_session(path))
        try:
            ledger._claim(job, endpoint)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open_existing(cls, folder: Path) -> Self | None:
        """Open the ledger in `folder`, or return None where there never was one; raises as `open` does."""
        path = find_ledger_file(folder)
        return None if path is None else cls(open_session(path))

    def close(self) -> None:
        """Checkpoint and close. Safe to call twice, and after a failure."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def proofs(self) -> Proofs:
        """What the destination says of the events."""
        return Proofs(self._session)

    # What the job is

    @property
    def job(self) -> str:
        """The name of the job."""
        return self.notes.job or ""

    @property
    def endpoint(self) -> str:
        """Where its events go."""
        return self.notes.endpoint or ""

    def _claim(self, job: str, endpoint: str) -> None:
        if self.job != job:
            raise StateError(
                f"Expected the ledger of job `{job}`, found that of `{self.job}` - {self._session.path}",
                "Give each job a name of its own, or another --state-dir",
            )
        if self.endpoint == endpoint:
            return
        if self.delivered_any():
            raise JobError(
                f"Expected events for {self.endpoint}, where this job has delivered, found endpoint {endpoint}",
                "Set the endpoint back, or give the job another name or another --state-dir for the new one",
            )
        self.notes.endpoint = endpoint
