"""Names the columns of a file without a header after what they hold, and finds how it writes missing values. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

from etl.guess.cells import is_number
from etl.guess.markers import DOUBTFUL_MARKERS, NULL_MARKERS
from etl.guess.times import looks_like_time

__all__ = ["guess_null_values", "name_columns"]

Row = Sequence[str]


def guess_null_values(records: Sequence[Row]) -> tuple[str, ...]:
    """Return the whole cells that stand for a missing value, the empty one first."""
    columns: dict[str, set[int]] = {}
    numbers: Counter[int] = Counter()
    for record in records:
        for position, cell in enumerate(record):
            if cell in NULL_MARKERS or cell in DOUBTFUL_MARKERS:
                columns.setdefault(cell, set()).add(position)
            elif is_number(cell):
                numbers[position] += 1
    found: list[str] = [marker for marker in NULL_MARKERS if marker in columns]
    for marker in DOUBTFUL_MARKERS:
        positions = columns.get(marker, set())
        if any(numbers[position] > len(records) // 2 for position in positions):
            found.append(marker)
    return ("", *found)


def name_columns(records: Sequence[Row]) -> tuple[str, ...]:
    """Return names for the columns of a file without a header, after what they hold."""
    width = Counter(len(record) for record in records).most_common(1)[0][0] if records else 1
    kinds = [
        _kind([record[position] for record in records if len(record) == width]) for position in range(width)
    ]
    seen: Counter[str] = Counter()
    names: list[str] = []
    for kind in kinds:
        seen[kind] += 1
        names.append(kind if kinds.count(kind) == 1 else f"{kind}_{seen[kind]}")
    return tuple(names)


def _kind(cells: Sequence[str]) -> str:
    """Return a word for what a column holds."""
    filled = [cell.strip() for cell in cells if cell.strip() and cell not in NULL_MARKERS]
    if not filled:
        return "empty"
    share = len(filled) * 0.9
    if sum(looks_like_time(cell) for cell in filled) >= share:
        return "time"
    if sum(bool(is_number(cell)) for cell in filled) >= share:
        return "number"
    if (
        any(";" in cell and " " not in cell for cell in filled)
        and sum(" " not in cell for cell in filled) >= share
    ):
        return "list"
    if all(re.fullmatch(r"[0-9a-fA-F-]{16,36}", cell) for cell in filled):
        return "id"
    if len({len(cell) for cell in filled}) > 5 and sum(" " in cell for cell in filled) >= 0.3 * len(filled):
        return "text"
    return "code"
