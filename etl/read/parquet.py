"""Reads Parquet as it is typed, a batch of rows at a time, whatever the size of its row groups."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.read.csv_head import MOST_COLUMNS
from etl.read.files import SourcePath, explain_os_error
from etl.rows import ROW, Batch

__all__ = ["ParquetReader"]

BATCH_ROWS: Final = 65_536
# A column's pages are read through a buffer of this size, not as the whole column chunk of a row group.
_BUFFER_BYTES: Final = 1 << 20
_DAMAGE: Final = (
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
    pl.exceptions.PolarsError,
)


class ParquetReader:
    """One Parquet file: its columns from the footer, then its batches."""

    def __init__(self, source: SourcePath, *, batch_rows: int = BATCH_ROWS) -> None:
        """Read the footer of `source`; raises `InputError` where it is damaged, or has types that can't be read."""
        self._source = source
        self._batch_rows = batch_rows
        with self._explained(), self._open() as file:
            self._check_names(file.schema_arrow.names)
            self.schema: dict[str, pl.DataType] = dict(_to_frame(file.schema_arrow.empty_table()).schema)

    def batches(self) -> Iterator[Batch]:
        """Yield the file's rows in order; raises `InputError` where a page is damaged, or rows are missing."""
        row = 1
        with self._explained(), self._open() as file:
            for arrow in file.iter_batches(batch_size=self._batch_rows):
                if not arrow.num_rows:
                    continue
                arrow.validate(full=True)
                frame = _to_frame(pa.Table.from_batches([arrow]))
                numbers = pl.int_range(row, row + pl.len(), dtype=pl.UInt32).alias(ROW)
                yield Batch(frame.with_columns(numbers))
                row += arrow.num_rows
            if row - 1 != file.metadata.num_rows:
                raise pa.ArrowInvalid(f"{row - 1:,} rows where the footer says {file.metadata.num_rows:,}")

    def _open(self) -> pq.ParquetFile:
        return pq.ParquetFile(
            self._source.path, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
        )

    def _check_names(self, names: list[str]) -> None:
        repeated = (
            sorted({name for name in names if names.count(name) > 1}) if len(names) <= MOST_COLUMNS else []
        )
        if repeated or len(names) > MOST_COLUMNS or any(name.startswith("\x1f") for name in names):
            found = f"`{repeated[0]}` twice" if repeated else f"{len(names):,} names"
            raise InputError(
                f"Expected at most {MOST_COLUMNS:,} columns whose names differ, found {found} - {self._source.name}",
                "Export the file again with other column names",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the libraries raise for damaged files into `InputError`."""
        try:
            yield
        except (FileNotFoundError, PermissionError) as error:
            raise explain_os_error(error, self._source) from None
        except _DAMAGE as error:
            reason = str(error).splitlines()[0][:200] if str(error) else "unreadable"
            raise InputError(
                f"Expected a whole Parquet file, found: {reason} - {self._source.name}",
                "Copy or export the file again: it is truncated or damaged",
            ) from None
        except pl.exceptions.PanicException as error:
            raise InputError(
                f"Expected Parquet types that can be read, found: {str(error)[:200]} - {self._source.name}",
                "Export the file again without them",
            ) from None


def _to_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame
