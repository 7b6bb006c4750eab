"""Checks INT96 times, which Parquet keeps as a day and the nanoseconds within it: each is the time written, or is told.

Rule: two readers that err in different places must agree. Arrow calls every moment of day 0 the start of 1970, and
takes a clock before midnight for one centuries later; Polars does neither.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from polars.datatypes import DataTypeClass

from etl.read.parquet.column_types import Unreadable

__all__ = ["check_int96", "find_int96"]

_MOST_SECONDS: Final = (2**63 - 1) // 1_000_000
# A clock before midnight makes a time of this century one beyond this.
_FAR_SECONDS: Final = 5_000_000_000

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def find_int96(file: pq.ParquetFile, names: Sequence[str]) -> list[str]:
    """Return those of the columns `names` that hold INT96 times, at any depth."""
    columns = map(file.schema.column, range(len(file.schema)))
    paths = [column.path for column in columns if column.physical_type == "INT96"]
    return [name for name in names if any(path == name or path.startswith(f"{name}.") for path in paths)]


def check_int96(path: Path, name: str, column: pa.Array, first_row: int) -> None:
    """Check the INT96 times of `column`, the rows of the file at `path` from `first_row` (from 0) on, read in seconds.

    Raises `Unreadable` for a time that microseconds don't hold, or that isn't what was written.
    """
    leaves = list(_leaves(column))
    bounds = [(found["min"].as_py(), found["max"].as_py()) for found in map(pc.min_max, leaves)]
    ends = [seconds for pair in bounds for seconds in pair if seconds is not None]
    for seconds in ends:
        if abs(seconds) > _MOST_SECONDS:
            raise Unreadable("times that fit microseconds", f"{seconds:,} seconds from 1970")
    is_far = any(abs(seconds) > _FAR_SECONDS for seconds in ends)
    is_doubtful = is_far or any(pc.any(pc.equal(leaf, 0)).as_py() for leaf in leaves)
    if is_doubtful and not _agree(leaves, _read_again(path, name, first_row, len(column))):
        raise Unreadable(
            "times with a day and a clock within it", "one of day 0, or whose clock is not within a day"
        )


def _agree(ours: list[pa.Array], theirs: list[pa.Array]) -> bool:
    """Whether both readers found the same times, to the second."""
    if [len(leaf) for leaf in ours] != [len(leaf) for leaf in theirs]:
        return False
    gaps = [pc.abs(pc.subtract(mine, other)) for mine, other in zip(ours, theirs, strict=True)]
    return all((pc.max(gap).as_py() or 0) <= 1 for gap in gaps)


def _read_again(path: Path, name: str, first_row: int, rows: int) -> list[pa.Array]:
    """Return the times of the same rows in seconds, as Polars reads them."""
    try:
        # Of its own accord, it takes INT96 for nanoseconds.
        coarse = {name: _in_microseconds(pl.read_parquet_schema(path)[name])}
        lazy = pl.scan_parquet(
            path,
            glob=False,
            hive_partitioning=False,
            schema=coarse,
            extra_columns="ignore",
            cast_options=pl.ScanCastOptions(datetime_cast="nanosecond-downcast"),
        )
        column = lazy.slice(first_row, rows).collect().to_series().to_arrow()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        found = str(error).splitlines()[0][:200] if str(error) else "unreadable"
        raise Unreadable("times that two readers agree on", found) from None
    return list(_leaves(column))


def _in_microseconds(dtype: pl.DataType | DataTypeClass) -> pl.DataType | DataTypeClass:
    match dtype:
        case pl.Datetime():
            return pl.Datetime("us", dtype.time_zone)
        case pl.List():
            return pl.List(_in_microseconds(dtype.inner))
        case pl.Struct():
            return pl.Struct({field.name: _in_microseconds(field.dtype) for field in dtype.fields})
        case pl.Map():
            return pl.Map(_in_microseconds(dtype.key), _in_microseconds(dtype.value))
        case _:
            return dtype


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """Yield the seconds of each array of times in the column, at any depth."""
    if pa.types.is_timestamp(column.type):
        yield pc.divide(column.view(pa.int64()), _PER_SECOND[column.type.unit])
    elif pa.types.is_struct(column.type):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(column.type):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_nested(column.type):
        yield from _leaves(column.flatten())
