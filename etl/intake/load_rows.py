"""Yields the rows that a load staged, with what became of each, in the order in which they were read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from etl.ledger.facts import LoadEntry, PartEntry
from etl.ledger.store import Ledger
from etl.stage.parts import SETTLED, events_path, rejects_path
from etl.state.kept_load import kept_folder
from etl.values.staged import DELIVERED, REFUSED, REPEATED

__all__ = [
    "LAST_ROW",
    "RowCursor",
    "event_rows",
    "is_settled",
    "reject_rows",
]

LAST_ROW: Final = 2**32 - 1


class RowCursor:
    """Hands out frames of rows sorted by `file` and `row`, a stretch of a file at a time; holds a part or two."""

    def __init__(self, frames: Iterator[pl.DataFrame]) -> None:
        self._frames = frames
        self._held: pl.DataFrame | None = next(frames, None)

    def take(self, file: int, last: int) -> pl.DataFrame | None:
        """Return the rows of `file` up to row `last` that were not taken yet; None where no row is left at all."""
        found = self.take_until(file, last)
        return None if found is None else found.filter(pl.col("file") == file)

    def take_until(self, file: int, last: int) -> pl.DataFrame | None:
        """Return all rows up to row `last` of `file` that were not taken yet; None where no row is left at all."""
        found = []
        while self._held is not None:
            is_due = (pl.col("file") < file) | ((pl.col("file") == file) & (pl.col("row") <= last))
            due = self._held.filter(is_due)
            found.append(due)
            if due.height < self._held.height:
                self._held = self._held[due.height :]
                break
            self._held = next(self._frames, None)
        return pl.concat(found) if found else None

    def take_part(self, file: int) -> pl.DataFrame | None:
        """Return the next rows of `file`, those of one part; None where there are no more of it."""
        held = self._held
        if held is None or (rows := held.filter(pl.col("file") == file)).is_empty():
            return None
        self._held = held[rows.height :] if rows.height < held.height else next(self._frames, None)
        return rows


def is_settled() -> pl.Expr:
    """Whether a row's event was delivered or refused: it is never sent again, whatever becomes of its mapping."""
    return pl.col("fate").is_in([DELIVERED, REFUSED])


def event_rows(folder: Path, ledger: Ledger, load: LoadEntry, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Yield the events of an open load, a part at a time: `file`, `row`, `fate` and the `columns` asked for.

    What an earlier load settled is told from what it settled itself by neither: the fate is the same.
    """
    kept = kept_folder(folder, ledger, load.number)
    earlier = [SETTLED] if ledger.takes_over(load.number) else []
    for part in ledger.parts(load.number):
        frame = kept.read(events_path(kept.folder, part.number), ["file", "row", *columns, *earlier])
        fates = pl.Series("fate", _fates(part), dtype=pl.UInt8)
        if earlier:
            fates = frame.select(pl.coalesce(SETTLED, pl.lit(fates)).cast(pl.UInt8).alias("fate"))["fate"]
        yield frame.drop(earlier).with_columns(fates)


def reject_rows(folder: Path, ledger: Ledger, load: LoadEntry, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows that staging rejected, a part at a time: `file`, `row` and the `columns` asked for."""
    kept, number = kept_folder(folder, ledger, load.number), 0
    while load.rejected and kept.has(path := rejects_path(kept.folder, number)):
        # An older backfill kept what was found in the reason alone.
        always = [name for name in columns if name != "found"]
        yield kept.read(path, ["file", "row", *always], if_there=["found"] if "found" in columns else [])
        number += 1


def _fates(part: PartEntry) -> np.ndarray:
    fates = np.zeros(part.events, np.uint8)
    for bits, fate in ((part.delivered, DELIVERED), (part.refused, REFUSED), (part.duplicate, REPEATED)):
        flags = np.unpackbits(np.frombuffer(bits, np.uint8), count=part.events, bitorder="little")
        fates[flags.astype(bool)] = fate
    return fates
