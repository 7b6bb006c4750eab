"""Finds the table in a delimited text: notes above it, its header, units below that, and what ends it. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from etl.guess.cells import is_number, kind_of
from etl.guess.dialect import Record
from etl.guess.times import looks_like_time

__all__ = ["Table", "find_table", "has_header"]

Row = tuple[str, ...]
# Below so many rows they say little of what their columns hold.
_FEW_ROWS: Final = 4
_MOST_BELOW: Final = 3
_MOST_NAMES: Final = 0.8
# From this share of short records on, whoever wrote the file leaves separators out.
_SHORT_SHARE: Final = 0.05
_RULE: Final = re.compile(r"[-+=|_\s]+")
_TOTAL: Final = re.compile(
    r"(grand )?total|sum|summe|gesamt|totaal|\(?[\d,.]+ (rows?|records?)( affected)?\)?", re.I
)


@dataclass(frozen=True, slots=True)
class Table:
    """Where the table of some records is.

    `skip_lines` stand above it, `below` records under its header are no rows. `header` are its names as they stand
    there, None where there is none. `rows` are all of the sample that are well formed. `fills`: rows leave out their
    last separators. `extra` is what a row has beside the names: `first` or `last`, one value. `footer` is how a line
    starts that ends the table. `repeats`: the header comes again between the rows.
    """

    skip_lines: int
    header: Row | None
    why: str
    below: int
    rows: tuple[Row, ...]
    fills: bool = False
    extra: str = ""
    footer: str = ""
    repeats: bool = False


def find_table(records: Sequence[Record], *, is_whole: bool) -> Table:
    """Return the table; `is_whole`: the records are all that the file has."""
    first = _first_of_table(records)
    table = list(records[first:])
    if not table:
        return Table(0, None, "there are no rows to compare with", 0, ())
    rows = [record.cells for record in table if record.cells is not None]
    named, why = has_header(rows)
    if named and len(rows) > _FEW_ROWS and _is_group_header(rows[0], rows[1]) and has_header(rows[1:])[0]:
        table, rows, why = (
            table[1:],
            rows[1:],
            "the second of two lines of names, because the first groups them",
        )
    body = table[1:] if named else table
    below = _count_below(body) if named else 0
    body = body[below:]
    header = rows[0] if named and rows else None
    footer = _find_footer(body, len(rows[0]) if rows else 0) if is_whole else ""
    kept = [
        cells for record in body if (cells := record.cells) and not (footer and cells[0].startswith(footer))
    ]
    extra, fills = _compare_widths(header, kept)
    return Table(
        0 if table[0] is records[0] else table[0].line,
        header,
        why,
        below,
        tuple(row for row in kept if row != header),
        fills=fills,
        extra=extra,
        footer=footer,
        repeats=header is not None and header in kept,
    )


def _compare_widths(header: Row | None, rows: Sequence[Row]) -> tuple[str, bool]:
    """Return what rows have beside the header's names, and whether they leave out their last separators."""
    if not rows:
        return "", False
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if header is not None and width == len(header) + 1:
        is_empty = all(not row[-1].strip() for row in rows if len(row) == width)
        return "last" if is_empty else "first", False
    most = len(header) if header is not None else max(map(len, rows))
    short = sum(len(row) < most for row in rows)
    return "", most > 1 and short >= _SHORT_SHARE * len(rows) and all(len(row) <= most for row in rows)


def has_header(rows: Sequence[Row]) -> tuple[bool, str]:
    """Return whether the first row names the columns, and why."""
    if not rows:
        return True, "there are no rows to compare with"
    first, rest = rows[0], rows[1:]
    if any(is_number(cell) or looks_like_time(cell) for cell in first):
        return False, "the first record holds numbers or times"
    named = [cell for cell in first if cell.strip()]  # separators at the end of each line leave empty names
    # Trackers repeat a name, a column for each comment; values repeat more.
    if (
        not named
        or len(set(named)) < _MOST_NAMES * len(named)
        or any(len(cell) > 64 or "\n" in cell for cell in first)
    ):
        return False, "the first record repeats values, or holds long text"
    for position, cell in enumerate(first):
        below = [row[position] for row in rest[:500] if position < len(row) and row != first]
        if cell and cell in below:
            return False, f"`{cell}` of the first record is a value further down"
    return True, "the first record has names where the others have values"


def _first_of_table(records: Sequence[Record]) -> int:
    """Return the position of the first record of the table: as wide as most, and not a note with empty cells."""
    widths = Counter(len(record.cells) for record in records if record.cells is not None)
    if not widths:
        return 0
    width = max(widths, key=lambda one: (widths[one] * (one > 1), one))
    if width == 1:
        return 0
    for position, record in enumerate(records):
        if record.cells is None:
            continue
        filled = sum(bool(cell.strip()) for cell in record.cells)
        is_wide = len(record.cells) >= width - 1 and len(record.cells) > 1
        if is_wide and filled > max(1, len(record.cells) // 3):
            return position
    return 0


def _is_group_header(first: Row, second: Row) -> bool:
    """Whether the first line names groups of columns, some of which it leaves empty, and the second each column."""
    empty = sum(not cell.strip() for cell in first)
    return empty >= len(first) / 3 and all(cell.strip() for cell in second)


def _count_below(body: Sequence[Record]) -> int:
    """Return how many records below the header are a rule, units or types rather than values."""
    count = 0
    while count < _MOST_BELOW and len(body) > count + _FEW_ROWS:
        cells = body[count].cells
        rest = [record.cells for record in body[count + 1 :] if record.cells is not None]
        text = "".join(cells) if cells is not None else "-"
        if not (text.strip() and _RULE.fullmatch(text)) and (cells is None or not _differs(cells, rest)):
            break
        count += 1
    return count


def _differs(row: Row, rest: Sequence[Row]) -> bool:
    """Whether the row has words in each column where the others have numbers or times, and there is such a column."""
    found = 0
    for position, cell in enumerate(row):
        below = [kind_of(other[position]) for other in rest if position < len(other)]
        filled = [kind for kind in below if kind != "empty"]
        measured = sum(kind in ("number", "time") for kind in filled)
        if len(filled) < _FEW_ROWS or measured < 0.95 * len(filled):
            continue
        if kind_of(cell) in ("number", "time"):
            return False
        found += bool(cell.strip())
    return found > 0 and found >= sum(bool(cell.strip()) for cell in row) / 3


def _find_footer(body: Sequence[Record], width: int) -> str:
    """Return how the line starts that ends the table, where it is no row and no row starts so."""
    for record in body[-2:]:
        cells = record.cells
        if cells is None or not cells[0].strip() or not _TOTAL.fullmatch(cells[0].strip()):
            continue
        start = "(" if cells[0].startswith("(") else cells[0]
        others = [other.cells[0] for other in body if other.cells and other is not record]
        if len(cells) <= width and start.isascii() and not any(cell.startswith(start) for cell in others):
            return start
    return ""
