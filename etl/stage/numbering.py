"""Gives the k-th repeat of an event within one file an id of its own: `duplicates = "number"`.

The name gets U+001F and k (k = 1 for the first repeat), so that each repeat is kept, and re-sorting the file still
gives the same set of ids.
"""

from pathlib import Path

import polars as pl
import polars_hash  # noqa: F401 - registers the `uuidhash` namespace

from etl.event import ID_NAMESPACE
from etl.stage.parts import events_path, read_part, write_part
from etl.values.staged import KeptFile

__all__ = ["number_repeats"]

ID_END = len('{"id":"') + 36


def number_repeats(folder: Path, written: list[KeptFile]) -> list[KeptFile]:
    """Rewrite the parts that hold repeats; return what every part is known by.

    Memory holds the ids of all rows that have a repeat, and 16 bytes for every row.
    """
    repeats = _find_repeats(folder, len(written))
    result = list(written)
    for (part,), rows in repeats.group_by("part"):
        number = int(part)
        frame = read_part(events_path(folder, number))
        result[number] = write_part(_renumber(frame, rows), events_path(folder, number))
    return result


def _find_repeats(folder: Path, parts: int) -> pl.DataFrame:
    """Return `part`, `index` and `repeat` (k ≥ 1) of each row whose id an earlier row of its file has."""
    hashes = []
    for part in range(parts):
        frame = read_part(events_path(folder, part), ["file", "id"])
        mixed = pl.struct("file", "id").hash(seed=0)
        hashes.append(
            frame.select(mixed.alias("hash"), pl.lit(part, pl.UInt32).alias("part")).with_row_index("index")
        )
    empty = pl.DataFrame(schema={"index": pl.UInt32, "hash": pl.UInt64, "part": pl.UInt32})
    candidates = pl.concat([empty, *hashes]).filter(pl.col("hash").is_duplicated())
    found = []
    for (part,), rows in candidates.group_by("part", maintain_order=True):
        ids = read_part(events_path(folder, int(part)), ["file", "id"])
        found.append(rows.select("part", "index").with_columns(ids[rows["index"]]))
    if not found:
        return pl.DataFrame(schema={"part": pl.UInt32, "index": pl.UInt32, "repeat": pl.UInt32})
    repeat = pl.int_range(pl.len(), dtype=pl.UInt32).over("file", "id").alias("repeat")
    ordered = pl.concat(found).sort("part", "index")
    return ordered.select("part", "index", repeat).filter(pl.col("repeat") > 0)


def _renumber(frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_row_index("index").join(
        rows.select("index", "repeat"), on="index", how="left", maintain_order="left"
    )
    content = pl.concat_str(pl.lit("{"), pl.col("body").str.slice(ID_END + len('",')))
    base = pl.col("name") if "name" in frame.columns else content
    name = pl.concat_str(base, pl.lit("\x1f"), pl.col("repeat").cast(pl.String))
    new_id = name.uuidhash.uuid5(str(ID_NAMESPACE))  # type: ignore[attr-defined]
    is_repeat = pl.col("repeat").is_not_null()
    frame = frame.with_columns(pl.when(is_repeat).then(new_id).otherwise(pl.col("id")).alias("id"))
    body = pl.concat_str(pl.lit('{"id":"'), pl.col("id"), pl.col("body").str.slice(ID_END))
    return frame.with_columns(pl.when(is_repeat).then(body).otherwise(pl.col("body")).alias("body")).drop(
        "index", "repeat"
    )
