"""Writes roles as the strptime pattern that reads them. Pure."""

from typing import Final

from etl.guess.layouts.roles import Reading, Roles
from etl.times.words import MONTHS, WEEKDAYS, fold_word

__all__ = ["write_pattern"]

_UTC: Final = frozenset(("UTC", "GMT", "Z"))
# Names longer than this are whole ones, which %b and %a of strptime don't read.
_SHORT_CHARS: Final = 3


def write_pattern(reading: Reading, roles: Roles) -> str | None:
    """Return the pattern; None where none reads it."""
    pieces: list[str] = []
    for place, kind in enumerate(reading.shape):
        role = roles.get(place, "")
        if role == "z":
            if not _write_offset(pieces):
                return None
        elif role == "f":
            if not _write_fraction(pieces, reading, place):
                return None
        elif role:
            pieces += [f"%{code}" for code in role]
        elif kind[0] == "w":
            pieces.append(_write_word(reading, place))
        else:
            pieces.append("%%" if kind == "%" else kind)
    return "".join(pieces)


def _write_offset(pieces: list[str]) -> bool:
    if pieces and pieces[-1] in ("+", "-", "−"):
        pieces[-1] = "%z"
        return True
    if pieces and pieces[-1] == ":":
        pieces.pop()
        return True
    return False


def _write_fraction(pieces: list[str], reading: Reading, place: int) -> bool:
    widths = reading.widths[place]
    if pieces[-1] == ".":
        pieces[-1] = "%.f"
        return True
    pieces.append(f"%{next(iter(widths))}f")
    return len(widths) == 1 and widths <= {3, 6, 9}


def _write_word(reading: Reading, place: int) -> str:
    code = reading.shape[place][1]
    words = {row[place] for row in reading.rows}
    if code == ":":
        return next(iter(words))
    if code == "Z":
        is_end = place == len(reading.shape) - 1
        return words.pop() if is_end and len(words) == 1 and words <= _UTC else "%Z"
    if code in "ab":
        table = MONTHS if code == "b" else WEEKDAYS
        is_whole = any(len(fold_word(word)) > _SHORT_CHARS for word in words if fold_word(word) in table)
        return f"%{code.upper() if is_whole else code}"
    return f"%{code}"
