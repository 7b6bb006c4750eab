"""Counts and finds the rows that came again with another content than was delivered under their id.

An open correction is one that nothing has gone out for since: no retry took it, and no later load delivered its id or
holds a newer one, nor a later row of its own load.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from etl.ledger.store import Ledger
from etl.stage.kept import KeptFolder, read_ids_at
from etl.stage.parts import corrections_path
from etl.state.kept_load import kept_folder
from etl.typed import type_command
from etl.values.outcome import CorrectionCounts
from etl.values.reject import RejectCode
from etl.values.staged import Corrections

__all__ = ["all_corrections", "count_corrections", "note_corrections", "open_corrections"]

SCHEMA: Final = {
    "load": pl.UInt32(),
    "file": pl.String(),
    "row": pl.UInt32(),
    "code": pl.String(),
    "field": pl.String(),
    "reason": pl.String(),
    "fix": pl.String(),
    "id": pl.String(),
    "source": pl.String(),
    "newest": pl.Boolean(),
}


def note_corrections(ledger: Ledger, load: int, found: Corrections, names: Sequence[str]) -> None:
    """Note the corrections of `load`, which is about to be recorded; `names` are those of its files."""
    first = f"{names[found.first[0]]} row {found.first[1]:,}" if found.first is not None else None
    counts = CorrectionCounts(found.found, found.sent, found.rejected, found.unknown, first)
    ledger.notes.corrections.put(load, counts)


def count_corrections(ledger: Ledger, loads: Iterable[int]) -> CorrectionCounts:
    """Return the corrections of `loads` added up."""
    total = CorrectionCounts()
    for load in loads:
        if (counts := ledger.notes.corrections.of(load)) is not None:
            total = total.plus(counts)
    return total


def all_corrections(folder: Path, ledger: Ledger, loads: Iterable[int]) -> pl.DataFrame:
    """Return the corrections of `loads` that didn't go out when they were found; raises `StateError`."""
    cleared = ledger.cleared_through
    frames = [pl.DataFrame(schema=SCHEMA)]
    for load in loads:
        if load > cleared:
            names = [file.path for file in ledger.files(load)]
            frames += [
                _conform(frame, names, load) for frame in _read_parts(kept_folder(folder, ledger, load))
            ]
    return pl.concat(frames)


def open_corrections(folder: Path, ledger: Ledger, taken: pl.DataFrame, loads: Iterable[int]) -> pl.DataFrame:
    """Return the corrections of `loads` that are open; `taken` are the rows that retries took. Raises `StateError`."""
    every = all_corrections(folder, ledger, [load.number for load in ledger.loads()])
    newest = every.unique("id", keep="last", maintain_order=True).filter(pl.col("newest"))
    left = newest.join(taken, on=["load", "file", "row"], how="anti", maintain_order="left")
    for load in ledger.loads():
        older = left.filter(pl.col("load") < load.number)
        if not older.height or load.number <= ledger.cleared_through:
            continue
        kept = kept_folder(folder, ledger, load.number)
        for part in ledger.parts(load.number):
            if part.n_delivered:
                gone = read_ids_at(kept, part.number, part.delivered)["id"]
                is_gone = (pl.col("load") < load.number) & pl.col("id").is_in(gone.implode())
                left = left.filter(~is_gone)
    return left.filter(pl.col("load").is_in(list(loads)))


def _read_parts(kept: KeptFolder) -> Iterable[pl.DataFrame]:
    number = 0
    while kept.has(path := corrections_path(kept.folder, number)):
        yield kept.read(path)
        number += 1


def _conform(frame: pl.DataFrame, names: Sequence[str], load: int) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(load).alias("load"),
        pl.Series("file", [names[position] for position in frame["file"]], dtype=pl.String),
        pl.lit(RejectCode.CONFLICT.value).alias("code"),
        pl.lit("id").alias("field"),
        pl.lit(f"send it under its id: {type_command('retry', '--corrections')}").alias("fix"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
