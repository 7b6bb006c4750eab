"""An incremental job that tests run night by night, in this process."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.sandbox.process import SandboxProcess
from etl.values.outcome import Outcome
from tests.workbench import HEADER, place_of, row_of, run_here, write_job

COLLAPSE = '{ columns = ["id"], duplicates = "collapse" }'
HOUR = 3600


@dataclass
class Nights:
    """An incremental job over `log*`, the files it reads, and its runs."""

    folder: Path
    sandbox: SandboxProcess
    job: Path

    def write(self, name: str, text: str | bytes, *, quiet: bool = True) -> Path:
        """Write a file whole; `quiet`: nobody has written to it for an hour."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        if quiet:
            os.utime(path, (time.time() - HOUR, time.time() - HOUR))
        return path

    def rows(self, name: str, numbers: Sequence[int], **options: Any) -> Path:
        return self.write(name, csv_of(numbers), **options)

    def run(self, **options: Any) -> Outcome:
        outcome = run_here(self.job, self.sandbox, **options)
        assert outcome.books.balances
        return outcome

    def queries(self) -> list[str]:
        """The queries that arrived, of this job alone."""
        said = [json.loads(event["body"])["searchQuery"] for event in self.sandbox.events()]
        return sorted(said)

    def rejects(self) -> list[dict[str, Any]]:
        lines = place_of(self.job).rejects_jsonl.read_text().splitlines()
        return [json.loads(line) for line in lines]


def csv_of(numbers: Sequence[int], header: str = HEADER) -> str:
    return "".join(f"{line}\n" for line in (header, *map(row_of, numbers)))


def incremental(folder: Path, sandbox: SandboxProcess, source: str = "", **options: Any) -> Nights:
    folder.mkdir(exist_ok=True)
    options = {"paths": "log*", "id_spec": COLLAPSE, **options}
    job = write_job(folder, source=f'mode = "incremental"\n{source}', **options)
    return Nights(folder, sandbox, job)


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    books = outcome.books
    return outcome.exit_code, books.read, outcome.sent_now, books.duplicate
