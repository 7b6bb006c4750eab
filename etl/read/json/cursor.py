"""Goes through the text of a JSON document from its start to its end, a chunk in memory at a time.

Rule: never more is held than a chunk and the longest value that is handed on.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from etl.read.json.structure import trace_structure

__all__ = ["MOST_VALUE_BYTES", "Broken", "Cursor", "Element"]

MOST_VALUE_BYTES: Final = 16 << 20
MOST_KEY_BYTES: Final = 1 << 20
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_PLAIN: Final = re.compile(rb"[^ \t\r\n,\]}\[{:\"]*+")


class Broken(Exception):  # noqa: N818 - it states a condition
    """The document isn't JSON, or ends too early: what was expected, what was found, in which line."""

    def __init__(self, wanted: str, found: str, line: int) -> None:
        super().__init__(f"Expected {wanted}, found {found} in line {line:,}")


class Element(NamedTuple):
    """One element of a list: the line that it starts in, whether it is too long to hold, its text (or the start)."""

    line: int
    is_long: bool
    text: bytes


class Cursor:
    """Where in the document reading is. `chunks` are of UTF-8, each with whether it is the last."""

    def __init__(self, chunks: Iterator[tuple[bytes, bool]]) -> None:
        self._chunks = chunks
        self._data = b""
        self._at = 0
        self._is_last = False
        self._line = 1  # that `_at` is in

    def peek(self) -> bytes:
        """Return the next byte that is no space, nothing at the end."""
        while True:
            self._go(_SPACE.match(self._data, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._load():
                return b""

    def take(self, wanted: bytes, what: str) -> bytes:
        """Go over the next byte that is no space, which must be one of `wanted`."""
        byte = self.peek()
        if not byte or byte not in wanted:
            raise self._broken(what)
        self._go(self._at + 1)
        return byte

    def take_string(self) -> bytes:
        """Return the next string with its quotes."""
        if self.peek() != b'"':
            raise self._broken("a key in quotes")
        while (match := _STRING.match(self._data, self._at)) is None:
            if len(self._data) - self._at > MOST_KEY_BYTES or not self._load():
                raise self._broken("a key that ends")
        self._go(match.end())
        return match[0]

    def take_value(self, most_bytes: int = 0) -> bytes | None:
        """Go over the next value; return its text where it has at most `most_bytes`."""
        byte = self.peek()
        if byte == b'"' or byte in (b"[", b"{"):
            return self._take_long(most_bytes, is_string=byte == b'"')
        while True:
            end = _PLAIN.match(self._data, self._at).end()  # type: ignore[union-attr]
            if end < len(self._data) or not self._load():
                break
        if end == self._at:
            raise self._broken("a value")
        text = self._data[self._at : end]
        self._go(end)
        return text if len(text) <= most_bytes else None

    def elements(self) -> Iterator[Element]:
        """Yield what the list holds whose bracket was just taken, and go over its end."""
        is_first = True
        while True:
            texts, is_done = self._split()
            for text in texts:
                start = self._at
                body = text.lstrip(b" \t\r\n")
                self._go(start + len(text) - len(body))
                if body or not (is_done and is_first and len(texts) == 1):
                    yield Element(self._line, False, body.rstrip(b" \t\r\n"))
                is_first = False
                self._go(start + len(text) + 1)
            if is_done:
                return
            if len(self._data) - self._at < MOST_VALUE_BYTES:
                if not self._load():
                    raise self._broken("the end of the list")
                continue
            line, head = self._line, self._data[self._at : self._at + MOST_VALUE_BYTES]
            self.take_value()
            is_first = False
            yield Element(line, True, head)
            if self.take(b",]", "a comma or the end of the list") == b"]":
                return

    def check_end(self) -> None:
        """Raise `Broken` where anything follows."""
        if self.peek():
            raise self._broken("the end of the document after its one value")

    def _split(self) -> tuple[list[bytes], bool]:
        """Return the texts of the whole elements that are in memory, and whether the last ends the list."""
        view = self._data[self._at :]
        structure = trace_structure(view)
        end = structure.find_fall(0)
        ends = [at for at in structure.find_separators() if end is None or at < end]
        ends += [] if end is None else [end]
        starts = [0, *(at + 1 for at in ends)]
        return [view[start:stop] for start, stop in zip(starts, ends, strict=False)], end is not None

    def _take_long(self, most_bytes: int, *, is_string: bool) -> bytes | None:
        kept: list[bytes] | None = [self._data[self._at : self._at + 1]]
        size, inside, depth = 1, is_string, 0 if is_string else 1
        self._go(self._at + 1)
        while True:
            piece = self._data[self._at :]
            if not self._is_last:  # never cut after a backslash, which may be half of an escape
                piece = piece[: len(piece.rstrip(b"\\"))]
            end, inside, depth = _find_end(piece, inside=inside, depth=depth)
            part = piece if end is None else piece[: end + 1]
            size += len(part)
            kept = [*kept, part] if kept is not None and size <= most_bytes else None
            self._go(self._at + len(part))
            if end is not None:
                return b"".join(kept) if kept is not None else None
            if not self._load():
                raise self._broken("the end of a value")

    def _load(self) -> bool:
        """Put the next chunk after what isn't gone over yet; say whether there was one."""
        if self._is_last:
            return False
        chunk, self._is_last = next(self._chunks)
        self._data, self._at = self._data[self._at :] + chunk, 0
        return True

    def _go(self, position: int) -> None:
        self._line += self._data.count(b"\n", self._at, position)
        self._at = position

    def _broken(self, wanted: str) -> Broken:
        self.peek()
        rest = self._data[self._at : self._at + 20].split(b"\n")[0].rstrip()
        found = f"`{rest.decode('utf-8', 'replace')}`" if rest else "the end of the file"
        return Broken(wanted, found, self._line)


def _find_end(piece: bytes, *, inside: bool, depth: int) -> tuple[int | None, bool, int]:
    """Return where a value ends in `piece`, if it does; and whether the piece ends in a string, and how deep.

    A string ends with its quote (`depth` 0), all else with its last bracket.
    """
    structure = trace_structure(piece, inside=inside)
    if depth == 0:
        match = _STRING.match(b'"' + piece)
        return (match.end() - 2 if match else None), structure.ends_inside, 0
    left = depth + (int(structure.depth[-1]) if len(structure.depth) else 0)
    return structure.find_fall(1 - depth), structure.ends_inside, left
