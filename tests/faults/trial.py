"""One job, one sandbox, and the oracle over both: what was lost, stored twice, sent again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.ledger.settler import BATCH_EVENTS
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from etl.send.concurrency import MAX_IN_FLIGHT
from tests.workbench import Said, finish, row_of, start, write_job, write_rows

# What may be sent twice after one crash: what was in flight, and the answers of two commits: 2,024.
MOST_RESENT = MAX_IN_FLIGHT + 2 * BATCH_EVENTS


@dataclass(frozen=True, slots=True)
class Tally:
    """Events lost, events stored twice, attempts beyond one an event."""

    lost: int
    doubled: int
    resent: int


class Trial:
    """A job of `events` rows, and one reject in each hundred, in a folder of its own."""

    def __init__(
        self, folder: Path, sandbox: SandboxProcess, events: int = 3000, state: Path | None = None
    ) -> None:
        self.sandbox, self.events = sandbox, events
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.rows = [
            row_of(n, at="n/a" if n % 100 == 0 else "2024-01-31T09:30:00Z") for n in range(1, events + 1)
        ]
        # Ids by content of a query that names the folder: trials that share a sandbox never meet.
        self.job = write_job(folder, [], id_spec='{ duplicates = "collapse" }')
        self.tag = folder.name
        write_rows(folder / "log.csv", [row.replace("what is", self.tag) for row in self.rows])
        self.state = state or folder / ".backfill"

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (
            "run",
            "--json",
            "--quiet",
            "--endpoint",
            self.sandbox.url,
            "--state-dir",
            self.state,
            self.job,
        )

    @property
    def place(self) -> Path:
        return next(path for path in self.state.iterdir() if path.name.startswith("docs@"))

    def start(self, *flags: str, **options: Any) -> Any:
        return start(*self.arguments, *flags, key=self.sandbox.api_key, **options)

    def run(self, **options: Any) -> Said:
        return finish(self.start(**options), 120)

    def stored(self) -> dict[str, dict[str, Any]]:
        found = {}
        for event in self.sandbox.events():
            query = json.loads(event["body"])["searchQuery"]
            if query.startswith(f"{self.tag} "):
                assert query not in found, "two ids for one row"
                found[query] = event
        return found

    def is_complete(self) -> bool:
        with Ledger.open_existing(self.place) as ledger:
            books = [ledger.books(load.number) for load in ledger.loads()]
        return bool(books) and all(one.balances and not one.pending for one in books)

    def tally(self) -> Tally:
        """Return what the trial came to, once a run has ended well."""
        stored = self.stored()
        expected = self.events - self.events // 100
        return Tally(
            lost=expected - len(stored),
            doubled=sum(event["copies"] > 1 for event in stored.values()),
            resent=sum(event["attempts"] - 1 for event in stored.values()),
        )

    def finish_and_check(self, most_resent: int = MOST_RESENT) -> Tally:
        """Run until all is settled, and hold the tally to the bounds."""
        said = self.run()
        assert said.code == 3, said
        rows = json.loads(said.out)["rows"]
        assert rows["read"] == sum(
            rows[word] for word in ("delivered", "rejected", "duplicate", "skipped", "pending")
        )
        assert self.is_complete()
        tally = self.tally()
        assert (tally.lost, tally.doubled) == (0, 0), tally
        assert tally.resent <= most_resent, tally
        return tally


@contextmanager
def trial(folder: Path, *options: str, events: int = 3000) -> Iterator[Trial]:
    with SandboxProcess(*options) as sandbox:
        yield Trial(folder, sandbox, events)
