"""Reads the row groups of a Parquet file in steps of a few megabytes, whatever their size and that of their values.

Rule: no step is sized by what a page takes on disk alone: a value that a dictionary holds once is as large in each row.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["gather_steps", "has_large_dictionary", "open_parquet", "read_steps"]

# A column's pages are read through a buffer of this size, not as the whole column chunk of a row group.
_BUFFER_BYTES: Final = 1 << 20
STEP_BYTES: Final = 2 << 20
BATCH_BYTES: Final = 8 << 20
LEAST_ROWS: Final = 16
# Arrow takes several times the memory of such a dictionary to hand it on as one, and hands it on with each batch.
LARGE_DICTIONARY_BYTES: Final = 4 << 20

# The allocators of Arrow's own keep much of what was freed, a dictionary of 100 MB as well.
pa.set_memory_pool(pa.system_memory_pool())
_SCHEMA_KEY: Final = b"ARROW:schema"


def open_parquet(
    path: Path, *, int96_unit: str = "us", metadata: pq.FileMetaData | None = None
) -> pq.ParquetFile:
    """Open a Parquet file to be read by its pages; as nanoseconds, INT96 would wrap beyond the year 2262."""
    return pq.ParquetFile(
        path,
        metadata=metadata,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,
        page_checksum_verification=True,
        coerce_int96_timestamp_unit=int96_unit,
    )


def read_steps(
    file: pq.ParquetFile, path: Path, columns: Sequence[str] | None, most_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield `columns` (None: all) of the open file at `path`, a few megabytes of rows at a time.

    Large dictionaries come as plain values.
    """
    names = file.schema_arrow.names if columns is None else columns
    plain = [name for name in names if has_large_dictionary(file, name)]
    if not plain:
        yield from _read_groups(file, columns, most_rows)
        return
    rest = [name for name in names if name not in plain]
    with open_parquet(path, metadata=_plain_metadata(path)) as beside:
        for ours, others in zip(
            _read_groups(beside, plain, most_rows, like=file),
            _read_groups(file, rest, most_rows) if rest else _nothing(),
            strict=bool(rest),
        ):
            if others is not None and others.num_rows != ours.num_rows:
                raise pa.ArrowInvalid(
                    f"{ours.num_rows:,} rows of one column where others have {others.num_rows:,}"
                )
            yield pa.record_batch(
                [ours.column(name) if name in plain else others.column(name) for name in names],
                names=list(names),
            )


def gather_steps(steps: Iterable[pa.Table], most_rows: int) -> Iterator[pa.Table]:
    """Yield the tables joined, as long as they are small together."""
    waiting: list[pa.Table] = []
    rows = size = 0
    for table in steps:
        if waiting and (rows + table.num_rows > most_rows or size >= BATCH_BYTES):
            yield _join(waiting)
            waiting, rows, size = [], 0, 0
        waiting.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
    if waiting:
        yield _join(waiting)


def _join(tables: list[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()


def _nothing() -> Iterator[None]:
    while True:
        yield None


def _read_groups(
    file: pq.ParquetFile,
    columns: Sequence[str] | None,
    most_rows: int,
    like: pq.ParquetFile | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield batches of `columns`, in steps that suit all columns of the file, also those of `like` that it has not."""
    for group in range(file.num_row_groups):
        step = _rows_of_step(like or file, group, most_rows)
        yield from file.iter_batches(batch_size=step, row_groups=[group], columns=columns)


def _rows_of_step(file: pq.ParquetFile, group: int, most_rows: int) -> int:
    chunks = file.metadata.row_group(group)
    if not chunks.num_rows:
        return most_rows
    row_bytes = chunks.total_byte_size / chunks.num_rows
    unknown: dict[str, None] = {}
    for chunk in map(chunks.column, range(chunks.num_columns)):
        if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page:
            known = chunk.statistics
            if known is not None and known.has_min_max:
                row_bytes += max(len(known.min_raw), len(known.max_raw))
            else:
                unknown[chunk.path_in_schema.partition(".")[0]] = None
    # Statistics leave out values that are long.
    if unknown:
        row_bytes += _probe(file, group, list(unknown))
    return max(LEAST_ROWS, min(most_rows, int(STEP_BYTES / max(1.0, row_bytes))))


def _probe(file: pq.ParquetFile, group: int, columns: list[str]) -> float:
    """Return how many bytes a row of `columns` takes, by the first few of the row group."""
    first = next(file.iter_batches(batch_size=LEAST_ROWS, row_groups=[group], columns=columns), None)
    if first is None or not first.num_rows:
        return 0.0
    plain = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in first.columns
    ]
    return float(sum(column.nbytes for column in plain) / first.num_rows)


def has_large_dictionary(file: pq.ParquetFile, name: str) -> bool:
    """Whether the column's dictionary takes memory worth speaking of, beside that of the rows."""
    dtype = file.schema_arrow.field(name).type
    if not pa.types.is_dictionary(dtype) or not (
        pa.types.is_string(dtype.value_type) or pa.types.is_large_string(dtype.value_type)
    ):
        return False
    # Not the dictionary's own page: a writer ends it at a megabyte, and Arrow then makes one of all that follows.
    sizes = [
        chunk.total_uncompressed_size
        for group in map(file.metadata.row_group, range(file.num_row_groups))
        for chunk in map(group.column, range(group.num_columns))
        if chunk.path_in_schema == name
    ]
    return max(sizes, default=0) > LARGE_DICTIONARY_BYTES


def _plain_metadata(path: Path) -> pq.FileMetaData:
    """Return the footer without the Arrow schema that it may hold, which alone makes dictionaries of columns."""
    with path.open("rb") as file:
        file.seek(-8, 2)
        size = int.from_bytes(file.read(4), "little")
        file.seek(-8 - size, 2)
        footer = file.read(size).replace(_SCHEMA_KEY, _SCHEMA_KEY.swapcase())
    return pq.read_metadata(pa.BufferReader(b"PAR1" + footer + size.to_bytes(4, "little") + b"PAR1"))
