"""Cuts delimited text into records. Pure: bytes in, positions out.

Polars' CSV reader is fast, but fills short records with nulls and refuses a whole chunk for one long record
or one bad byte. So each chunk is first proved clean by counting, which lets Polars have it whole; a chunk with
a fault goes through `split_records`, which finds each malformed record and keeps the rest. Both follow RFC 4180: a quoted field starts right after a separator or line start, `""` stands for a quote
inside it, and it ends right before a separator or line end.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["MOST_RECORD_BYTES", "Dialect", "Fault", "Span", "end_of_first_record", "find_cut", "has_sound_quotes", "split_records"]

# A record longer than this can't become a body of 2 MB: its first line is taken as malformed.
MOST_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Dialect:
    """How records are written: one separator and one quote character, each one ASCII byte."""

    separator: bytes = b","
    quote: bytes = b'"'


@dataclass(frozen=True, slots=True)
class Span:
    """One record: its bytes are `data[start:end]`, its first line is `line` (0-based within the data)."""

    start: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class Fault(Span):
    """A record that is not well formed, and what is wrong with it."""

    reason: str


def find_cut(data: bytes, quotes: np.ndarray, *, final: bool) -> int:
    """Return where the last whole record of `data` ends, given the positions of its quote characters.

    0 where no record ends in `data`; `final` says that nothing follows, so what is left is a record too.
    """
    if final:
        return len(data)
    end = data.rfind(b"\n") + 1
    while end and len(quotes) and np.searchsorted(quotes, end) % 2:
        # An odd number of quotes before this line end: it is inside a quoted field, as every one back to the
        # field's opening quote is.
        opening = int(quotes[np.searchsorted(quotes, end) - 1])
        end = data.rfind(b"\n", 0, opening) + 1
    return end


def has_sound_quotes(data: bytes, quotes: np.ndarray, dialect: Dialect) -> bool:
    """Return whether every quote opens a field at its start, closes it at its end, or is one of a doubled pair."""
    if len(quotes) % 2:
        return False
    if not len(quotes):
        return True
    octets = np.frombuffer(data, np.uint8)
    separator, quote = dialect.separator[0], dialect.quote[0]
    opening, closing = quotes[0::2], quotes[1::2]
    before = octets[opening - 1]  # position 0 wraps to the last byte, and is right whatever that is
    starts_field = (before == separator) | (before == 10) | (before == 13) | (before == quote)
    if opening[0] == 0:
        starts_field[0] = True
    after = octets[np.minimum(closing + 1, len(octets) - 1)]
    ends_field = (after == separator) | (after == 10) | (after == 13) | (after == quote)
    return bool(starts_field.all() and ends_field.all())


def split_records(
    data: bytes, dialect: Dialect, width: int, *, final: bool
) -> tuple[list[Span], list[Fault], int]:
    """Return the records of `data` with `width` fields, the malformed ones, and how many bytes were used.

    Where a record is not well formed, its first physical line is the malformed record, and reading goes on
    at the next line: an unclosed quote costs one record, not the rest of the file. Blank lines are no records.
    `final` says that nothing follows; otherwise an unfinished record at the end is left unused.
    """
    patterns = _compile(dialect)
    sound: list[Span] = []
    faults: list[Fault] = []
    position, line, size = 0, 0, len(data)
    while position < size:
        line_end = _end_of_line(data, position)
        match = patterns.record.match(data, position)
        if not final and (match.end() == size if match else _may_go_on(data, position, line_end, patterns)):
            break
        if match is None:
            faults.append(Fault(position, line_end, line, _explain_quote(data, position, line_end, patterns)))
            position, line = _skip_terminator(data, line_end), line + 1
            continue
        end = match.end()
        if end == position:
            position, line = _skip_terminator(data, end), line + 1
            continue
        fields = _count_fields(match[0], patterns, dialect)
        lines = len(patterns.newline.findall(match[0]))
        if fields == width:
            sound.append(Span(position, end, line))
        else:
            if lines and _is_record(data, _skip_terminator(data, line_end), patterns, dialect, width):
                end, lines = line_end, 0  # the next line stands on its own: this one's quote was never closed
                reason = "a quoted field that opens on this line is never closed"
            else:
                reason = f"expected {width} fields, found {fields}"
            faults.append(Fault(position, end, line, reason))
        position, line = _skip_terminator(data, end), line + lines + 1
    return sound, faults, min(position, size)


def end_of_first_record(data: bytes, dialect: Dialect) -> int:
    """Return where the first record of `data` that isn't blank ends, its line end included."""
    position = 0
    while position < len(data) and data[position] in b"\r\n":
        position += 1
    match = _compile(dialect).record.match(data, position)
    return min(_skip_terminator(data, match.end() if match else _end_of_line(data, position)), len(data))


@dataclass(frozen=True, slots=True)
class _Patterns:
    record: re.Pattern[bytes]
    unclosed: re.Pattern[bytes]
    quoted: re.Pattern[bytes]
    newline: re.Pattern[bytes]


@lru_cache(maxsize=8)
def _compile(dialect: Dialect) -> _Patterns:
    quote, separator = re.escape(dialect.quote), re.escape(dialect.separator)
    quoted = quote + b"(?:[^" + quote + b"]++|" + quote * 2 + b")*+" + quote
    field = b"(?:" + quoted + b"|[^" + quote + separator + b"\r\n]*+)"
    fields = b"(?:" + field + separator + b")*+"
    return _Patterns(
        record=re.compile(fields + field + rb"(?=[\r\n]|\Z)"),
        unclosed=re.compile(fields + quote + b"(?:[^" + quote + b"]++|" + quote * 2 + b")*+" + quote + rb"?\Z"),
        quoted=re.compile(quoted),
        newline=re.compile(rb"\r\n?|\n"),
    )


def _may_go_on(data: bytes, position: int, line_end: int, patterns: _Patterns) -> bool:
    """Whether a record that is not well formed so far may yet become so with more data."""
    if line_end == len(data):
        return True
    return len(data) - position < MOST_RECORD_BYTES and bool(patterns.unclosed.match(data, position))


def _count_fields(record: bytes, patterns: _Patterns, dialect: Dialect) -> int:
    bare = patterns.quoted.sub(b"", record) if dialect.quote in record else record
    return bare.count(dialect.separator) + 1


def _is_record(data: bytes, position: int, patterns: _Patterns, dialect: Dialect, width: int) -> bool:
    match = patterns.record.match(data, position)
    return match is not None and match.end() > position and _count_fields(match[0], patterns, dialect) == width


def _explain_quote(data: bytes, position: int, line_end: int, patterns: _Patterns) -> str:
    if patterns.unclosed.match(data, position, line_end):
        return "a quoted field that opens on this line is never closed"
    return "a quote stands inside a field that isn't quoted, or text follows a closing quote"


def _end_of_line(data: bytes, position: int) -> int:
    feed = data.find(b"\n", position)
    feed = len(data) if feed < 0 else feed
    carriage = data.find(b"\r", position, feed)
    return feed if carriage < 0 else carriage


def _skip_terminator(data: bytes, end: int) -> int:
    return end + 2 if data[end : end + 2] == b"\r\n" else end + 1
