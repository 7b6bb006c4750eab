"""Reads a sheet as rows of text. Rule: a cell is the text of its value, and an error in it is no value.

Times are as exact as the sheet has them, to the millisecond: `2024-01-31 09:30:00`; a time of day is `09:30:00`, an
elapsed time `36:00:00`. Formulas are what they came to when the workbook was saved.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import polars as pl

from etl.job.model import ExcelSpec
from etl.read.excel.cells import (
    find_early,
    find_filled,
    find_head,
    show_elapsed,
    show_times,
    to_texts,
)
from etl.read.excel.workbook import Workbook, open_workbook
from etl.read.files import SourcePath, explain_os_error
from etl.read.uses import Uses
from etl.values.reject import RejectCode
from etl.values.rows import LINE, ROW, Batch, MalformedRecord

__all__ = ["ExcelReader"]

BATCH_ROWS: Final = 65_536
Errors = dict[int, dict[int, str]]


class ExcelReader:
    """One sheet: its columns, then its batches. It is held whole, each time that it is read."""

    def __init__(self, source: SourcePath, spec: ExcelSpec, *, uses: Uses = frozenset) -> None:
        """Find the columns of the sheet; raises `InputError` where it can't be read.

        A row with an error in a column of `uses` is a reject.
        """
        self._source, self._spec = source, spec
        workbook = self._open()
        self._head = find_head(to_texts(workbook.read(self._sheet(workbook)).table), spec, source.name)
        self._used = uses(self._head.columns)
        self.schema: dict[str, pl.DataType] = dict.fromkeys(self._head.columns, pl.String())

    def batches(self) -> Iterator[Batch]:
        """Yield the rows of the sheet in order; a row without anything in it is none."""
        workbook = self._open()
        cells = workbook.read(self._sheet(workbook))
        frame, errors = to_texts(cells.table), self._find_errors(cells.errors)
        frame = self._put_errors(frame, cells.errors)
        is_row = find_filled(frame) & (pl.int_range(frame.height, eager=True) >= self._head.rows)
        frame = self._shape(frame, workbook)
        numbers = pl.DataFrame({LINE: is_row.arg_true() + 1}).cast(pl.UInt32)
        rows = frame.filter(is_row).with_columns(numbers).with_row_index(ROW, 1)
        for start in range(0, rows.height, BATCH_ROWS):
            part = rows[start : start + BATCH_ROWS]
            is_bad = part[LINE].is_in(pl.Series(list(errors), dtype=pl.UInt32).implode())
            malformed = tuple(self._reject(row, errors) for row in part.filter(is_bad).iter_rows(named=True))
            yield Batch(part.filter(~is_bad).select(ROW, LINE, *self._head.columns), malformed)

    def _open(self) -> Workbook:
        try:
            return open_workbook(self._source.path, self._source.name)
        except OSError as error:
            raise explain_os_error(error, self._source) from None

    def _sheet(self, workbook: Workbook) -> str:
        return self._source.sheet or workbook.sheet_names[0]

    def _shape(self, frame: pl.DataFrame, workbook: Workbook) -> pl.DataFrame:
        """Return the cells under their columns' names, times as a person writes them, what is missing null."""
        early = find_early(frame[self._head.rows :])
        frame = show_times(frame, from_1904=workbook.counts_from_1904) if early else frame
        for at in early:
            millis = workbook.read_elapsed(self._sheet(workbook), at, self._head.rows)
            if millis is not None:
                frame = frame.with_columns(
                    show_elapsed(pl.Series(str(at), millis.to_pylist(), pl.Int64), frame[str(at)])
                )
        frame = frame[:, : len(self._head.columns)]
        nulls = list(self._spec.null_values)
        frame = frame.select(pl.when(~pl.all().is_in(nulls)).then(pl.all()))
        frame.columns = list(self._head.columns)
        return frame

    def _put_errors(self, frame: pl.DataFrame, errors: dict[tuple[int, int], str]) -> pl.DataFrame:
        """Return the cells with each error as a person sees it."""
        by_column: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for (row, column), shown in errors.items():
            by_column[column].append((row, shown))
        return frame.with_columns(
            frame[str(at)].scatter([row for row, _ in found], [shown for _, shown in found])
            for at, found in by_column.items()
        )

    def _find_errors(self, errors: dict[tuple[int, int], str]) -> Errors:
        """Return the errors that make rejects, by the row of the sheet from 1 and the column from 0."""
        found: Errors = defaultdict(dict)
        for (row, column), shown in errors.items():
            counts = column < len(self._head.columns) and self._head.columns[column] in self._used
            if counts and row >= self._head.rows and shown not in self._spec.null_values:
                found[row + 1][column] = shown
        return found

    def _reject(self, row: dict[str, object], errors: Errors) -> MalformedRecord:
        line = row[LINE]
        assert isinstance(line, int)
        column, shown = min(errors[line].items())
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(row[name] for name in self._head.columns)
        number = row[ROW]
        assert isinstance(number, int)
        reason = f"the cell of column `{self._head.columns[column]}` holds the error {shown}"
        return MalformedRecord(number, line, RejectCode.MALFORMED_RECORD, reason, text.getvalue())
