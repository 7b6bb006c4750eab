"""The head of a delimited file: skipped lines and the header, and the names of its columns.

Rule: every column gets a name of its own, and none is made from a header that can't be read.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from etl.errors import InputError, JobError
from etl.job.model import CsvDialect
from etl.read.csv.dialect import Dialect, compile_patterns, parse_fields
from etl.read.csv.scan import MOST_RECORD_BYTES, Piece, count_lines, end_of_line, find_record

__all__ = ["MOST_COLUMNS", "Head", "name_columns", "read_head"]

MOST_COLUMNS: Final = 10_000


class Head(NamedTuple):
    """What comes before the first row: its size in bytes, how many lines it takes, and the columns' names."""

    size: int
    lines: int
    columns: tuple[str, ...]


def read_head(chunks: Iterator[tuple[bytes, bool]], name: str, spec: CsvDialect, dialect: Dialect) -> Head:
    """Return the head of the file called `name`, reading no more chunks than that takes.

    Raises `InputError` for a file without a readable header, `JobError` where `columns` doesn't fit it.
    """
    data, final = b"", False
    for chunk, final in chunks:
        data += chunk
        head = (
            None if data.endswith(b"\r") and not final else _find_head(data, name, spec, dialect, final=final)
        )
        if head is not None:
            return head
        if len(data) > MOST_RECORD_BYTES:
            break
    if final:
        raise InputError(
            f"Expected a header line, found only blank lines - {name}",
            "Export the file again, or remove it from [source] paths",
        )
    raise InputError(
        f"Expected a header of at most {MOST_RECORD_BYTES >> 20} MB, found no end of it - {name}",
        "Check that the file is text; for another line end or quote, see [source.csv]",
    )


def name_columns(header: list[str]) -> tuple[str, ...]:
    """Return the header's names without spaces around them; a repeated name gets `_2`, an empty one its position."""
    names: dict[str, None] = {}
    repeats: dict[str, int] = {}
    for position, cell in enumerate(header, start=1):
        wanted = cell.replace("\x1f", " ").strip() or f"column_{position}"
        given, count = wanted, repeats.get(wanted, 1)
        while given in names:
            count += 1
            given = f"{wanted}_{count}"
        repeats[wanted] = count
        names[given] = None
    return tuple(names)


def _find_head(data: bytes, name: str, spec: CsvDialect, dialect: Dialect, *, final: bool) -> Head | None:
    """Return the head where `data` holds all of it."""
    start = 0
    for _ in range(spec.skip_lines):
        end, start = end_of_line(data, start)
        if end == len(data):
            return Head(start, count_lines(data), spec.columns or ()) if final and not spec.header else None
    if not spec.header:
        return Head(start, count_lines(data[:start]), spec.columns or ())
    if spec.header_prefix:
        found = _find_prefix(data, start, spec.header_prefix.encode(), name, final=final)
        if found is None:
            return None
        start = found
    bare = replace(dialect, comment=b"") if spec.header_prefix else dialect
    piece = find_record(data[start:], bare, final=final)
    if piece is None:
        return None
    end, after = end_of_line(data, start + piece.end)
    if end == len(data) and not final:
        return None
    columns = _fit(_parse_header(data[start:], piece, name, dialect), name, spec)
    below = _skip_records(data, after, spec.skip_below_header, dialect, final=final)
    return None if below is None else Head(below, count_lines(data[:below]), columns)


def _find_prefix(data: bytes, start: int, prefix: bytes, name: str, *, final: bool) -> int | None:
    """Return where the header begins, behind its prefix; None where `data` doesn't hold it yet."""
    while start < len(data):
        if data.startswith(prefix, start):
            return start + len(prefix)
        start = end_of_line(data, start)[1]
    if not final:
        return None
    raise InputError(
        f"Expected a header line that starts with `{prefix.decode()}`, found none - {name}",
        "Check header_prefix under [source.csv], or leave it out where the header is a line of its own",
    )


def _skip_records(data: bytes, start: int, count: int, dialect: Dialect, *, final: bool) -> int | None:
    """Return where the records below the header end; None where `data` doesn't hold them all."""
    for _ in range(count):
        piece = find_record(data[start:], dialect, final=final)
        if piece is None:
            return len(data) if final else None
        end, after = end_of_line(data, start + piece.end)
        if end == len(data) and not final:
            return None
        start = after
    return start


def _parse_header(data: bytes, piece: Piece, name: str, dialect: Dialect) -> list[str]:
    record, reason = data[piece.start : piece.end], piece.reason
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        text, reason = "", f"byte 0x{record[error.start]:02x} is not in the file's encoding"
    if reason is None and "\0" in text:
        reason = "a NUL byte stands in it"
    if reason is not None:
        raise InputError(
            f"Expected a header of column names, found one that can't be read: {reason} - {name} line {piece.line + 1}",
            "Mend the header, or set the encoding or the dialect under [source.csv]",
        )
    quoted = compile_patterns(dialect, 1).quoted
    _check_count((quoted.sub(b"", record) if quoted else record).count(dialect.separator) + 1, name)
    return [field.decode() for field in parse_fields(record, dialect)]


def _check_count(count: int, name: str) -> None:
    if count > MOST_COLUMNS:
        raise InputError(
            f"Expected at most {MOST_COLUMNS:,} columns, found {count:,} - {name}",
            "Check the separator: [source.csv] separator",
        )


def _fit(header: list[str], name: str, spec: CsvDialect) -> tuple[str, ...]:
    if spec.columns is None:
        return name_columns(header)
    if len(spec.columns) != len(header):
        raise JobError(
            f"Expected {len(header)} names, as many as the header of {name} has, found {len(spec.columns)} - "
            "[source.csv] columns",
            "Name every column of the file in order, or leave `columns` out to use the header's names",
        )
    return spec.columns
