"""Finds the records of a stretch of delimited text and counts their fields, all at once. Pure.

Where the quotes are sound, separators and line ends outside them are all there is to a record: which are malformed then
needs no look at each. What counting can't judge is left to `csv_scan`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from etl.read.csv.clean import Positions, has_sound_quotes, is_plain
from etl.read.csv.dialect import Dialect

__all__ = ["Records", "count_records", "find_lines", "join_runs"]


class Records(NamedTuple):
    """The records of a stretch, in order: where each starts and ends, on which line it is, how many fields it has."""

    starts: Positions
    ends: Positions
    nexts: Positions
    lines: Positions
    fields: Positions

    def slice(self, first: int, last: int) -> "Records":
        """Return the records from `first` up to `last`."""
        return Records(*(array[first:last] for array in self))


def count_records(data: bytes, quotes: Positions, dialect: Dialect, width: int) -> Records | None:
    """Return the records of `data`, which ends where a record does; None where counting can't judge them."""
    # Blank lines are told apart here, also where a record is one field wide.
    if not is_plain(data, dialect, max(width, 2)) or not has_sound_quotes(data, quotes, dialect):
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    octets = np.frombuffer(data, np.uint8)
    feeds = np.flatnonzero(octets == ord("\n"))
    records = _find_records(octets, feeds, _outside(feeds, quotes), quotes, dialect)
    # A malformed record that spans lines may be one line whose quote was never closed.
    spans = np.searchsorted(feeds, records.ends) > records.lines
    return None if (spans & (records.fields != width)).any() else records


def find_lines(data: bytes, quotes: Positions) -> Positions:
    """Return the 0-based line on which each record of `data` starts, which is taken to be well formed."""
    octets = np.frombuffer(data, np.uint8)
    feeds = np.flatnonzero(octets == ord("\n"))
    ends = np.flatnonzero(np.searchsorted(quotes, feeds) & 1 == 0)
    starts = np.concatenate(([0], feeds[ends] + 1))
    lines: Positions = np.concatenate(([0], ends + 1))
    first = octets[np.minimum(starts, len(octets) - 1)]
    held: Positions = lines[(starts < len(octets)) & (first != ord("\n")) & (first != ord("\r"))]
    return held


def join_runs(data: bytes, records: Records, chosen: npt.NDArray[np.bool_]) -> bytes:
    """Return the text of the `chosen` records, with their line ends and without blank lines."""
    return b"".join(data[start:end] for start, end in _runs(records, chosen))


def _runs(records: Records, chosen: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    starts, nexts = records.starts[chosen], records.nexts[chosen]
    if not len(starts):
        return iter(())
    breaks = np.flatnonzero(starts[1:] != nexts[:-1])
    firsts, lasts = np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [len(starts) - 1]))
    return zip(starts[firsts].tolist(), nexts[lasts].tolist(), strict=True)


def _find_records(
    octets: npt.NDArray[np.uint8], feeds: Positions, ends: Positions, quotes: Positions, dialect: Dialect
) -> Records:
    separators = _outside(np.flatnonzero(octets == dialect.separator[0]), quotes)
    nexts = ends + 1
    if not len(nexts) or nexts[-1] < len(octets):
        ends, nexts = np.append(ends, len(octets)), np.append(nexts, len(octets))
    starts = np.concatenate(([0], nexts[:-1]))
    ends = ends - ((ends > starts) & (octets[np.maximum(ends - 1, 0)] == ord("\r")))
    held = ends > starts
    starts, ends, nexts = starts[held], ends[held], nexts[held]
    fields = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
    return Records(starts, ends, nexts, np.searchsorted(feeds, starts), fields)


def _outside(positions: Positions, quotes: Positions) -> Positions:
    return positions[np.searchsorted(quotes, positions) % 2 == 0] if len(quotes) else positions
