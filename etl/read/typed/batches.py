"""Opens Arrow (IPC, Feather) and Avro files as batches of typed columns, through the libraries that know them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from etl.errors import InputError
from etl.panics import without_panic_text

__all__ = ["BATCH_ROWS", "MOST_AVRO_BYTES", "read_schema", "read_tables"]

BATCH_ROWS: Final = 65_536
# An Avro file is read whole: no library at hand reads its columns a block at a time.
MOST_AVRO_BYTES: Final = 1 << 29
_FILE_MARK: Final = b"ARROW1"


def read_schema(path: Path, form: str) -> pa.Schema:
    """Return the columns of the file."""
    if form == "avro":
        return _read_avro(path, rows=1).schema
    with pa.memory_map(str(path)) as file:
        return _open_arrow(file).schema


def read_tables(path: Path, form: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the file, at most `BATCH_ROWS` at a time."""
    if form == "avro":
        yield from _read_avro(path).to_batches(BATCH_ROWS)
        return
    with pa.memory_map(str(path)) as file:
        opened = _open_arrow(file)
        batches = (
            (opened.get_batch(number) for number in range(opened.num_record_batches))
            if isinstance(opened, pa.ipc.RecordBatchFileReader)
            else iter(opened)
        )
        for batch in batches:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(start, BATCH_ROWS)


def _open_arrow(file: pa.NativeFile) -> pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader:
    is_stream = file.read(len(_FILE_MARK)) != _FILE_MARK
    file.seek(0)
    return pa.ipc.open_stream(file) if is_stream else pa.ipc.open_file(file)


def _read_avro(path: Path, rows: int | None = None) -> pa.Table:
    if path.stat().st_size > MOST_AVRO_BYTES:
        raise InputError(
            f"Expected an Avro file of at most {MOST_AVRO_BYTES >> 20:,} MB, which is held whole, found "
            f"{path.stat().st_size >> 20:,} MB - {path.name}",
            "Export it in smaller files, or as Parquet",
        )
    with without_panic_text():
        return pl.read_avro(path, n_rows=rows).to_arrow()
