"""Reads NDJSON: one JSON object a line, its top-level keys as columns.

Each value keeps its own JSON type, row by row: a column that holds `12` here and `"12"` there sends both as they
are. Polars' reader infers one type for a whole column and adds nulls to nested objects, which would change
values, so the lines are parsed one by one in orjson.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson
import polars as pl

from etl.rows import MOST_RAW_CHARS, ROW, Batch, MalformedRecord, json_flag
from etl.read.files import SourcePath
from etl.read.text import read_chunks
from etl.reject import RejectCode

__all__ = ["NdjsonReader"]

# orjson reads integers beyond 64 bits as floats, which would lose digits.
_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")
MOST_LINE_BYTES: Final = 16 << 20


class NdjsonReader:
    """One NDJSON file: its columns as far as its first chunk shows them, then its batches."""

    def __init__(self, source: SourcePath) -> None:
        self._source = source
        columns: dict[str, None] = {}
        for batch in self.batches():
            columns = dict.fromkeys(name for name in batch.frame.columns if not name.startswith("\x1f"))
            break
        self.schema: dict[str, pl.DataType] = dict.fromkeys(columns, pl.String())

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records in order, a few megabytes at a time; blank lines are no records.

        Raises `InputError` where the file can't be read to its end.
        """
        row, line, rest, skips_line = 1, 1, b"", False
        for chunk, final in read_chunks(self._source):
            data = rest + chunk
            if skips_line:
                start = data.find(b"\n") + 1
                data, skips_line = data[start:] if start else b"", not start
            used = len(data) if final else data.rfind(b"\n") + 1
            if not used and len(data) >= MOST_LINE_BYTES:
                used, skips_line = len(data), True
            batch = _parse_lines(data[:used], row, line)
            row, line, rest = row + batch.records, line + data.count(b"\n", 0, used), data[used:]
            if batch.records:
                yield batch


def _parse_lines(data: bytes, first_row: int, first_line: int) -> Batch:
    objects: list[dict[str, Any]] = []
    rows: list[int] = []
    malformed: list[MalformedRecord] = []
    row = first_row - 1
    for line, text in enumerate(data.split(b"\n"), start=first_line):
        record = text.strip(b" \t\r")
        if not record:
            continue
        row += 1
        try:
            value = _parse_json(record)
        except ValueError as error:
            code, reason = _explain(record, error)
            malformed.append(MalformedRecord(row, line, code, reason, _show(record)))
            continue
        if not isinstance(value, dict):
            reason = f"expected a JSON object, found {_kind(value)}"
            malformed.append(MalformedRecord(row, line, RejectCode.MALFORMED_RECORD, reason, _show(record)))
            continue
        objects.append(value)
        rows.append(row)
    return Batch(_to_frame(objects, rows), tuple(malformed))


def _to_frame(objects: list[dict[str, Any]], rows: list[int]) -> pl.DataFrame:
    names = dict.fromkeys(name for record in objects for name in record)
    columns = [pl.Series(ROW, rows, dtype=pl.UInt32)]
    for name in names:
        values = [record.get(name) for record in objects]
        texts = [value if value is None or type(value) is str else _to_json(value) for value in values]
        flags = [value is not None and type(value) is not str for value in values]
        columns.append(pl.Series(name, texts, dtype=pl.String))
        columns.append(pl.Series(json_flag(name), flags, dtype=pl.Boolean))
    return pl.DataFrame(columns)


def _parse_json(record: bytes) -> Any:
    if _LONG_NUMBER.search(record) is None or len(record) > MOST_LINE_BYTES:
        return orjson.loads(record)
    orjson.loads(record)  # refuses what Python's own parser lets through: NaN, lone surrogates, deep nesting
    return json.loads(record)


def _to_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _explain(record: bytes, error: ValueError) -> tuple[RejectCode, str]:
    try:
        record.decode()
    except UnicodeDecodeError as decode_error:
        octet = record[decode_error.start]
        return RejectCode.INVALID_UTF8, f"byte 0x{octet:02x} at offset {decode_error.start} of the line is not UTF-8"
    where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    return RejectCode.MALFORMED_RECORD, f"the line is not JSON{where}: {getattr(error, 'msg', error)}"


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean"}
    return names.get(type(value), "null")


def _show(record: bytes) -> str:
    return record[: MOST_RAW_CHARS * 4].decode("utf-8", "replace")[:MOST_RAW_CHARS]
