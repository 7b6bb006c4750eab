"""Reads CSV and TSV as text columns, record by record in truth and chunk by chunk in practice.

Chunks proved clean go whole to Polars; in the others each malformed record becomes a `MalformedRecord` and the
records around it are read. Nothing is filled in, nothing is cut off.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import Final

import numpy as np
import polars as pl

from etl.job.model import CsvDialect
from etl.read.csv.clean import find_cut, find_quotes, has_sound_quotes, is_plain, is_whole, read_frame
from etl.read.csv.count import Records, count_records, find_lines, join_runs
from etl.read.csv.dialect import RFC_4180, compile_patterns, dialect_of, parse_fields
from etl.read.csv.head import Head, read_head
from etl.read.csv.scan import MOST_RECORD_BYTES, MOST_RECORDS, Piece, count_lines, end_of_line, split_records
from etl.read.files import SourcePath
from etl.read.text import CHUNK_BYTES, codec_of, count_source_bytes, open_text, show_raw
from etl.values.reject import RejectCode
from etl.values.rows import LINE, ROW, Batch, MalformedRecord

__all__ = ["CsvReader"]

LONG_BLANK_BYTES: Final = 4096


class CsvReader:
    """One delimited file: its columns, then its batches. Opening it reads no more than the header."""

    def __init__(self, source: SourcePath, spec: CsvDialect, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        """Open `source`; raises `InputError` where it has no header, `JobError` where the job names other columns."""
        self._source = source
        self._spec = spec
        self._missing = frozenset(text.encode() for text in spec.null_values)
        self._chunk_bytes = chunk_bytes
        self._dialect = dialect_of(spec, source.format)
        self._fills = spec.short_records == "fill"
        self._head: Head = read_head(self._chunks(), source.name, spec, self._dialect)
        self.schema: dict[str, pl.DataType] = dict.fromkeys(self._head.columns, pl.String())
        self.unread_bytes = 0

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records in order, a few tens of thousands at a time.

        Raises `InputError` where the file can't be read to its end.
        """
        row, line, rest = 1, 1 + self._head.lines, b""
        head_bytes, skips_line = self._head.size, False
        for chunk, is_last in self._chunks():
            # Of a file that somebody is still writing, a record that isn't finished stays unread.
            final = is_last and self._source.end is None
            data, head_bytes = rest + chunk[head_bytes:], max(0, head_bytes - len(chunk))
            # A CR that ends the chunk may be half of a line end.
            kept = data[-1:] if not final and data.endswith(b"\r") else b""
            data = data.removesuffix(kept)
            if skips_line and data:
                start = end_of_line(data, 0)[1]
                skips_line = end_of_line(data, 0)[0] == len(data)
                line, data = line + count_lines(data[:start]), data[start:]
            while data:
                used = 0
                for batch, used in self._parse(data, row, line, final=final):  # noqa: B007 - the last one counts
                    row += batch.records
                    if batch.records:
                        yield batch
                if not used and len(data) >= MOST_RECORD_BYTES:
                    yield self._give_up_record(data, row, line)
                    row, used, skips_line = row + 1, len(data), True
                if not used:
                    break
                line, data = line + count_lines(data[:used]), data[used:]
            rest = data + kept
        if rest:
            self.unread_bytes = count_source_bytes(rest, codec_of(self._source, self._spec.encoding))

    def _chunks(self) -> Iterator[tuple[bytes, bool]]:
        return open_text(self._source, self._spec.encoding, self._chunk_bytes)

    def _parse(self, data: bytes, row: int, line: int, *, final: bool) -> Iterator[tuple[Batch, int]]:
        """Yield the whole records at the start of `data` as batches, and how many bytes they take so far."""
        if data[:1] in (b"\n", b"\r") and (blank := len(data) - len(data.lstrip(b"\r\n"))) > LONG_BLANK_BYTES:
            yield Batch(pl.DataFrame(schema={**self.schema, ROW: pl.UInt32(), LINE: pl.UInt32()})), blank
            return
        quotes = find_quotes(data, self._dialect)
        used = len(data) if final else find_cut(data, quotes)
        if used:
            whole, own = data[:used], quotes[: int(np.searchsorted(quotes, used))]
            frame = self._parse_clean(whole, own)
            if frame is not None:
                numbers = pl.int_range(row, row + pl.len(), dtype=pl.UInt32).alias(ROW)
                lines = _number_lines(whole, own, line, frame.height)
                yield Batch(frame.with_columns(numbers, lines)), used
                return
            records = count_records(whole, own, self._dialect, len(self.schema))
            if records is not None and not (self._fills and (records.fields < len(self.schema)).any()):
                yield from self._parse_counted(whole, records, row, line)
                return
        yield self._parse_faulty(data, row, line, final=final)

    def _parse_clean(self, data: bytes, quotes: "np.typing.NDArray[np.int64]") -> pl.DataFrame | None:
        """Return the frame of `data` where every record is proved well formed, else None."""
        if not is_plain(data, self._dialect, len(self.schema)) or not has_sound_quotes(
            data, quotes, self._dialect
        ):
            return None
        frame = read_frame(data, self._dialect, self.schema, self._spec.null_values)
        return frame if frame is not None and is_whole(frame, data, quotes, self._dialect) else None

    def _parse_counted(
        self, data: bytes, records: Records, row: int, line: int
    ) -> Iterator[tuple[Batch, int]]:
        """As `_parse`, where counting tells which records are malformed."""
        width = len(self.schema)
        for first in range(0, max(1, len(records.starts)), MOST_RECORDS):
            some = records.slice(first, first + MOST_RECORDS)
            is_sound = some.fields == width
            text = join_runs(data, some, is_sound)
            frame = read_frame(text, self._dialect, self.schema, self._spec.null_values)
            numbers = np.arange(row, row + len(is_sound), dtype=np.uint32)
            if frame is None or frame.height != int(is_sound.sum()):
                raise AssertionError(
                    f"records proved sound did not parse: {self._source.name}, before row {row}"
                )
            lines = (some.lines[is_sound] + line).astype(np.uint32)
            frame = frame.with_columns(
                pl.Series(ROW, numbers[is_sound], dtype=pl.UInt32), pl.Series(LINE, lines)
            )
            malformed = _malformed_of(data, some, ~is_sound, numbers, line, width)
            is_last = first + MOST_RECORDS >= len(records.starts)
            yield Batch(frame, malformed), len(data) if is_last else int(some.nexts[-1])
            row += len(is_sound)

    def _parse_faulty(self, data: bytes, row: int, line: int, *, final: bool) -> tuple[Batch, int]:
        """As `_parse`, piece by piece."""
        pieces, used = split_records(data, self._dialect, len(self.schema), final=final)
        is_rewritten = self._dialect.is_spaced or (
            bool(self._dialect.escape) and self._dialect.escape in data
        )
        sound: list[bytes] = []
        rows: list[np.typing.NDArray[np.uint32]] = []
        lines: list[np.typing.NDArray[np.int64]] = []
        malformed: list[MalformedRecord] = []
        for piece in pieces:
            record = data[piece.start : piece.end]
            fault = None if piece.is_run else self._find_fault(piece, record)
            if fault is not None and self._fills and piece.missing and not self._find_bad_bytes(record):
                record, fault = record + self._dialect.separator * piece.missing, None
            count = self._count_records(record) if piece.is_run else 1
            if fault is None:
                sound.append(
                    _quote_fields(parse_fields(record, self._dialect, self._missing))
                    if is_rewritten
                    else record
                )
                sound.append(b"" if piece.is_run else b"\n")
                rows.append(np.arange(row, row + count, dtype=np.uint32))
                lines.append(line + piece.line + self._find_lines(record, count))
            else:
                malformed.append(MalformedRecord(row, line + piece.line, *fault, show_raw(record)))
            row += count
        text = b"".join(sound)
        frame = read_frame(
            text, RFC_4180 if is_rewritten else self._dialect, self.schema, self._spec.null_values
        )
        numbers = np.concatenate(rows) if rows else np.empty(0, np.uint32)
        if frame is None or frame.height != len(numbers):
            raise AssertionError(f"records proved sound did not parse: {self._source.name}, before row {row}")
        starts = np.concatenate(lines).astype(np.uint32) if lines else np.empty(0, np.uint32)
        frame = frame.with_columns(pl.Series(ROW, numbers, dtype=pl.UInt32), pl.Series(LINE, starts))
        return Batch(frame, tuple(malformed)), used

    def _count_records(self, run: bytes) -> int:
        quoted = compile_patterns(self._dialect, len(self.schema)).quoted
        bare = quoted.sub(b"", run) if quoted and self._dialect.quote in run else run
        return bare.count(b"\n")

    def _find_lines(self, run: bytes, count: int) -> "np.typing.NDArray[np.int64]":
        """Return the 0-based line on which each of the `count` records of a run starts."""
        if count == 1 or run.count(b"\n") == count:
            return np.arange(count)
        return find_lines(run, find_quotes(run, self._dialect))

    def _find_fault(self, piece: Piece, record: bytes) -> tuple[RejectCode, str] | None:
        if (bad := self._find_bad_bytes(record)) is not None:
            return bad
        return None if piece.reason is None else (RejectCode.MALFORMED_RECORD, piece.reason)

    def _find_bad_bytes(self, record: bytes) -> tuple[RejectCode, str] | None:
        try:
            record.decode()
        except UnicodeDecodeError as error:
            return RejectCode.INVALID_UTF8, self._explain_byte(record, error)
        if b"\0" in record:
            return RejectCode.MALFORMED_RECORD, "a NUL byte stands in the record"
        return None

    def _explain_byte(self, record: bytes, error: UnicodeDecodeError) -> str:
        if self._spec.encoding.lower() in ("utf-8", "utf8"):
            return f"byte 0x{record[error.start]:02x} at offset {error.start} of the record is not UTF-8"
        return f"the record holds bytes that are not {self._spec.encoding}"

    def _give_up_record(self, data: bytes, row: int, line: int) -> Batch:
        reason = f"a record longer than {MOST_RECORD_BYTES >> 20} MB"
        fault = MalformedRecord(row, line, RejectCode.MALFORMED_RECORD, reason, show_raw(data))
        return Batch(pl.DataFrame(schema={**self.schema, ROW: pl.UInt32(), LINE: pl.UInt32()}), (fault,))


def _number_lines(
    data: bytes, quotes: "np.typing.NDArray[np.int64]", line: int, height: int
) -> pl.Expr | pl.Series:
    """Return the line on which each of the `height` records of `data` starts, where the first one is on `line`."""
    # Where a record is a line, as most are, there is nothing to look for.
    if data.count(b"\n") + (not data.endswith(b"\n")) == height:
        return pl.int_range(line, line + pl.len(), dtype=pl.UInt32).alias(LINE)
    lines = find_lines(data, quotes) + line
    return pl.Series(LINE, lines if len(lines) == height else [None] * height, dtype=pl.UInt32)


def _malformed_of(
    data: bytes,
    records: Records,
    chosen: "np.typing.NDArray[np.bool_]",
    numbers: "np.typing.NDArray[np.uint32]",
    line: int,
    width: int,
) -> tuple[MalformedRecord, ...]:
    counts = records.fields[chosen].tolist()
    reasons = {count: f"expected {width} fields, found {count}" for count in set(counts)}
    raws = [
        show_raw(data[start:end])
        for start, end in zip(records.starts[chosen].tolist(), records.ends[chosen].tolist(), strict=True)
    ]
    return tuple(
        map(
            MalformedRecord,
            numbers[chosen].tolist(),
            (records.lines[chosen] + line).tolist(),
            repeat(RejectCode.MALFORMED_RECORD),
            map(reasons.__getitem__, counts),
            raws,
        )
    )


def _quote_fields(fields: list[bytes]) -> bytes:
    return b",".join(b'"' + field.replace(b'"', b'""') + b'"' for field in fields)
