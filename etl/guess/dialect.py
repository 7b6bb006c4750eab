"""Guesses which separator, quote and escape a delimited text has, by how well they make a table of it. Pure.

Every combination is tried and scored together: how many records have the same number of fields, and how alike the
values of each column are. A quote or an escape that isn't there counts for nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etl.guess.cells import kind_of

__all__ = ["SEPARATORS", "Cut", "Record", "cut_records", "guess_cut"]

# What separates values, the usual first.
SEPARATORS: Final = (",", "\t", ";", "|", ":", " ", "~", "^")
_USUAL: Final = frozenset(",\t;|")
_SNIFFED_CHARS: Final = 40_000
_SNIFFED_RECORDS: Final = 300
# A name in the file's suffix, and a usual sign, weigh as much as this share of the records.
_FAVOUR: Final = 0.02
# What a column counts less where its values are prose, which a wrong cut makes of any; what an empty one counts.
_PROSE: Final = 0.1
_EMPTY: Final = 0.8
# Below this an unusual separator splits prose, not a table.
_LEAST_UNUSUAL: Final = 0.98
# Where a usual separator does as well as this, no other is looked at: clocks have colons, and texts spaces.
_SURE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Cut:
    """How records are cut: separator, quote and escape ("" for none), whether spaces follow separators."""

    separator: str
    quote: str = '"'
    escape: str = ""
    is_spaced: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line it starts on, the lines it takes, and its cells; None for one that isn't well formed."""

    line: int
    lines: int
    cells: tuple[str, ...] | None


def guess_cut(text: str, usual: str) -> tuple[Cut, str]:
    """Return how `text` is cut, and why; `usual` is the separator that the file's name promises."""
    sample = text[:_SNIFFED_CHARS]
    best, reached, share = Cut(usual), 0.0, 0.0
    for cut in _candidates(sample):
        records = list(cut_records(sample, cut, _SNIFFED_RECORDS))
        if len(text) > len(sample) or not text.endswith(("\n", "\r")):
            records = records[:-1] if len(records) > 1 else records
        even, alike, width = _measure(records)
        is_usual = cut.separator in _USUAL
        if width < 2 or (not is_usual and (even < _LEAST_UNUSUAL or reached >= _SURE)):
            continue
        score = even * alike + _FAVOUR * (is_usual + (cut.separator == usual))
        # What is plainer comes first, and stays unless another is better.
        if score > reached + 1e-9:
            best, reached, share = cut, score, even
    if not reached:
        return best, "there is one column"
    who = "all" if share == 1 else f"{min(99, round(100 * share))}% of the"
    return best, f"{who} records have the same number of fields"


def cut_records(text: str, cut: Cut, most: int) -> Iterator[Record]:
    """Yield the first records of `text`, as the reader of a run cuts them; blank lines are none."""
    field = re.compile(_field(cut), re.DOTALL)
    position, line, count = 0, 0, 0
    while position < len(text) and count < most:
        if text[position] in "\r\n":
            after = _end_of_line(text, position)[1]
            position, line = after, line + 1
            continue
        cells, end = _cut_record(text, position, cut, field)
        if cells is None:
            end = _end_of_line(text, position)[0]
        after = _end_of_line(text, end)[1]
        lines = text.count("\n", position, after) or 1
        yield Record(line, lines, cells)
        position, line, count = after, line + lines, count + 1


def _candidates(text: str) -> Iterator[Cut]:
    quotes = ['"'] if '"' in text else [""]
    quotes += ["'"] if re.search(r"(?:^|[,\t;|])'|'(?:[,\t;|]|$)", text, re.MULTILINE) else []
    for separator in SEPARATORS:
        if separator not in text:
            continue
        for quote in (*quotes, ""):
            yield Cut(separator, quote or '"') if quote or '"' not in text else Cut(separator, "")
            if quote and f"\\{quote}" in text:
                yield Cut(separator, quote, "\\")
            if quote and f"{separator} {quote}" in text and separator != " ":
                yield Cut(separator, quote, "", is_spaced=True)


def _field(cut: Cut) -> str:
    quote, escape = re.escape(cut.quote), re.escape(cut.escape)
    escaped = rf"|{escape}." if cut.escape else ""
    bare = rf"(?:[^{quote}{re.escape(cut.separator)}{escape}\r\n]{escaped})*"
    if not cut.quote:
        return f"({bare})"
    blank = " *" if cut.is_spaced else ""
    return rf"{blank}{quote}((?:[^{quote}{escape}]|{quote}{quote}{escaped})*+){quote}|({bare})"


def _cut_record(
    text: str, position: int, cut: Cut, field: re.Pattern[str]
) -> tuple[tuple[str, ...] | None, int]:
    cells: list[str] = []
    while True:
        match = field.match(text, position)
        assert match is not None
        quoted, bare = (match[1], match[2]) if cut.quote else (None, match[1])
        if quoted is None:
            cells.append(bare.lstrip(" ") if cut.is_spaced else bare)
        else:
            cells.append(quoted.replace(cut.quote * 2, cut.quote))
        position = match.end()
        if position >= len(text) or text[position] in "\r\n":
            return tuple(cells), position
        if text[position] != cut.separator:
            return None, position
        position += 1


def _end_of_line(text: str, position: int) -> tuple[int, int]:
    match = re.compile(r"\r\n|\n|\r").search(text, position)
    return (match.start(), match.end()) if match else (len(text), len(text))


def _measure(records: list[Record]) -> tuple[float, float, int]:
    """Return the share of records with the commonest width, how alike each column's values are, and that width."""
    widths = Counter(len(record.cells) for record in records if record.cells is not None)
    if not widths:
        return 0.0, 0.0, 0
    width = max(widths, key=lambda one: (widths[one] * (one > 1), one))
    rows = [record.cells for record in records if record.cells is not None and len(record.cells) == width]
    alike = 0.0
    for column in zip(*rows[1:] or rows, strict=True):
        kinds = Counter(kind_of(cell) for cell in column)
        filled = len(column) - kinds["empty"]
        # Some texts are one word: the column is one of texts all the same.
        top = max(kinds["word"] + kinds["text"], kinds["number"], kinds["time"], kinds["link"])
        dirt = kinds["dirt"] / len(column)
        of_prose = _PROSE * kinds["text"] / filled if filled else 0.0
        alike += (top / filled if filled else _EMPTY) * (1 - dirt) * (1 - of_prose)
    # Notes above and below a table are few lines: they count for less than rows that fall apart.
    return widths[width] / len(records), (alike / width) * (1 - 1 / (1 + width) ** 2), width
