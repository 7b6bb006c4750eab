"""Transforms the rows of a staged load again, under the job as it is now."""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from etl.errors import InputError
from etl.intake.batches import open_rows, transform_rows
from etl.intake.fingerprint import reads_alike
from etl.intake.load_rows import LAST_ROW, RowCursor, event_rows, reject_rows
from etl.intake.mended import RowKey
from etl.intake.plans import Plans
from etl.intake.records import format_of
from etl.intake.retry import transform_taken
from etl.intake.taken_rows import TakenRow, TakenRows
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.read.files import fingerprint
from etl.read.kinds import TYPED
from etl.read.source import Source
from etl.typed import type_command
from etl.values.reject import RejectCode
from etl.values.rows import EVENT_SCHEMA, REJECT_SCHEMA, MalformedRecord, Transformed
from etl.values.staged import SourceFile

__all__ = ["Again", "Rereading", "transform_again"]


def _start_over() -> str:
    return f"Or start the job over: {type_command('reset')}; it then sends every event again"


class Again(NamedTuple):
    """Rows of one file of a load, up to row `last`, as the job transforms them now."""

    file: int
    last: int
    transformed: Transformed
    malformed: tuple[MalformedRecord, ...] = ()


def transform_again(
    job: Job, folder: Path, ledger: Ledger, load: LoadEntry, *, started: datetime
) -> Iterator[Again]:
    """Yield the rows of `load`, in their order, as the job transforms them now.

    Raises `InputError` where the rows can't be told any more as they were read, `JobError` for a mapping that doesn't
    fit.
    """
    source, plans = _open(job, folder, load, started)
    kept = _KeptRows(job, folder, ledger, load, started)
    for position, file in enumerate(ledger.files(load.number)):
        index = None if source is None else _find_unchanged(source, file)
        if source is not None and plans is not None and index is not None:
            yield from _from_file(source, plans, index, position, file)
        else:
            yield from kept.transform(position, file)


@dataclass(frozen=True)
class Rereading:
    """The loads of a job, read again from their files as the job reads them now; the files are opened once for all."""

    job: Job
    folder: Path
    ledger: Ledger
    started: datetime

    @cached_property
    def _opened(self) -> tuple[Source, Plans]:
        return open_rows(self.job, self.started, with_source=False, fetched=self.folder / "fetched")

    def rows(self, load: LoadEntry) -> Iterator[Again]:
        """Yield the rows of `load` as the job transforms them now; raises `InputError` for a file that is gone or
        changed.
        """
        source, plans = self._opened
        for position, file in enumerate(self.ledger.files(load.number)):
            index = _find_unchanged(source, file)
            if index is None:
                raise InputError(
                    f"the file that was delivered is gone or changed - {file.path}", "Put it back"
                )
            yield from _from_file(source, plans, index, position, file)


def _open(
    job: Job, folder: Path, load: LoadEntry, started: datetime
) -> tuple[Source, Plans] | tuple[None, None]:
    if load.kind != "files":  # a person may have mended these rows: they aren't as in the file
        return None, None
    try:
        return open_rows(job, started, fetched=folder / "fetched")
    except InputError:
        return None, None


def _find_unchanged(source: Source, before: SourceFile) -> int | None:
    for index, file in enumerate(source.files):
        if file.name == before.path and fingerprint(file, before.size).sha256 == before.sha256:
            return index
    return None


def _from_file(source: Source, plans: Plans, index: int, position: int, file: SourceFile) -> Iterator[Again]:
    read = 0
    batches = transform_rows(source, plans, [index])
    for batch in batches:
        done = batch.transformed
        read += done.events.height + done.rejects.height + done.skipped + len(batch.malformed)
        yield Again(position, read, done, batch.malformed)
        if read > file.rows:
            break
    if isinstance(batches, Generator):
        batches.close()
    has_grown = fingerprint(source.files[index]).size > file.size
    if read < file.rows or (read > file.rows and not has_grown):
        raise InputError(
            f"Expected the {file.rows:,} rows that were staged, found {read:,} as [source] reads them now - "
            f"{file.path}",
            "Set [source] back as it was: with other rows it can't be told which of them were delivered. "
            f"{_start_over()}",
        )


_NO_EVENTS: Final = pl.DataFrame(schema={"row": pl.UInt32, "source": pl.String})


class _KeptRows:
    """Transforms rows again as they were kept with the parts of the load, where their file is gone or changed."""

    def __init__(self, job: Job, folder: Path, ledger: Ledger, load: LoadEntry, started: datetime) -> None:
        self._job, self._folder, self._ledger = job, folder, ledger
        self._load, self._started = load, started
        self._events = RowCursor(event_rows(folder, ledger, load, ["source"]))
        self._rejects = RowCursor(reject_rows(folder, ledger, load, [*list(REJECT_SCHEMA)[1:]]))

    def transform(self, position: int, file: SourceFile) -> Iterator[Again]:
        """Yield what becomes of the rows of the file at `position`, a part at a time."""
        if not reads_alike(self._job, self._load):
            raise InputError(
                "Expected the file as it was when it was staged, because [source] changed since, found it gone or "
                f"changed - {file.path}",
                "Put the file back, or set [source] back: what was kept of its rows was read the old way. "
                f"{_start_over()}",
            )
        while (events := self._events.take_part(position)) is not None:
            yield self._apply(position, file, events, int(events["row"][-1]))
        yield self._apply(position, file, _NO_EVENTS, LAST_ROW)

    def _apply(self, position: int, file: SourceFile, events: pl.DataFrame, last: int) -> Again:
        rejects = self._rejects.take(position, last)
        if rejects is None:
            return Again(position, last, self._transform(file, events))
        is_whole = pl.col("source").is_not_null()
        malformed = tuple(map(_to_malformed, rejects.filter(~is_whole).iter_rows(named=True)))
        rows = pl.concat([events, rejects.filter(is_whole)], how="diagonal_relaxed").sort("row")
        return Again(position, last, self._transform(file, rows), malformed)

    def _transform(self, file: SourceFile, rows: pl.DataFrame) -> Transformed:
        is_edited = self._load.kind == "retry" and format_of(self._job, file.path) in TYPED
        taken = [
            self._take(file, row, json.loads(source), is_edited=is_edited)
            for row, source in rows.select("row", "source").iter_rows()
        ]
        done = [
            some
            for _, some in transform_taken(
                self._job, self._folder, self._ledger, TakenRows.of(taken), self._started
            )
        ]
        return Transformed(
            pl.concat([some.events for some in done] or [pl.DataFrame(schema=EVENT_SCHEMA)]),
            pl.concat([some.rejects for some in done] or [pl.DataFrame(schema=REJECT_SCHEMA)]),
            sum(some.skipped for some in done),
        )

    def _take(self, file: SourceFile, row: int, values: dict[str, Any], *, is_edited: bool) -> TakenRow:
        # Which cells of a typed row were mended isn't kept: each is put in as it was staged.
        edited = frozenset(values) if is_edited else frozenset()
        return TakenRow(RowKey(self._load.number, file.path, row), values, edited)


def _to_malformed(reject: dict[str, Any]) -> MalformedRecord:
    return MalformedRecord(
        reject["row"], reject["line"], RejectCode(reject["code"]), reject["reason"], reject["raw"] or ""
    )
