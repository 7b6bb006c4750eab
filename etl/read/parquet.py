"""Reads Parquet as it is typed, a batch of rows at a time, whatever the size of its row groups."""

from collections.abc import Iterator
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.rows import ROW, Batch
from etl.read.files import SourcePath, explain_os_error

__all__ = ["ParquetReader"]

BATCH_ROWS: Final = 65_536


class ParquetReader:
    """One Parquet file: its columns from the footer, then its batches."""

    def __init__(self, source: SourcePath) -> None:
        self._source = source
        with self._open() as file:
            self.schema: dict[str, pl.DataType] = self._read_schema(file)

    def batches(self) -> Iterator[Batch]:
        """Yield the file's rows in order; raises `InputError` where a page is damaged."""
        row = 1
        with self._open() as file:
            try:
                for arrow in file.iter_batches(batch_size=BATCH_ROWS):
                    frame = pl.from_arrow(pa.Table.from_batches([arrow]), rechunk=False)
                    assert isinstance(frame, pl.DataFrame)
                    numbers = pl.int_range(row, row + pl.len(), dtype=pl.UInt32).alias(ROW)
                    yield Batch(frame.with_columns(numbers))
                    row += arrow.num_rows
            except (pa.ArrowException, OSError) as error:
                raise self._explain(error) from None

    def _read_schema(self, file: pq.ParquetFile) -> dict[str, pl.DataType]:
        try:
            frame = pl.from_arrow(file.schema_arrow.empty_table())
        except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            raise self._explain(error) from None
        assert isinstance(frame, pl.DataFrame)
        return dict(frame.schema)

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._source.path)
        except (pa.ArrowException, OSError) as error:
            raise self._explain(error) from None

    def _explain(self, error: Exception) -> InputError:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            return explain_os_error(error, self._source)
        reason = str(error).splitlines()[0][:200] if str(error) else "unreadable"
        return InputError(
            f"Expected a whole Parquet file, found: {reason} - {self._source.name}",
            "Copy or export the file again: it is truncated or damaged",
        )
