"""Guesses how a delimited file is written: separator, header, null markers. Pure.

clevercsv says which separator makes the most consistent table; the answer is checked against the records.
"""

import csv
import io
import re
from collections import Counter
from typing import Final

from etl.guess.times import looks_like_time

__all__ = ["guess_null_values", "guess_separator", "has_header", "name_columns", "split_sample"]

SEPARATORS: Final = (",", "\t", ";", "|")
SNIFFED_CHARS: Final = 20_000
# Whole cells that exports write for a missing value; the second set only counts in more than one column or beside
# numbers.
NULL_MARKERS: Final = ("NULL", "null", "\\N", "N/A", "#N/A", "<null>", "(null)", "(not set)")
DOUBTFUL_MARKERS: Final = ("n/a", "NA", "None", "NaN", "nan", "nil", "undefined", "-")
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)?")


def split_sample(text: str, separator: str, most: int = 2_000) -> list[list[str]]:
    """Return the first records of `text`; a last one that the sample may cut is left out."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if record:
                records.append(record)
            if len(records) > most:
                break
    except csv.Error:
        pass
    return records[:-1] if len(records) > 1 else records


def guess_separator(text: str, usual: str) -> tuple[str, str]:
    """Return the separator, and why; `usual` is the one that the file's name promises."""
    found = {separator: _consistency(split_sample(text, separator, 500)) for separator in SEPARATORS}
    even = [separator for separator in SEPARATORS if found[separator][0] >= 0.9]
    widest = max((found[separator][1] for separator in even), default=0)
    if usual in even and found[usual][1] == widest:
        return usual, _say(found[usual][0])
    sniffed = _sniff(text[:SNIFFED_CHARS])
    if even:  # several split every record evenly: the sniffer decides, and without it the file's name
        best = sniffed if sniffed in even else usual if usual in even else even[0]
    else:
        best = max(SEPARATORS, key=lambda one: (round(found[one][0], 2), one == sniffed, one == usual))
    if found[best][0] == 0:
        return usual, "there is one column"
    return best, _say(found[best][0])


def has_header(records: list[list[str]]) -> tuple[bool, str]:
    """Return whether the first record names the columns, and why."""
    if not records:
        return True, "there are no rows to compare with"
    first, rest = records[0], records[1:]
    if any(_NUMBER.fullmatch(cell.strip()) or looks_like_time(cell.strip()) for cell in first):
        return False, "the first record holds numbers or times"
    named = [
        cell for cell in first if cell.strip()
    ]  # separators at the end of each line leave names that are empty
    if not named or len(set(named)) != len(named) or any(len(cell) > 64 or "\n" in cell for cell in first):
        return False, "the first record repeats values, or holds long text"
    for position, cell in enumerate(first):
        below = [record[position] for record in rest[:500] if position < len(record)]
        if cell and cell in below:
            return False, f"`{cell}` of the first record is a value further down"
    return True, "the first record has names where the others have values"


def guess_null_values(records: list[list[str]]) -> tuple[str, ...]:
    """Return the whole cells that stand for a missing value, the empty one first."""
    columns: dict[str, set[int]] = {}
    numbers: Counter[int] = Counter()
    for record in records:
        for position, cell in enumerate(record):
            if cell in NULL_MARKERS or cell in DOUBTFUL_MARKERS:
                columns.setdefault(cell, set()).add(position)
            elif _NUMBER.fullmatch(cell):
                numbers[position] += 1
    found: list[str] = [marker for marker in NULL_MARKERS if marker in columns]
    for marker in DOUBTFUL_MARKERS:
        positions = columns.get(marker, set())
        if any(numbers[position] > len(records) // 2 for position in positions):
            found.append(marker)
    return ("", *found)


def name_columns(records: list[list[str]]) -> tuple[str, ...]:
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


def _kind(cells: list[str]) -> str:
    """Return a word for what a column holds."""
    filled = [cell.strip() for cell in cells if cell.strip() and cell not in NULL_MARKERS]
    if not filled:
        return "empty"
    share = len(filled) * 0.9
    if sum(looks_like_time(cell) for cell in filled) >= share:
        return "time"
    if sum(bool(_NUMBER.fullmatch(cell)) for cell in filled) >= share:
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


def _consistency(records: list[list[str]]) -> tuple[float, int]:
    """Return the share of records with the commonest number of fields, and that number; no share where it is one."""
    if not records:
        return 0.0, 0
    width, count = Counter(len(record) for record in records).most_common(1)[0]
    return (count / len(records) if width > 1 else 0.0), width


def _say(share: float) -> str:
    who = "all" if share == 1 else f"{min(99, round(100 * share))}% of the"
    return f"{who} records have the same number of fields"


def _sniff(text: str) -> str | None:
    import clevercsv

    try:
        dialect = clevercsv.Sniffer().sniff(text, delimiters=list(SEPARATORS))
    except clevercsv.Error:
        return None
    return dialect.delimiter if dialect else None
