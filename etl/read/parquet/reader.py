"""Reads Parquet as it is typed, a batch of rows at a time, whatever the size of its row groups."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.read.csv.head import MOST_COLUMNS
from etl.read.files import SourcePath, explain_os_error
from etl.read.parquet.column_types import Unreadable, as_plain, plain_type
from etl.read.parquet.int96 import check_int96, find_int96
from etl.read.parquet.steps import gather_steps, has_large_dictionary, open_parquet, read_steps
from etl.read.uses import Uses
from etl.values.rows import ROW, Batch

__all__ = ["ParquetReader", "refuse_column", "to_frame"]

BATCH_ROWS: Final = 65_536
# Beside a large dictionary, which stays in memory, less of the rows may.
FEW_ROWS: Final = 4_096
_DAMAGE: Final = (
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
    pl.exceptions.PolarsError,
)


class ParquetReader:
    """One Parquet file: its columns from the footer, then its batches.

    A column that can't be read, and that no job uses, is a column of nulls. `keeps_much`: a large dictionary stays in
    memory while it is read.
    """

    def __init__(
        self,
        source: SourcePath,
        *,
        batch_rows: int = BATCH_ROWS,
        uses: Uses = frozenset,
        is_open: bool = False,
    ) -> None:
        """Read the footer of `source`; raises `InputError` where it is damaged, or a column of `uses` can't be read.

        Where `is_open`, anything may use the columns: those that can't be read are left out.
        """
        self._source = source
        self._batch_rows = batch_rows
        with self._explained(), self._open() as file:
            names = file.schema_arrow.names
            self._used = uses(names)
            self._check_names(names)
            self._types = self._tell_types(file.schema_arrow, has_nulls=not is_open)
            self._reads = [name for name in self._types if name not in self._unread]
            self.keeps_much = any(has_large_dictionary(file, name) for name in self._reads)
            empty = pa.schema(self._types.items()).empty_table()
            self.schema: dict[str, pl.DataType] = dict(to_frame(empty).schema)

    def batches(self) -> Iterator[Batch]:
        """Yield the file's rows in order.

        Raises `InputError` where a page is damaged, rows are missing, or a used column has a value that can't be read.
        """
        row = 1
        with self._explained(), self._open() as file:
            far = self._find_far_times(file)
            columns = self._reads if len(self._reads) < len(file.schema_arrow) else None
            most_rows = min(self._batch_rows, FEW_ROWS) if self.keeps_much else self._batch_rows
            steps = read_steps(file, self._source.path, columns, most_rows)
            plain = (self._to_plain(arrow, far) for arrow in steps if arrow.num_rows)
            for table in gather_steps(plain, most_rows):
                numbers = pl.int_range(row, row + table.num_rows, dtype=pl.UInt32, eager=True)
                yield Batch(to_frame(table).with_columns(numbers.alias(ROW)))
                row += table.num_rows
            if row - 1 != file.metadata.num_rows:
                raise pa.ArrowInvalid(f"{row - 1:,} rows where the footer says {file.metadata.num_rows:,}")

    def _tell_types(self, schema: pa.Schema, *, has_nulls: bool) -> dict[str, pa.DataType]:
        """Return what each column is read as; one that isn't read is of nulls where `has_nulls`, else left out."""
        types: dict[str, pa.DataType] = {}
        for name, dtype in zip(schema.names, schema.types, strict=True):
            if name in self._unread:
                continue
            try:
                types[name] = plain_type(dtype)
                continue
            except Unreadable as fault:
                self._refuse_used(name, fault)
            self._unread.add(name)
            if has_nulls:
                types[name] = pa.null()
        return types

    def _find_far_times(self, file: pq.ParquetFile) -> set[str]:
        """Return the INT96 columns with times that can't be told as they are; raises `InputError` where one is used."""
        far: set[str] = set()
        names = find_int96(file, self._reads)
        if not names:
            return far
        first_row = 0
        with self._open(int96_unit="s") as coarse:
            for arrow in coarse.iter_batches(batch_size=self._batch_rows, columns=names):
                for name in names:
                    try:
                        check_int96(self._source.path, name, arrow.column(name), first_row)
                    except Unreadable as fault:
                        self._refuse_used(name, fault)
                        far.add(name)
                first_row += arrow.num_rows
        return far

    def _to_plain(self, arrow: pa.RecordBatch, far: set[str]) -> pa.Table:
        columns = []
        for name, dtype in self._types.items():
            is_left_out = name in self._unread or name in far
            column = pa.nulls(arrow.num_rows, dtype) if is_left_out else arrow.column(name)
            try:
                column = as_plain(column, dtype)
            except Unreadable as fault:
                self._refuse_used(name, fault)
                column = pa.nulls(arrow.num_rows, dtype)
            columns.append(column)
        return pa.table(columns, names=list(self._types))

    def _refuse_used(self, name: str, fault: Unreadable) -> None:
        if name in self._used:
            raise refuse_column(name, fault, self._source) from None

    def _open(self, int96_unit: str = "us") -> pq.ParquetFile:
        return open_parquet(self._source.path, int96_unit=int96_unit)

    def _check_names(self, names: list[str]) -> None:
        """Leave out names that no frame can have; raises `InputError` for one that is used, or too many columns."""
        if len(names) > MOST_COLUMNS:
            raise InputError(
                f"Expected at most {MOST_COLUMNS:,} columns, found {len(names):,} - {self._source.name}",
                "Export the file again with fewer columns",
            )
        repeated = {name for name, count in Counter(names).items() if count > 1}
        self._unread = repeated | {name for name in names if name.startswith("\x1f")}
        for name in sorted(self._unread & self._used):
            found = f"`{name}` twice" if name in repeated else f"{name!r}, which starts with U+001F"
            raise InputError(
                f"Expected columns whose names differ, found {found} - {self._source.name}",
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


def refuse_column(name: str, fault: Unreadable, source: SourcePath) -> InputError:
    """Return the error for a column that a job uses and that can't be read."""
    return InputError(
        f"Expected {fault.wanted} in column `{name}`, found {fault.found} - {source.name}",
        'Export the column as text, or let no field use it (beside "*" = true: except = '
        f"[{json.dumps(name, ensure_ascii=False)}])",
    )


def to_frame(table: pa.Table) -> pl.DataFrame:
    """Return the rows as a frame under the very names that the file has."""
    # By number, because Polars gives a column without a name another one.
    frame = pl.from_arrow(
        table.rename_columns([str(index) for index in range(table.num_columns)]), rechunk=False
    )
    assert isinstance(frame, pl.DataFrame)
    frame.columns = table.column_names
    return frame
