"""Reads Avro and Arrow files as they are typed. Rule: a column that can't be read, and no job uses, is one of nulls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import polars as pl
import pyarrow as pa

from etl.errors import InputError
from etl.read.files import SourcePath, explain_os_error
from etl.read.parquet.column_types import Unreadable, as_plain, plain_type
from etl.read.parquet.reader import refuse_column, to_frame
from etl.read.typed.batches import read_schema, read_tables
from etl.read.uses import Uses
from etl.values.rows import ROW, Batch

__all__ = ["TypedReader"]

_NAMES: Final = {"avro": "Avro", "arrow": "Arrow"}
_DAMAGE: Final = (
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


class TypedReader:
    """One Avro or Arrow file: its columns, then its batches."""

    def __init__(self, source: SourcePath, *, uses: Uses = frozenset) -> None:
        """Find the columns of `source`; raises `InputError` where it is damaged, or one of `uses` can't be read."""
        self._source = source
        with self._explained():
            schema = read_schema(source.path, source.format)
        self._used = uses(schema.names)
        self._types: dict[str, pa.DataType] = {}
        for name, dtype in zip(schema.names, schema.types, strict=True):
            try:
                known = plain_type(dtype)
            except Unreadable as fault:
                self._refuse_used(name, fault)
                known = pa.null()
            if name in self._types:
                self._refuse_used(name, Unreadable("columns whose names differ", f"`{name}` twice"))
            elif not name.startswith("\x1f"):
                self._types[name] = known
        empty = pa.schema(self._types.items()).empty_table()
        self.schema: dict[str, pl.DataType] = dict(to_frame(empty).schema)

    def batches(self) -> Iterator[Batch]:
        """Yield the file's rows in order; raises `InputError` where it is damaged or a used value can't be read."""
        row = 1
        with self._explained():
            for arrow in read_tables(self._source.path, self._source.format):
                if arrow.num_rows:
                    numbers = pl.int_range(row, row + arrow.num_rows, dtype=pl.UInt32, eager=True)
                    yield Batch(to_frame(self._to_plain(arrow)).with_columns(numbers.alias(ROW)))
                    row += arrow.num_rows

    def _to_plain(self, arrow: pa.RecordBatch) -> pa.Table:
        columns = []
        for name, dtype in self._types.items():
            column = pa.nulls(arrow.num_rows, dtype) if pa.types.is_null(dtype) else arrow.column(name)
            try:
                columns.append(as_plain(column, dtype))
            except Unreadable as fault:
                self._refuse_used(name, fault)
                columns.append(pa.nulls(arrow.num_rows, dtype))
        return pa.table(columns, names=list(self._types))

    def _refuse_used(self, name: str, fault: Unreadable) -> None:
        if name in self._used:
            raise refuse_column(name, fault, self._source) from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the libraries raise for damaged files, or for types they don't read, into `InputError`."""
        try:
            yield
        except (FileNotFoundError, PermissionError) as error:
            raise explain_os_error(error, self._source) from None
        except _DAMAGE as error:
            kind = _NAMES[self._source.format]
            reason = str(error).splitlines()[0][:200] if str(error) else "unreadable"
            is_unknown = "not yet implemented" in reason
            raise InputError(
                f"Expected {'types that can be read' if is_unknown else 'whole data'} in {kind}, found: {reason} - "
                f"{self._source.name}",
                "Export the file again as Parquet or NDJSON"
                if is_unknown
                else "Copy or export the file again: it is truncated or damaged",
            ) from None
