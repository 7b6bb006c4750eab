"""Says what a single cell looks like: a number, a time, a word, or what a wrong cut left. Pure."""

import re
from typing import Final

from etl.guess.markers import NO_VALUES
from etl.guess.times import looks_like_time

__all__ = ["is_number", "kind_of"]

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
    if text in NO_VALUES:
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
