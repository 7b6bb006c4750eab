"""Says what a single cell looks like: a number, a time, a word, or what a wrong cut left. Pure."""

import re
from typing import Final

from etl.guess.times import looks_like_time

__all__ = ["DOUBTFUL_MARKERS", "NULL_MARKERS", "is_number", "kind_of"]

# Whole cells that exports write for a missing value; the second set only counts in more than one column or beside
# numbers.
NULL_MARKERS: Final = ("NULL", "null", "\\N", "N/A", "#N/A", "<null>", "(null)", "(not set)", "(empty)")
DOUBTFUL_MARKERS: Final = ("n/a", "NA", "None", "NaN", "nan", "nil", "undefined", "-")
_NULLS: Final = frozenset(("", *NULL_MARKERS, *DOUBTFUL_MARKERS))
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?%?")
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?([.,]\d+)?( ?[AaPp]\.?[Mm]\.?)?")
_WORD: Final = re.compile(r"[\w.@/:+#-]+")
_LINK: Final = re.compile(r"(https?://|www\.)\S+|[\w.+-]+@[\w-]+\.\w+")


def is_number(text: str) -> bool:
    """Whether a cell is a number, in any usual spelling."""
    return bool(_NUMBER.fullmatch(text.strip()))


def kind_of(cell: str) -> str:
    """Return a word for what a cell looks like; `dirt` for one with a quote left at an end."""
    text = cell.strip()
    if text in _NULLS:
        return "empty"
    if is_number(text):
        return "number"
    if looks_like_time(text) or _CLOCK.fullmatch(text):
        return "time"
    if text[0] in "\"'" or text[-1] in "\"'":
        return "dirt"
    if _LINK.fullmatch(text):
        return "link"
    return "word" if _WORD.fullmatch(text) else "text"
