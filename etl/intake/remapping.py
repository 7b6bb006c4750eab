"""Compares a half sent load with what its rows become under a changed mapping: what was delivered, what would go."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from etl.intake.load_rows import LAST_ROW, RowCursor, event_rows
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.parts import events_path, load_folder, read_part
from etl.values.remapped import Remapped, RowChange
from etl.values.staged import DELIVERED, PENDING, REPEATED, StagedLoad

__all__ = ["compare_load"]

_COLUMNS: Final = ["file", "row", "id", "body"]


def compare_load(folder: Path, ledger: Ledger, load: LoadEntry, now: StagedLoad) -> Remapped:
    """Return what differs between the open `load` and its rows as staged anew in `now`, before any is sent."""
    names = [file.path for file in now.files]
    delivered = sum(
        ledger.books(entry.number).delivered for entry in ledger.loads() if entry.mapping != now.mapping
    )
    counts: Counter[str] = Counter()
    example: RowChange | None = None
    for rows in _pair(folder, ledger, load, now):
        sent, pending = pl.col("fate") == DELIVERED, pl.col("fate") == PENDING
        goes = pl.col("goes").fill_null(value=False)
        has_new_id, differs = pl.col("id_now") != pl.col("id"), pl.col("body_now") != pl.col("body")
        found = {
            "new_ids": pending & goes & has_new_id,
            "new_bodies": pending & goes & ~has_new_id & differs,
            "dropped": pending & ~goes,
            "revived": (pl.col("fate") == REPEATED) & goes,
            "delivered_differ": sent & (pl.col("id_now").is_null() | differs),
        }
        flags = rows.select(flag.fill_null(value=False).alias(name) for name, flag in found.items())
        counts.update({name: int(flags[name].sum()) for name in found})
        if example is None or example.old_id == example.new_id:
            example = _find_example(rows, flags, names) or example
    going = sum(part.events - part.n_duplicate for part in now.parts)
    return Remapped(
        delivered,
        going,
        new_ids=counts["new_ids"],
        new_bodies=counts["new_bodies"],
        dropped=counts["dropped"],
        revived=counts["revived"],
        delivered_differ=counts["delivered_differ"],
        example=example,
    )


def _find_example(rows: pl.DataFrame, flags: pl.DataFrame, names: list[str]) -> RowChange | None:
    for name in ("new_ids", "new_bodies", "delivered_differ"):
        some = rows.filter(flags[name] & rows["id_now"].is_not_null())
        if some.height:
            file, row, old, new = some.select("file", "row", "id", "id_now").row(0)
            return RowChange(names[file], row, old, new)
    return None


def _pair(folder: Path, ledger: Ledger, load: LoadEntry, now: StagedLoad) -> Iterator[pl.DataFrame]:
    """Yield the events of `load`, each beside what its row becomes: `id_now`, `body_now`, and whether it `goes`."""
    place = load_folder(folder, now.number)
    before = RowCursor(event_rows(folder, ledger, load, ["id", "body"]))
    for part in now.parts:
        flags = np.unpackbits(np.frombuffer(part.duplicates, np.uint8), count=part.events, bitorder="little")
        after = read_part(events_path(place, part.number), _COLUMNS).with_columns(
            pl.Series("goes", flags == 0)
        )
        file, row = after.select("file", "row").row(-1)
        rows = before.take_until(file, row)
        if rows is not None:
            yield rows.join(after, on=["file", "row"], how="left", suffix="_now", maintain_order="left")
    rest = before.take_until(LAST_ROW, LAST_ROW)
    if rest is not None:
        missing = pl.lit(None, pl.String)
        yield rest.with_columns(
            missing.alias("id_now"), missing.alias("body_now"), pl.lit(value=False).alias("goes")
        )
