"""Reads NDJSON: one JSON object a line, its top-level keys as columns.

Each value keeps its own JSON type, row by row: a column that holds `12` here and `"12"` there sends both as they
are. Polars' reader infers one type for a whole column and adds nulls to nested objects, which would change
values, so the lines are parsed one by one in orjson.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson
import polars as pl

from etl.errors import InputError
from etl.job.model import NdjsonSpec
from etl.read.files import SourcePath
from etl.read.json_lines import Unusable, parse_object, write_json
from etl.read.text import CHUNK_BYTES, open_text, show_raw
from etl.values.reject import RejectCode
from etl.values.rows import LINE, ROW, Batch, MalformedRecord, json_flag

__all__ = ["JsonRecord", "NdjsonReader"]

_ALL_KEYS: Final = NdjsonSpec()
MOST_LINE_BYTES: Final = 16 << 20
# Rows times columns of one frame: what bounds memory where every row has keys of its own.
_MOST_CELLS: Final = 2_000_000
_MOST_ROWS: Final = 65_536
_LINE: Final = re.compile(rb"[^ \t\r\n][^\n]*+")


class JsonRecord(NamedTuple):
    """The text of one object and the line that it begins in; whether it is too long to hold, and what stands beside it
    in the document.
    """

    line: int
    is_long: bool
    text: bytes
    beside: Mapping[str, Any] = MappingProxyType({})


class NdjsonReader:
    """One file of JSON objects: its columns, found by reading it once, then its batches."""

    def __init__(
        self,
        source: SourcePath,
        spec: NdjsonSpec = _ALL_KEYS,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        records: Callable[[], Iterator[JsonRecord]] | None = None,
    ) -> None:
        """Find the columns of `source`: a key may turn up first in the last line.

        `records` reads the objects' texts from the start; left out, they are its lines. Raises `InputError` where it
        can't be read to its end, or has more keys than may be columns.
        """
        self._records = records or self._lines
        self._source = source
        self._rest = spec.rest
        self._own = None if spec.keys is None else frozenset(spec.keys)
        self._chunk_bytes = chunk_bytes
        names: dict[str, None] = {}
        for record in self._records():
            if not self._may_bring_keys(record.text, names):
                continue
            try:
                names.update(dict.fromkeys(self._set_rest_apart(parse_object(record.text))))
            except Unusable:
                continue
            if len(names) > spec.max_keys:
                raise InputError(
                    f"Expected at most {spec.max_keys:,} different keys, each a column of every row, found more - "
                    f"{source.name}",
                    "Name the keys that are columns, all others become one object: "
                    '[source.ndjson] keys = ["id", "at"], rest = "other"; or raise max_keys there',
                )
        self.schema: dict[str, pl.DataType] = dict.fromkeys(names, pl.String())

    def add_columns(self, names: Iterable[str]) -> None:
        """Add the columns that stand beside the objects."""
        self.schema |= dict.fromkeys(names, pl.String())

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records in order; blank lines are no records.

        Raises `InputError` where the file can't be read to its end.
        """
        objects: list[dict[str, Any]] = []
        rows: list[tuple[int, int]] = []
        malformed: list[MalformedRecord] = []
        most_rows = max(1, min(_MOST_ROWS, _MOST_CELLS // max(1, len(self.schema))))
        size = 0
        for row, (line, is_long, text, beside) in enumerate(self._records(), start=1):
            size += len(text)
            try:
                if is_long:
                    reason = f"a record longer than {MOST_LINE_BYTES >> 20} MB"
                    raise Unusable(RejectCode.MALFORMED_RECORD, reason)
                objects.append({**self._set_rest_apart(parse_object(text)), **beside})
                rows.append((row, line))
            except Unusable as fault:
                malformed.append(MalformedRecord(row, line, fault.code, fault.reason, show_raw(text)))
            if len(objects) >= most_rows or len(malformed) >= _MOST_ROWS or size >= self._chunk_bytes:
                yield Batch(self._to_frame(objects, rows), tuple(malformed))
                objects, rows, malformed, size = [], [], [], 0
        if objects or malformed:
            yield Batch(self._to_frame(objects, rows), tuple(malformed))

    def _may_bring_keys(self, line: bytes, names: dict[str, None]) -> bool:
        """Whether the line, where it is sound, has a key that is no column yet: few lines have."""
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(value, dict):
            return False
        if self._own is None or self._rest is None:
            return not value.keys() <= names.keys()
        return self._rest not in names or not value.keys() & self._own <= names.keys()

    def _set_rest_apart(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record with all keys that aren't columns in one object, sorted by key."""
        own = self._own
        if own is None or self._rest is None:
            return record
        rest = {key: record[key] for key in sorted(record) if key not in own}
        kept = {key: value for key, value in record.items() if key in own}
        return {**kept, self._rest: rest or None}

    def _to_frame(self, objects: list[dict[str, Any]], rows: list[tuple[int, int]]) -> pl.DataFrame:
        columns = [
            pl.Series(name, [row[at] for row in rows], dtype=pl.UInt32) for at, name in enumerate((ROW, LINE))
        ]
        for name in self.schema:
            values = [record.get(name) for record in objects]
            texts = [value if value is None or type(value) is str else write_json(value) for value in values]
            flags = [value is not None and type(value) is not str for value in values]
            columns.append(pl.Series(name, texts, dtype=pl.String))
            columns.append(pl.Series(json_flag(name), flags, dtype=pl.Boolean))
        return pl.DataFrame(columns)

    def _lines(self) -> Iterator[JsonRecord]:
        """Yield each line that isn't blank."""
        line, rest, skips_line = 1, b"", False
        for chunk, final in open_text(self._source, chunk_bytes=self._chunk_bytes):
            data = rest + chunk
            if skips_line:
                start = data.find(b"\n")
                line, data, skips_line = (
                    line + (start >= 0),
                    data[start + 1 :] if start >= 0 else b"",
                    start < 0,
                )
            used = len(data) if final else data.rfind(b"\n") + 1
            start = 0
            for match in _LINE.finditer(data, 0, used):
                # Of what is blank between two lines there may be gigabytes.
                line += data.count(b"\n", start, match.start())
                start = match.start()
                yield JsonRecord(line, False, match[0].rstrip(b" \t\r"))
            line += data.count(b"\n", start, used)
            rest = data[used:]
            if len(rest) >= MOST_LINE_BYTES:
                yield JsonRecord(line, True, rest)
                rest, skips_line = b"", True
