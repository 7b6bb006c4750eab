"""Reads CSV and TSV as text columns, record by record in truth and chunk by chunk in practice.

Clean chunks go whole to Polars; in the others each malformed record becomes a `MalformedRecord` and the
records around it are read. Nothing is filled in, nothing is cut off.
"""

import csv
import io
from collections.abc import Iterator

import numpy as np
import polars as pl

from etl.errors import InputError, JobError
from etl.job.model import CsvDialect
from etl.rows import MOST_RAW_CHARS, ROW, Batch, MalformedRecord
from etl.read.csv_scan import (
    MOST_RECORD_BYTES,
    Dialect,
    Fault,
    Span,
    end_of_first_record,
    find_cut,
    has_sound_quotes,
    split_records,
)
from etl.read.files import SourcePath
from etl.read.text import read_chunks
from etl.reject import RejectCode

__all__ = ["CsvReader"]


class CsvReader:
    """One delimited file: its columns, then its batches. Opening it reads no more than the header."""

    def __init__(self, source: SourcePath, spec: CsvDialect) -> None:
        self._source = source
        self._spec = spec
        separator = spec.separator or ("\t" if source.format == "tsv" else ",")
        self._dialect = Dialect(separator=separator.encode())
        self._columns = self._read_columns()
        self.schema: dict[str, pl.DataType] = dict.fromkeys(self._columns, pl.String())

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records in order, a few tens of thousands at a time.

        Raises `InputError` where the file can't be read to its end.
        """
        row, line, rest = 1, 1, b""
        skips_header, skips_line = self._spec.header, False
        for chunk, final in read_chunks(self._source, self._spec.encoding):
            data = rest + chunk
            if skips_header:
                start = end_of_first_record(data, self._dialect)
                line, data, skips_header = line + _count_lines(data[:start]), data[start:], False
            if skips_line:
                start = data.find(b"\n") + 1 or len(data)
                data, skips_line = data[start:], data[start - 1 : start] != b"\n"
            batch, used = self._parse(data, row, line, final=final)
            if not used and not final and len(data) >= MOST_RECORD_BYTES:
                batch, used, skips_line = self._give_up_record(data, row, line), len(data), True
            row, line, rest = row + batch.records, line + _count_lines(data[:used]), data[used:]
            if batch.records:
                yield batch

    def _parse(self, data: bytes, row: int, line: int, *, final: bool) -> tuple[Batch, int]:
        """Return the batch of the whole records in `data`, and how many bytes they take."""
        quotes = self._find_quotes(data)
        used = find_cut(data, quotes, final=final)
        frame = self._parse_clean(data[:used], quotes[: np.searchsorted(quotes, used)])
        if frame is not None and (used or final):
            numbers = pl.int_range(row, row + pl.len(), dtype=pl.UInt32).alias(ROW)
            return Batch(frame.with_columns(numbers)), used
        return self._parse_faulty(data, row, line, final=final)

    def _parse_clean(self, data: bytes, quotes: np.ndarray) -> pl.DataFrame | None:
        """Return the frame of `data` where every record is proved well formed, else None."""
        if b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
            return None
        if not has_sound_quotes(data, quotes, self._dialect):
            return None
        if len(self._columns) == 1 and (b"\n\n" in data or b"\n\r\n" in data or data[:1] in (b"\n", b"\r")):
            return None  # a blank line would read as a row of one empty value
        frame = self._read_frame(data)
        if frame is None:
            return None
        # Polars refuses long records and fills short ones: where the separators add up, there are none.
        separators = data.count(self._dialect.separator)
        if len(quotes) and frame.height:
            literal = self._dialect.separator.decode()
            inside = frame.select(pl.all().str.count_matches(literal, literal=True).sum())
            separators -= sum(inside.row(0))
        return frame if separators == frame.height * (len(self._columns) - 1) else None

    def _read_frame(self, data: bytes) -> pl.DataFrame | None:
        if not data:
            return pl.DataFrame(schema=self.schema)
        try:
            return pl.read_csv(
                data,
                has_header=False,
                schema=self.schema,
                separator=self._dialect.separator.decode(),
                quote_char=self._dialect.quote.decode(),
                empty_string_is_null="" in self._spec.null_values,
                null_values=list(self._spec.null_values) or None,
            )
        except pl.exceptions.PolarsError:
            return None

    def _parse_faulty(self, data: bytes, row: int, line: int, *, final: bool) -> tuple[Batch, int]:
        spans, faults, used = split_records(data, self._dialect, len(self._columns), final=final)
        sound: list[bytes] = []
        sound_rows: list[int] = []
        malformed: list[MalformedRecord] = []
        for number, span in enumerate(sorted([*spans, *faults], key=lambda span: span.start), start=row):
            record = data[span.start : span.end]
            fault = self._find_fault(span, record)
            if fault is None:
                sound.append(record)
                sound_rows.append(number)
            else:
                malformed.append(MalformedRecord(number, line + span.line, *fault, _show(record)))
        frame = self._read_frame(b"\n".join(sound))
        if frame is None or frame.height != len(sound):
            raise AssertionError(f"records proved sound did not parse: {self._source.name} from row {row}")
        return Batch(frame.with_columns(pl.Series(ROW, sound_rows, dtype=pl.UInt32)), tuple(malformed)), used

    def _find_fault(self, span: Span, record: bytes) -> tuple[RejectCode, str] | None:
        if isinstance(span, Fault):
            return RejectCode.MALFORMED_RECORD, span.reason
        if b"\0" in record:
            return RejectCode.MALFORMED_RECORD, "a NUL byte stands in the record"
        try:
            record.decode()
        except UnicodeDecodeError as error:
            encoding = self._spec.encoding.upper()
            return RejectCode.INVALID_UTF8, f"byte 0x{record[error.start]:02x} at offset {error.start} of the record is not {encoding}"
        return None

    def _give_up_record(self, data: bytes, row: int, line: int) -> Batch:
        reason = f"a record longer than {MOST_RECORD_BYTES >> 20} MB"
        fault = MalformedRecord(row, line, RejectCode.MALFORMED_RECORD, reason, _show(data))
        return Batch(pl.DataFrame(schema={**self.schema, ROW: pl.UInt32()}), (fault,))

    def _find_quotes(self, data: bytes) -> np.ndarray:
        if self._dialect.quote not in data:
            return np.empty(0, np.int64)
        return np.flatnonzero(np.frombuffer(data, np.uint8) == self._dialect.quote[0])

    def _read_columns(self) -> tuple[str, ...]:
        """Return the names of the columns, from the job or from the header."""
        if not self._spec.header:
            return self._spec.columns or ()
        head = next(read_chunks(self._source, self._spec.encoding))[0]
        text = head[: end_of_first_record(head, self._dialect)].decode("utf-8", "replace").strip("\r\n")
        if not text:
            raise InputError(
                f"Expected a header line, found only blank lines - {self._source.name}",
                "Export the file again, or remove it from [source] paths",
            )
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=self._dialect.separator.decode()))
        if self._spec.columns is None:
            return _name_columns(header)
        if len(self._spec.columns) != len(header):
            raise JobError(
                f"Expected {len(header)} names, as many as the header of {self._source.name} has, "
                f"found {len(self._spec.columns)} - [source.csv] columns",
                "Name every column of the file in order, or leave `columns` out to use the header's names",
            )
        return self._spec.columns


def _name_columns(header: list[str]) -> tuple[str, ...]:
    """Header names without spaces around them; a repeated name gets `_2`, an empty one its position."""
    names: list[str] = []
    for position, cell in enumerate(header, start=1):
        wanted = cell.strip() or f"column_{position}"
        name, count = wanted, 1
        while name in names:
            count += 1
            name = f"{wanted}_{count}"
        names.append(name)
    return tuple(names)


def _show(record: bytes) -> str:
    return record[: MOST_RAW_CHARS * 4].decode("utf-8", "replace")[:MOST_RAW_CHARS]


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
