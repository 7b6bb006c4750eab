"""What the cells of a sheet are as text, and where its rows begin. Pure."""

from typing import Final, NamedTuple

import polars as pl
import pyarrow as pa

from etl.errors import InputError, JobError
from etl.job.model import ExcelSpec
from etl.read.csv.head import name_columns

__all__ = [
    "SheetHead",
    "find_early",
    "find_filled",
    "find_head",
    "show_elapsed",
    "show_times",
    "to_texts",
]

# A time of day has the day that days are counted from: of 1900, or of 1904.
_CLOCK: Final = {
    False: r"^1899-12-3[01] (\d\d:\d\d:\d\d(?:\.\d+)?)$",
    True: r"^1904-01-01 (\d\d:\d\d:\d\d(?:\.\d+)?)$",
}
# An elapsed time looks like one of the days after that.
_EARLY: Final = r"^(?:1899-12-3[01]|190\d-\d\d-\d\d) \d\d:\d\d:\d\d"


class SheetHead(NamedTuple):
    """How many rows of the sheet stand before the first that counts, and the columns' names."""

    rows: int
    columns: tuple[str, ...]


def to_texts(table: pa.RecordBatch) -> pl.DataFrame:
    """Return the cells with the position of each column for its name."""
    frame = pl.from_arrow(table.rename_columns([str(at) for at in range(table.num_columns)]))
    assert isinstance(frame, pl.DataFrame)
    return frame


def find_filled(frame: pl.DataFrame) -> pl.Series:
    """Return which rows hold anything."""
    filled = [pl.col(name).str.strip_chars().ne("").fill_null(value=False) for name in frame.columns]
    if not filled:
        return pl.Series([], dtype=pl.Boolean)
    return frame.select(pl.any_horizontal(filled).alias("filled")).to_series()


def find_head(frame: pl.DataFrame, spec: ExcelSpec, name: str) -> SheetHead:
    """Return the head of the sheet called `name`: its header is the first row after `skip_rows` that holds anything."""
    if not spec.header:
        return SheetHead(spec.skip_rows, _fit(spec, frame.width, name))
    at = next((row for row in find_filled(frame).arg_true() if row >= spec.skip_rows), None)
    if at is None:
        raise InputError(
            f"Expected a row of column names, found none - {name}",
            "Check skip_rows under [source.excel], and whether this is the right sheet",
        )
    cells = [cell or "" for cell in frame.row(at)]
    while (
        not cells[-1].strip()
        and not frame.select(str(len(cells) - 1))[at + 1 :].to_series().is_not_null().any()
    ):
        cells.pop()
    return SheetHead(at + 1, _fit(spec, len(cells), name) if spec.columns else name_columns(cells))


def _fit(spec: ExcelSpec, width: int, name: str) -> tuple[str, ...]:
    if spec.columns is None or len(spec.columns) != width:
        raise JobError(
            f"Expected {width} names, as many as {name} has columns, found {len(spec.columns or ())} - "
            "[source.excel] columns",
            "Name every column of the sheet in order, or leave `columns` out to use the header's names",
        )
    return spec.columns


def show_times(frame: pl.DataFrame, *, from_1904: bool) -> pl.DataFrame:
    """Return the cells with times of day as such."""
    return frame.with_columns(pl.all().str.replace(_CLOCK[from_1904], "$1"))


def find_early(frame: pl.DataFrame) -> list[int]:
    """Return the columns in which some cell looks like a day before 1910, as elapsed times do."""
    return [at for at, cells in enumerate(frame.get_columns()) if cells.str.contains(_EARLY).any()]


def show_elapsed(millis: pl.Series, texts: pl.Series) -> pl.Series:
    """Return elapsed times as hours, minutes and seconds: `36:00:00`; and `texts` where there is none."""
    sign = pl.when(pl.col("ms") < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    frame = pl.DataFrame({"ms": millis, "text": texts}).select("text", sign.alias("sign"), pl.col("ms").abs())
    parts = [pl.col("ms") // 3_600_000, pl.col("ms") // 60_000 % 60, pl.col("ms") // 1_000 % 60]
    clock = pl.concat_str([part.cast(pl.String).str.zfill(2) for part in parts], separator=":")
    rest = pl.col("ms") % 1_000
    fraction = pl.when(rest > 0).then(pl.lit(".") + rest.cast(pl.String).str.zfill(3)).otherwise(pl.lit(""))
    shown = pl.col("sign") + clock + fraction
    return frame.select(pl.coalesce(shown, "text").alias(millis.name)).to_series()
