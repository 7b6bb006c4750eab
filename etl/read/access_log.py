"""Reads access logs of Apache and nginx: Common and Combined Log Format, with or without the virtual host before it.

A line is taken apart by one expression over all the lines of a chunk. A line that isn't of the format is a reject.
"""

import re
from collections.abc import Iterator
from typing import Final

import polars as pl

from etl.read.files import SourcePath
from etl.read.text import CHUNK_BYTES, open_text, show_raw
from etl.values.reject import RejectCode
from etl.values.rows import LINE, ROW, Batch, MalformedRecord

__all__ = ["ACCESS_LINE", "AccessLogReader"]

MOST_LINE_BYTES: Final = 1 << 20
_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
_LINE: Final = (
    r"^(?:(?<vhost>\S+) )?(?<host>\S+) (?<ident>\S+) (?<user>\S+) \[(?<time>[^\]]+)\] "
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<status>\d{3}|-) (?<bytes>\d+|-)'
    r'(?: "(?<referer>(?:[^"\\]|\\.)*)" "(?<user_agent>(?:[^"\\]|\\.)*)")?(?: (?<rest>.*))?$'
)
_REQUEST: Final = r"^(?<method>[A-Z]+) (?<target>\S+)(?: (?<protocol>HTTP/\S+))?$"
ACCESS_LINE: Final = re.compile(_LINE.replace("?<", "?P<"))
_COLUMNS: Final = (
    "host", "user", "time", "request", "method", "target", "protocol", "status", "bytes", "referer", "user_agent",
    "vhost", "ident", "rest",
)  # fmt: skip


class AccessLogReader:
    """One access log: the columns are those of the format."""

    def __init__(self, source: SourcePath) -> None:
        self._source = source
        self.schema: dict[str, pl.DataType] = dict.fromkeys(_COLUMNS, pl.String())

    def batches(self) -> Iterator[Batch]:
        """Yield the lines in order, but blank ones; raises `InputError` where the file can't be read to its end."""
        rest, line, row = b"", 1, 1
        for chunk, final in open_text(self._source, chunk_bytes=CHUNK_BYTES):
            data = rest + chunk
            end = len(data) if final or len(data) > MOST_LINE_BYTES + CHUNK_BYTES else data.rfind(b"\n") + 1
            rest = data[end:]
            lines = data[:end].split(b"\n")
            numbered = [(line + at, text.rstrip(b"\r")) for at, text in enumerate(lines) if text.strip()]
            line += len(lines) - 1
            if numbered:
                yield _read(numbered, row)
                row += len(numbered)


def _read(numbered: list[tuple[int, bytes]], first_row: int) -> Batch:
    numbers, texts = zip(*numbered, strict=True)
    frame = pl.DataFrame(
        {
            ROW: pl.int_range(first_row, first_row + len(texts), dtype=pl.UInt32, eager=True),
            LINE: pl.Series(numbers, dtype=pl.UInt32),
            "text": pl.Series(texts, dtype=pl.Binary),
        }
    )
    lines = [_decode(text) for text in texts]
    read = frame.with_columns(pl.Series("line", lines, dtype=pl.String))
    parts = read.with_columns(pl.col("line").str.extract_groups(_LINE)).unnest("line")
    is_bad = parts["time"].is_null()
    malformed = tuple(
        _reject(*values) for values in parts.filter(is_bad).select(ROW, LINE, "text").iter_rows()
    )
    parts = parts.filter(~is_bad).with_columns(pl.col("request").str.extract_groups(_REQUEST).alias("parts"))
    plain = (pl.col("request", "referer", "user_agent")).str.replace_all(r'\\(["\\])', "$1")
    parts = parts.unnest("parts").with_columns(plain)
    shown = [pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name) for name in _COLUMNS]
    return Batch(parts.select(ROW, LINE, *shown), malformed)


def _decode(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _reject(row: int, line: int, text: bytes) -> MalformedRecord:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        reason = f"byte 0x{text[error.start]:02x} at offset {error.start} of the line is not UTF-8"
        return MalformedRecord(row, line, RejectCode.INVALID_UTF8, reason, show_raw(text))
    reason = 'expected a line of an access log, like `host - user [time] "GET /path HTTP/1.1" 200 512`'
    return MalformedRecord(row, line, RejectCode.MALFORMED_RECORD, reason, show_raw(text))
