"""Tells the structure of JSON text from its strings. Pure: bytes in, positions out, whole arrays at once."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Structure", "trace_structure"]

_QUOTE, _BACKSLASH, _COMMA, _OPENS, _CLOSES = range(1, 6)
_MARKS: Final = {b'"': _QUOTE, b"\\": _BACKSLASH, b",": _COMMA, b"[{": _OPENS, b"]}": _CLOSES}
_KIND: Final = bytes(
    next((kind for marks, kind in _MARKS.items() if byte in marks), 0) for byte in range(256)
)


class Structure(NamedTuple):
    """The brackets and commas outside of strings, in order. `at` is where each stands, `depth` how many brackets are
    open after it, counted from the first byte on; `ends_inside`: the text ends inside a string.
    """

    at: NDArray[np.int64]
    depth: NDArray[np.int32]
    is_comma: NDArray[np.bool_]
    ends_inside: bool

    def find_fall(self, depth: int) -> int | None:
        """Return where fewer than `depth` brackets are open for the first time, None where that is nowhere."""
        found = np.flatnonzero(self.depth < depth)
        return int(self.at[found[0]]) if len(found) else None

    def find_separators(self) -> list[int]:
        """Return where the commas are that stand in no bracket opened since the first byte."""
        found: list[int] = self.at[self.is_comma & (self.depth == 0)].tolist()
        return found


def trace_structure(data: bytes, *, inside: bool = False) -> Structure:
    """Return the structure of `data`; `inside`: it begins inside a string, but never after a backslash."""
    kinds = np.frombuffer(data.translate(_KIND), np.uint8)
    at = np.flatnonzero(kinds)
    kind = kinds[at]
    if b"\\" in data:
        kept = ~_is_escaped(at, kind) & (kind != _BACKSLASH)
        at, kind = at[kept], kind[kept]
    in_string = (np.cumsum(kind == _QUOTE, dtype=np.int32) + inside) & 1 == 1
    is_outside = ~in_string & (kind != _QUOTE)
    ends_inside = bool(in_string[-1]) if len(kind) else inside
    at, kind = at[is_outside], kind[is_outside]
    depth = np.cumsum((kind == _OPENS).astype(np.int8) - (kind == _CLOSES), dtype=np.int32)
    return Structure(at, depth, kind == _COMMA, ends_inside)


def _is_escaped(at: NDArray[np.int64], kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which marks stand right after an odd run of backslashes."""
    order = np.arange(len(at))
    follows = np.diff(at, prepend=-2) == 1
    is_slash = kind == _BACKSLASH
    # A run begins at a backslash that no backslash stands right before.
    begins = is_slash & ~(follows & np.concatenate(([False], is_slash[:-1])))
    start = np.maximum.accumulate(np.where(begins, order, -1))
    after_slash = follows & np.concatenate(([False], is_slash[:-1]))
    escaped: NDArray[np.bool_] = after_slash & ((order - np.concatenate(([-1], start[:-1]))) % 2 == 1)
    escaped &= ~is_slash
    return escaped
