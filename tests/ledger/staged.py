"""Loads, settlements and child processes for the tests of the ledger."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from etl.ledger.bitmap import empty_bitmap, set_bits
from etl.ledger.store import Ledger
from etl.values.delivery import Refusal, Settlement
from etl.values.reject import RejectCode
from etl.values.staged import LoadKind, SourceFile, StagedLoad, StagedPart

ROOT = Path(__file__).parents[2]


def source_file(path: str = "a.csv", rows: int = 10, sha256: str = "f" * 64) -> SourceFile:
    return SourceFile(path, rows * 20, 1_700_000_000_000_000_001, sha256, rows)


def staged_part(number: int, events: int, duplicates: Iterable[int] = ()) -> StagedPart:
    marked = set(duplicates)
    return StagedPart(
        number, events, events * 100, "a" * 64, set_bits(empty_bitmap(events), marked), len(marked)
    )


def staged_load(
    number: int = 1,
    *parts: StagedPart,
    skipped: int = 0,
    rejected: int = 0,
    kind: LoadKind = "files",
    files: Sequence[SourceFile] = (),
    mapping: str = "mapping-1",
) -> StagedLoad:
    read = skipped + rejected + sum(part.events for part in parts)
    return StagedLoad(
        number, kind, 1_700_000_000.25, read, skipped, rejected, tuple(files), parts, mapping, "d" * 32
    )


def refusal(reason: str = "no such field", *, status: int = 422, detail: str | None = "at /type") -> Refusal:
    return Refusal(
        RejectCode.SERVER_REJECTED, reason, status, "unprocessable_entity", detail, "req-1", 2, 100.5, 101.25
    )


def delivered(part: int, *indices: int) -> list[Settlement]:
    return [Settlement(part, index, None) for index in indices]


def refused(part: int, *indices: int) -> list[Settlement]:
    return [Settlement(part, index, refusal(f"refused {index}")) for index in indices]


def open_ledger(folder: Path, *, job: str = "docs", endpoint: str = "https://one.example") -> Ledger:
    return Ledger.open(folder, job=job, endpoint=endpoint, wall_clock=lambda: 1_700_000_000.0)


def everything(ledger: Ledger) -> tuple[object, ...]:
    """All that the ledger says, through its public methods."""
    loads = ledger.loads()
    each = [
        (
            ledger.files(load.number),
            ledger.parts(load.number),
            list(ledger.refusals(load.number)),
            ledger.books(load.number),
        )
        for load in loads
    ]
    said = (
        ledger.job,
        ledger.endpoint,
        ledger.notes.created_at,
        ledger.notes.reported,
        ledger.next_load_number,
    )
    return (loads, each, ledger.runs(), *said)


def start_child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start the Python text `script` as a process of its own that can import what the tests can."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
