"""Notices what a spreadsheet does to cells that nobody meant to change. Pure: two texts in, a finding out."""

import re
from typing import Final

__all__ = ["find_damage"]

# More than a cell of a spreadsheet holds, or a number of it keeps.
MOST_CELL_CHARS: Final = 32_767
MOST_EXACT_DIGITS: Final = 15
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_SCIENTIFIC: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]?\d+")
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}).*)?")
_DATE: Final = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})(?:[ ,T]+(\d{1,2}):(\d{2}).*)?")
_ERRORS: Final = ("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!")


def find_damage(before: str, after: str) -> str | None:
    """Return what a spreadsheet did to the text `before` to make it `after`; None where a person may have meant the change."""
    if before == after:
        return None
    for finding, is_damaged in (
        ("a number in scientific notation took the place of its digits", _is_scientific(before, after)),
        ("zeros at the start were dropped", _lost_zeros(before, after)),
        ("a long number lost its last digits", _lost_digits(before, after)),
        ("zeros after the point were dropped", _lost_fraction(before, after)),
        ("a date was written another way", _is_redated(before, after)),
        ("true or false was written another way", before in ("true", "false") and after == before.upper()),
        ("the cell was cut at 32,767 characters", len(after) == MOST_CELL_CHARS and before.startswith(after)),
        ("a formula failed in it", after in _ERRORS),
    ):
        if is_damaged:
            return finding
    return None


def _is_scientific(before: str, after: str) -> bool:
    if not (_NUMBER.fullmatch(before) and _SCIENTIFIC.fullmatch(after)):
        return False
    found, meant = float(after.replace(",", ".")), float(before)
    # What is shown has as few as three digits.
    return abs(found - meant) <= 0.01 * abs(meant)


def _lost_zeros(before: str, after: str) -> bool:
    return bool(re.fullmatch(r"0+\d*", before)) and after == (before.lstrip("0") or "0")


def _lost_digits(before: str, after: str) -> bool:
    is_long = before.isdigit() and after.isdigit() and len(before) == len(after) > MOST_EXACT_DIGITS
    return (
        is_long
        and before[: MOST_EXACT_DIGITS - 1] == after[: MOST_EXACT_DIGITS - 1]
        and after[MOST_EXACT_DIGITS:].strip("0") == ""
    )


def _lost_fraction(before: str, after: str) -> bool:
    if not (re.fullmatch(r"[+-]?\d+\.\d+", before) and _NUMBER.fullmatch(after.replace(",", "."))):
        return False
    return before.endswith("0") and float(before) == float(after.replace(",", "."))


def _is_redated(before: str, after: str) -> bool:
    old, new = _read_date(before), _read_date(after)
    if old is None or new is None:
        return False
    days_agree = sorted(old[:3]) == sorted(new[:3])
    clocks_agree = new[3] is None or old[3] is None or new[4] == old[4]
    return days_agree and clocks_agree


def _read_date(text: str) -> tuple[int, int, int, int | None, int | None] | None:
    """Return the numbers of a date, its year as two digits, and hour and minute where they are there."""
    match = _ISO_DATE.fullmatch(text) or _DATE.fullmatch(text)
    if match is None:
        return None
    first, second, third = (int(match[part]) % 100 for part in (1, 2, 3))
    hour, minute = (int(match[part]) if match[part] else None for part in (4, 5))
    return first, second, third, hour, minute
