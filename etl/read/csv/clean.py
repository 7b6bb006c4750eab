"""Proves a stretch of delimited text well formed by counting, so that Polars may have it whole. Pure.

Polars' CSV reader is fast, but fills short records with nulls and gives up on a whole stretch for one long record or
one bad byte. Where the quotes are sound, no record is longer than it should be (Polars refuses those) and the
separators outside quotes are as many as the records need, none is shorter either.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from etl.read.csv.dialect import Dialect

__all__ = ["Positions", "find_cut", "find_quotes", "has_sound_quotes", "is_plain", "is_whole", "read_frame"]

Positions = npt.NDArray[np.int64]
_BYTE_ORDER_MARK: Final = "\ufeff".encode()
_MISTAKEN: Final = (_BYTE_ORDER_MARK[:1], b"\x1f", b"(", b"x")


def find_quotes(data: bytes, dialect: Dialect) -> Positions:
    """Return the positions of the quote characters."""
    if not dialect.quote or dialect.quote not in data:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == dialect.quote[0])


def find_cut(data: bytes, quotes: Positions) -> int:
    """Return where the last record of `data` that has a line end ends, or 0; `data` is taken to be well formed."""
    end = data.rfind(b"\n") + 1
    while end and len(quotes) and np.searchsorted(quotes, end) % 2:
        # An odd number of quotes before this line end: it stands inside a quoted field.
        opening = int(quotes[np.searchsorted(quotes, end) - 1])
        end = data.rfind(b"\n", 0, opening) + 1
    return end


def is_plain(data: bytes, dialect: Dialect, width: int) -> bool:
    """Return whether `data` is free of what counting can't judge: NULs, bare CRs, escapes, comments, spaces to skip."""
    if b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
        return False
    if dialect.escape and dialect.escape in data:
        return False
    if dialect.is_spaced and (
        dialect.separator + b" " in data or b"\n " in data or b"\r " in data or data.startswith(b" ")
    ):
        return False
    if dialect.comment and (data.startswith(dialect.comment) or b"\n" + dialect.comment in data):
        return False
    # A blank line would read as a row of one empty value.
    return width > 1 or not (b"\n\n" in data or b"\n\r" in data or data[:1] in (b"\n", b"\r"))


def has_sound_quotes(data: bytes, quotes: Positions, dialect: Dialect) -> bool:
    """Return whether every quote opens a field at its start, closes it at its end, or is one of a doubled pair."""
    if len(quotes) % 2:
        return False
    if not len(quotes):
        return True
    octets = np.frombuffer(data, np.uint8)
    separator, quote = dialect.separator[0], dialect.quote[0]
    opening, closing = quotes[0::2], quotes[1::2]
    before = octets[opening - 1]  # position 0 wraps to the last byte, and is right whatever that is
    starts_field = (before == separator) | (before == 10) | (before == quote)
    starts_field[0] |= opening[0] == 0
    after = octets[np.minimum(closing + 1, len(octets) - 1)]
    ends_field = (after == separator) | (after == 10) | (after == 13) | (after == quote)
    return bool(starts_field.all() and ends_field.all())


def read_frame(
    data: bytes, dialect: Dialect, schema: dict[str, pl.DataType], null_values: tuple[str, ...]
) -> pl.DataFrame | None:
    """Return the frame of `data`, or None where Polars refuses it."""
    if not data:
        return pl.DataFrame(schema=schema)
    if data[:1] in _MISTAKEN:
        # Polars drops a byte order mark, and decompresses what starts like gzip, zstd or zlib, as `x^2` does: here all
        # of it is text. Behind a mark of its own it is taken as it stands.
        data = _BYTE_ORDER_MARK + data
    # An empty field is null without being looked for; only a quoted one has to be.
    has_quotes = bool(dialect.quote) and dialect.quote in data
    marks = [mark for mark in null_values if mark or has_quotes]
    names = [str(index) for index in range(len(schema))]
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(names, pl.String()),
            separator=dialect.separator.decode(),
            quote_char=dialect.quote.decode() or None,
            empty_string_is_null="" in null_values,
            null_values=marks or None,
            glob=False,
        )
    except pl.exceptions.PolarsError:
        return None
    frame.columns = list(schema)
    return frame


def is_whole(frame: pl.DataFrame, data: bytes, quotes: Positions, dialect: Dialect) -> bool:
    """Return whether no record of `data` is shorter than `frame` is wide, given that its quotes are sound."""
    separators = int(np.count_nonzero(np.frombuffer(data, np.uint8) == dialect.separator[0]))
    if len(quotes) and frame.height:
        literal = dialect.separator.decode()
        inside = frame.select(pl.all().str.count_matches(literal, literal=True).sum())
        separators -= sum(count or 0 for count in inside.row(0))
    return separators == frame.height * (frame.width - 1)
