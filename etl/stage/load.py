"""Stages a load: events and rejects into parts, aside, then renamed into place in one step.

Killed anywhere before the rename, there is only a folder that the next staging removes. The caller records the load
in the ledger after `stage_load` returns; killed between the two, the renamed folder is removed in the same way.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import polars as pl

from etl.private import make_private_folder, sync_folder
from etl.stage.corrections import settle_corrections
from etl.stage.duplicates import DeliveredIds, DuplicateFinder
from etl.stage.numbering import number_repeats
from etl.stage.parts import (
    SETTLED,
    events_path,
    explain_disk,
    load_folder,
    read_part,
    rejects_path,
    taken_path,
    write_part,
)
from etl.stage.renamed import RenamedAgain
from etl.values.rows import REJECT_SCHEMA, MalformedRecord, Transformed, malformed_frame
from etl.values.staged import (
    FEW_PART_EVENTS,
    MAX_PART_BYTES,
    MAX_PART_EVENTS,
    Corrections,
    KeptFile,
    RenamedRows,
    StagedPart,
)

__all__ = ["LoadWriter", "OnCorrection", "Staged"]

OnCorrection = Literal["report", "send", "reject"]

WRITES_AHEAD: Final = 1
EVENT_COLUMNS: Final = ("file", "row", "id", "body", "created_at", "type", "entity_type", "source")


@dataclass(frozen=True, slots=True)
class Staged:
    """What `LoadWriter` made: parts with their duplicates marked, files beside them, counts, a digest of all ids."""

    parts: tuple[StagedPart, ...]
    kept: tuple[KeptFile, ...]
    read: int
    skipped: int
    rejected: int
    ids_digest: str
    rows_of_file: dict[int, int]
    corrections: Corrections
    came_again: RenamedRows


@dataclass(slots=True)
class _Pending:
    """Frames on their way into parts of at most so many rows, and so many bytes in the columns that `size` sums up."""

    size: pl.Expr
    most_rows: int = MAX_PART_EVENTS
    most_bytes: int = MAX_PART_BYTES
    frames: list[pl.DataFrame] = field(default_factory=list)
    rows: int = 0
    n_bytes: int = 0

    def add(self, frame: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """Take a frame and yield each full part; a row too large for any part gets a part of its own."""
        ends = frame.select(self.size.cum_sum()).to_series().to_numpy()
        start = done_bytes = 0
        while start < frame.height:
            fits = int(np.searchsorted(ends, done_bytes + self.most_bytes - self.n_bytes, side="right"))
            end = min(max(fits, start + (not self.rows)), start + self.most_rows - self.rows)
            if end > start:
                self.frames.append(frame[start:end])
                self.rows += end - start
                self.n_bytes += int(ends[end - 1]) - done_bytes
                start, done_bytes = end, int(ends[end - 1])
            if start < frame.height or self.rows == self.most_rows:
                yield from self.rest()

    def rest(self) -> Iterable[pl.DataFrame]:
        """Yield what waits as a part, if anything does."""
        if self.rows:
            part = pl.concat(self.frames)
            self.frames, self.rows, self.n_bytes = [], 0, 0
            yield part


class LoadWriter:
    """Writes one load into a folder aside. A context manager: an error removes what was written."""

    def __init__(
        self,
        job_folder: Path,
        number: int,
        *,
        numbers_repeats: bool,
        delivered_ids: Sequence[DeliveredIds] = (),
        on_correction: OnCorrection = "report",
        has_little_room: bool = False,
    ) -> None:
        """Write load `number`; `delivered_ids` are those that earlier loads delivered.

        Where it `has_little_room`, its parts are small: one is held while the next is gathered.
        """
        self._on_correction = on_correction
        self._delivered_ids = delivered_ids
        self._target = load_folder(job_folder, number)
        self._folder = self._target.with_name(f".staging-{number:06d}")
        self._numbers_repeats = numbers_repeats
        most_events = FEW_PART_EVENTS if has_little_room else MAX_PART_EVENTS
        self._events = _Pending(_bytes_of("body", "source"), most_events)
        self._rejects = _Pending(_bytes_of("source", "raw"))
        self._kept: list[KeptFile] = []
        self._n_rejects_parts = 0
        self._read = self._skipped = self._rejected = 0
        self._rows_of_file: dict[int, int] = {}
        self._writer = ThreadPoolExecutor(1, "stage")
        self._writes: list[Future[KeptFile]] = []
        self._sizes: list[int] = []
        self._has_content = False

    def __enter__(self) -> Self:
        try:
            for leftover in (self._folder, self._target):
                if leftover.is_symlink():
                    leftover.unlink()
                elif leftover.exists():
                    shutil.rmtree(leftover)
            make_private_folder(self._folder)
            self._finder = DuplicateFinder(
                self._folder / "hashes",
                self._read_ids,
                self._delivered_ids,
                sends_corrections=self._on_correction == "send",
            )
        except OSError as error:
            raise explain_disk(error, self._folder) from None
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown(wait=True, cancel_futures=True)
        with suppress(OSError):
            self._finder.close()
        # Once finished it has another name; what is left under this one is of no use.
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, file: int, transformed: Transformed, malformed: tuple[MalformedRecord, ...]) -> None:
        """Take what became of some rows of the file at position `file`. Raises `StateError`."""
        events, rejects = transformed.events, transformed.rejects.select(list(REJECT_SCHEMA))
        if malformed:
            rejects = pl.concat([rejects, malformed_frame(malformed)]).sort("row")
        position = pl.lit(file, pl.UInt32).alias("file")
        placed = replace(
            transformed, events=events.with_columns(position), rejects=rejects.with_columns(position)
        )
        self.add_placed(placed, {file: events.height + rejects.height + transformed.skipped})

    def add_placed(self, transformed: Transformed, rows: Mapping[int, int]) -> None:
        """Take what became of so many `rows` of each file; events and rejects say of which. Raises `StateError`."""
        self._read += sum(rows.values())
        self._skipped += transformed.skipped
        self._rejected += transformed.rejects.height
        for file, read in rows.items():
            self._rows_of_file[file] = self._rows_of_file.get(file, 0) + read
        for part in self._events.add(transformed.events):
            self._write_events(part)
        for part in self._rejects.add(transformed.rejects):
            self._write_rejects(part)

    @property
    def has_read(self) -> bool:
        """Whether any row was added."""
        return self._read > 0

    def rows_of_file(self, file: int) -> int:
        """How many rows of the file at position `file` were added."""
        return self._rows_of_file.get(file, 0)

    def note_taken(self, taken: pl.DataFrame) -> None:
        """Keep with the load which rejects it takes up again. Raises `StateError`."""
        self._kept.append(write_part(taken, taken_path(self._folder)))

    def finish(self) -> Staged:
        """Write what is left, find the duplicates, and put the folder into its place, durable."""
        for part in self._events.rest():
            self._write_events(part)
        written = [write.result() for write in self._writes]
        if self._numbers_repeats:
            written = number_repeats(self._folder, written)
            for number in range(len(written)):
                self._finder.add(self._read_ids(number))
        flags, digest = self._finder.find()
        settled = settle_corrections(
            self._folder,
            written,
            flags,
            self._finder.differing,
            unknown=self._finder.unknown,
            rejects_them=self._on_correction == "reject",
        )
        self._rejected += settled.counts.rejected
        for frame in settled.rejects:
            for part in self._rejects.add(frame):
                self._write_rejects(part)
        for part in self._rejects.rest():
            self._write_rejects(part)
        parts = tuple(
            StagedPart(
                number=number,
                events=len(repeats),
                size_bytes=part.size_bytes,
                sha256=part.sha256,
                duplicates=np.packbits(repeats, bitorder="little").tobytes(),
                n_duplicate=int(repeats.sum()),
            )
            for number, (part, repeats) in enumerate(zip(settled.written, settled.flags, strict=True))
        )
        came_again = self._place_of_renamed(self._finder.came_again)
        self._put_in_place()
        return Staged(
            parts=parts,
            kept=(*self._kept, *settled.kept),
            read=self._read,
            skipped=self._skipped,
            rejected=self._rejected,
            ids_digest=digest,
            rows_of_file=self._rows_of_file,
            corrections=settled.counts,
            came_again=came_again,
        )

    def _place_of_renamed(self, found: RenamedAgain) -> RenamedRows:
        if found.first is None:
            return RenamedRows()
        part, index = found.first
        first = read_part(events_path(self._folder, part), ["file", "row", "id"]).row(index)
        return RenamedRows(found.events, found.changed, first)

    def _write_events(self, frame: pl.DataFrame) -> None:
        number = len(self._sizes)
        self._has_content = "content" in frame.columns
        self._sizes.append(frame.height)
        columns = [*EVENT_COLUMNS, *(name for name in ("name", "content", SETTLED) if name in frame.columns)]
        if not self._numbers_repeats:
            self._finder.add(_ids_of(frame))
        # Its thread ends each with what came of it; a signal bounds the wait (`etl.interrupt`), here as below.
        if len(self._writes) >= WRITES_AHEAD:
            self._writes[-WRITES_AHEAD].result()
        self._writes.append(
            self._writer.submit(write_part, frame.select(columns), events_path(self._folder, number))
        )

    def _write_rejects(self, frame: pl.DataFrame) -> None:
        path = rejects_path(self._folder, self._n_rejects_parts)
        self._kept.append(write_part(frame.select("file", *REJECT_SCHEMA), path))
        self._n_rejects_parts += 1

    def _read_ids(self, part: int) -> pl.DataFrame:
        if part < len(self._writes):
            self._writes[part].result()
        columns = ["id", "content"] if self._has_content else ["id"]
        return read_part(events_path(self._folder, part), columns)

    def _put_in_place(self) -> None:
        try:
            sync_folder(self._folder)
            self._folder.rename(self._target)
            sync_folder(self._target.parent)
        except OSError as error:
            raise explain_disk(error, self._target) from None


def _bytes_of(*columns: str) -> pl.Expr:
    return pl.sum_horizontal(pl.col(name).str.len_bytes().cast(pl.Int64) for name in columns)


def _ids_of(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("id", *(["content"] if "content" in events.columns else []))
