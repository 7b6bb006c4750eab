"""Sets rows aside that came again with another content: as corrections beside the parts, or as rejects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from etl.stage.parts import corrections_path, events_path, read_part, write_part
from etl.values.reject import RejectCode
from etl.values.rows import REJECT_SCHEMA
from etl.values.staged import Corrections, KeptFile

__all__ = ["Settled", "settle_corrections"]

OF_DELIVERED: Final = "its content differs from what was delivered under its id"
OF_LOAD: Final = "its content differs from the row of this load that goes out under its id"


@dataclass(slots=True)
class Settled:
    """The parts of a load and their duplicates, once rows that differ are set aside; with files, rejects and counts."""

    written: list[KeptFile]
    flags: list[np.ndarray]
    kept: list[KeptFile] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    counts: Corrections = field(default_factory=Corrections)


def settle_corrections(
    folder: Path,
    written: Sequence[KeptFile],
    flags: Sequence[np.ndarray],
    differing: pl.DataFrame,
    *,
    unknown: int,
    rejects_them: bool,
) -> Settled:
    """Move the rows of `differing`, found by `DuplicateFinder`, into files of their own; raises `StateError`.

    Those that go stay where they are. `rejects_them`: the others leave their part and become rejects.
    """
    settled = Settled(list(written), list(flags))
    sent, told, first = int(differing["goes"].sum()), 0, None
    for (number,), some in (
        differing.filter(~pl.col("goes")).sort("part", "index").group_by("part", maintain_order=True)
    ):
        part = int(number)
        frame = read_part(events_path(folder, part)).with_row_index("index")
        pairs = some.join(frame.select("index", "id", "content"), on="index").select(
            "id", "content", "delivered", "newest"
        )
        rows = frame.join(pairs.unique(), on=["id", "content"], how="inner", maintain_order="left")
        told += rows.height
        first = first or (int(rows["file"][0]), int(rows["row"][0]))
        reason = pl.when("delivered").then(pl.lit(OF_DELIVERED)).otherwise(pl.lit(OF_LOAD)).alias("reason")
        if rejects_them:
            settled.rejects.append(_as_rejects(rows.with_columns(reason)))
            leaves = frame["index"].is_in(rows["index"].implode()).to_numpy()
            settled.written[part] = write_part(
                frame.filter(pl.Series(~leaves)).drop("index"), events_path(folder, part)
            )
            settled.flags[part] = settled.flags[part][~leaves]
        else:
            path = corrections_path(folder, len(settled.kept))
            settled.kept.append(
                write_part(rows.select("file", "row", "id", "source", reason, "newest"), path)
            )
    found, rejected = sent + told, told if rejects_them else 0
    settled.counts = Corrections(found, sent, rejected, unknown, first)
    return settled


def _as_rejects(rows: pl.DataFrame) -> pl.DataFrame:
    made = {"code": pl.lit(RejectCode.CONFLICT.value), "field": pl.lit("id"), "column": pl.lit("")}
    return rows.select(
        "file",
        *(
            (made[name] if name in made else pl.col(name) if name in rows.columns else pl.lit(None))
            .cast(dtype)
            .alias(name)
            for name, dtype in REJECT_SCHEMA.items()
        ),
    )
