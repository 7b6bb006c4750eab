"""Cuts delimited text into records. Pure: bytes in, positions out.

RFC 4180 is the rule: a quoted field starts right after a separator or at the start of a record, a doubled quote
stands for a quote inside it, and it ends right before a separator or a line end. An escape character, where the
dialect has one, takes the next character as it is. Records end at LF, CRLF or CR.

Where a record is not well formed, its first physical line is the malformed record, and reading goes on at the next
line: an unclosed quote costs one record, not the rest of the file. Blank lines and comment lines are no records.
"""

import codecs
import re
from typing import Final, NamedTuple

from etl.read.csv.dialect import Dialect, Patterns, compile_patterns, parse_fields

__all__ = [
    "MOST_RECORDS",
    "MOST_RECORD_BYTES",
    "Piece",
    "count_lines",
    "end_of_line",
    "find_record",
    "split_records",
]

# A record longer than this can't become a body of 2 MB.
MOST_RECORD_BYTES: Final = 16 << 20
# Pieces are handed on when there are this many, however short the records are.
MOST_RECORDS: Final = 65_536
_DECODED_BYTES: Final = 1 << 16
_LINE_BYTES: Final = 4096
_BLANK: Final = re.compile(rb"[\r\n]++")


class Piece(NamedTuple):
    """Bytes `start:end` of the data: one record without its line end, or a run of sound ones with theirs.

    `line` is the 0-based line it starts on; `reason` says what is wrong with a malformed record, `missing` how many
    fields one lacks that is sound but for them.
    """

    start: int
    end: int
    line: int
    reason: str | None = None
    is_run: bool = False
    missing: int = 0


def split_records(data: bytes, dialect: Dialect, width: int, *, final: bool) -> tuple[list[Piece], int]:
    """Return pieces of `data` whose sound records have `width` fields, and how many bytes they use.

    `final` says that nothing follows; otherwise an unfinished record at the end is left unused. Stops soon after
    `MOST_RECORDS`.
    """
    scan = _Scan(data, dialect, width, final=final)
    pieces: list[Piece] = []
    records = 0
    while records < MOST_RECORDS and (piece := scan.take_piece()):
        pieces.append(piece)
        records += data.count(b"\n", piece.start, piece.end) if piece.is_run else 1
    return pieces, scan.position


def find_record(data: bytes, dialect: Dialect, *, final: bool) -> Piece | None:
    """Return the first record of `data`, which may be malformed, or None where it isn't whole yet or there is none."""
    scan = _Scan(data, dialect, 0, final=final)
    return scan.take_piece()


def end_of_line(data: bytes, position: int) -> tuple[int, int]:
    """Return where the line at `position` ends: before its line end, and after it."""
    window = _LINE_BYTES
    while position < len(data):
        # By windows, so that neither kind of line end is looked for through all the data again and again.
        stop = position + window
        feed = data.find(b"\n", position, stop)
        carriage = data.find(b"\r", position, feed if feed >= 0 else stop)
        if carriage >= 0:
            return carriage, carriage + (2 if data[carriage + 1 : carriage + 2] == b"\n" else 1)
        if feed >= 0:
            return feed, feed + 1
        position, window = stop, window * 2
    return len(data), len(data)


def count_lines(data: bytes) -> int:
    """Return how many line ends `data` holds; CRLF is one."""
    feeds = data.count(b"\n")
    # One byte is counted many times as fast as two are found.
    return feeds + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else feeds


class _Scan:
    """A position in some data that moves over one piece at a time. `width` 0 takes a record of any width."""

    def __init__(self, data: bytes, dialect: Dialect, width: int, *, final: bool) -> None:
        self.data = data
        self.position = 0
        self._line = 0
        self._dialect = dialect
        self._width = width
        self._final = final
        self._patterns: Patterns = compile_patterns(dialect, max(width, 1))
        # Runs are read as they stand, so an escape anywhere means record by record.
        has_escapes = bool(dialect.escape) and dialect.escape in data
        self._takes_runs = bool(width) and not has_escapes and not dialect.is_spaced
        self._decoded_to = 0
        self._is_bad_next = False

    def take_piece(self) -> Piece | None:
        """Return the next piece, or None where no whole record is left."""
        if not self._skip_lines_between():
            return None
        if self._takes_runs:
            match = self._patterns.run.match(self.data, self.position, self._find_undecodable())
            if match:
                piece = Piece(self.position, match.end(), self._line, is_run=True)
                self.position, self._line = match.end(), self._line + count_lines(match[0])
                return piece
        return self._take_record()

    def _take_record(self) -> Piece | None:
        data, position, line = self.data, self.position, self._line
        match = self._patterns.record.match(data, position)
        if not self._final and (match.end() == len(data) if match else self._may_go_on(position)):
            return None
        if match is None:
            return self._take_line(self._explain_quote())
        fields, lines = self._count_fields(match[0]), count_lines(match[0])
        reason = None
        if self._width and fields != self._width:
            next_line = end_of_line(data, position)[1]
            if lines and self._may_yet_be_sound(next_line):
                return None
            if lines and self._is_sound_record(next_line):
                # The next line stands on its own: this one's quote was never closed.
                return self._take_line("a quoted field that opens on this line is never closed")
            reason = f"expected {self._width} fields, found {fields}"
        self.position, self._line = end_of_line(data, match.end())[1], line + lines + 1
        missing = max(0, self._width - fields) if reason else 0
        return Piece(position, match.end(), line, reason, missing=missing)

    def _take_line(self, reason: str) -> Piece:
        end, after = end_of_line(self.data, self.position)
        piece = Piece(self.position, end, self._line, reason)
        self.position, self._line = after, self._line + 1
        return piece

    def _skip_lines_between(self) -> bool:
        """Skip blank lines and comments; return whether a record may start here."""
        data, comment = self.data, self._dialect.comment
        while self.position < len(data):
            if data[self.position] in b"\r\n":
                # A file may hold nothing else for a gigabyte: a run of them costs one step.
                end = _BLANK.match(data, self.position).end()  # type: ignore[union-attr]  # one at least is there
                self.position, self._line = end, self._line + count_lines(data[self.position : end])
                continue
            if not (comment and data.startswith(comment, self.position)):
                return True
            end, after = end_of_line(data, self.position)
            if end == len(data) and not self._final:
                return False
            self.position, self._line = after, self._line + (after > end)
        return False

    def _find_undecodable(self) -> int:
        """Return the position of the next byte that isn't UTF-8, or the end of the data; decodes each byte once."""
        view = memoryview(self.data)
        if self._decoded_to < self.position:
            self._decoded_to, self._is_bad_next = self.position, False
        while not self._is_bad_next and self._decoded_to < len(self.data):
            window = view[self._decoded_to : self._decoded_to + _DECODED_BYTES]
            is_last = self._decoded_to + len(window) == len(self.data)
            try:
                self._decoded_to += codecs.utf_8_decode(window, "strict", is_last)[1]
            except UnicodeDecodeError as error:
                self._decoded_to, self._is_bad_next = self._decoded_to + error.start, True
        return self._decoded_to

    def _may_go_on(self, position: int) -> bool:
        """Whether a record at `position` that is not well formed so far may yet become so with more data."""
        if end_of_line(self.data, position)[0] == len(self.data):
            return True
        unclosed = self._patterns.unclosed
        is_short = len(self.data) - self.position < MOST_RECORD_BYTES
        return is_short and bool(unclosed and unclosed.match(self.data, position))

    def _may_yet_be_sound(self, position: int) -> bool:
        """Whether only more data tells what the record at `position` is."""
        if self._final or len(self.data) - self.position >= MOST_RECORD_BYTES:
            return False
        match = self._patterns.record.match(self.data, position)
        return match.end() == len(self.data) if match else self._may_go_on(position)

    def _explain_quote(self) -> str:
        unclosed, end = self._patterns.unclosed, end_of_line(self.data, self.position)[0]
        if unclosed and unclosed.match(self.data, self.position, end):
            return "a quoted field that opens on this line is never closed"
        if not self._dialect.quote:
            return "an escape character stands at the end, with nothing after it"
        return "a quote stands inside a field that isn't quoted, or text follows a closing quote"

    def _count_fields(self, record: bytes) -> int:
        dialect, quoted = self._dialect, self._patterns.quoted
        if dialect.escape and dialect.escape in record:
            return len(parse_fields(record, dialect))
        bare = quoted.sub(b"", record) if quoted and dialect.quote in record else record
        return bare.count(dialect.separator) + 1

    def _is_sound_record(self, position: int) -> bool:
        match = self._patterns.record.match(self.data, position)
        return match is not None and match.end() > position and self._count_fields(match[0]) == self._width
