"""Notices what a spreadsheet does to cells that nobody meant to change. Pure: two texts in, a finding out."""

import re
from typing import Final

from etl.rejects.damaged_times import became_date, became_serial, is_redated, is_retimed

__all__ = ["find_damage"]

# More than a cell of a spreadsheet holds, or a number of it keeps.
MOST_CELL_CHARS: Final = 32_767
MOST_EXACT_DIGITS: Final = 15
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_SCIENTIFIC: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]?\d+")
_GROUPED: Final = re.compile(r"([+-]?\d{1,3})((?:[ ,.'’\u00a0\u202f]\d{3})+)([.,]\d+)?")
_DECORATED: Final = re.compile(r"([+-]?)[$€£¥₹]?\s?([+-]?[\d., \u00a0\u202f]*\d)\s?[$€£¥₹%]?")
_ERRORS: Final = ("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!")


def find_damage(before: str, after: str) -> str | None:
    """Return how a spreadsheet damaged the text `before`, or None where `after` may be what a person meant."""
    if before == after:
        return None
    for finding, is_damaged in (
        ("a number in scientific notation took the place of its digits", _is_scientific(before, after)),
        ("zeros at the start were dropped", _lost_zeros(before, after)),
        ("a long number lost its last digits", _lost_digits(before, after)),
        ("zeros after the point were dropped", _lost_fraction(before, after)),
        ("a date became a number of days", became_serial(before, after)),
        ("a date was written another way", is_redated(before, after)),
        ("a time was written another way", is_retimed(before, after)),
        ("it was taken for a date", became_date(before, after)),
        ("a number was written another way", _is_rewritten(before, after)),
        ("true or false was written another way", _is_capitalised(before, after)),
        ("line ends were written another way", _has_other_line_ends(before, after)),
        ("letters became question marks", _lost_letters(before, after)),
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


def _is_rewritten(before: str, after: str) -> bool:
    """Whether both are the same number, written in two ways: with separators, a currency, a plus, another point."""
    if not any(char.isdigit() for char in after):
        return False
    found = _readings(after)
    return bool(_readings(before) & found) or any(
        abs(old - new) <= 1e-14 * abs(old) and len(after) < len(before)
        for old in _readings(before)
        for new in found
    )


def _readings(text: str) -> set[float]:
    """Return the numbers that `text` may mean: with point or comma as decimal sign, with or without a percent sign."""
    if _DECORATED.fullmatch(text) is None:
        return set()
    bare = re.sub(r"[$€£¥₹%\s\u00a0\u202f'’]", "", text)
    forms = {bare.replace(",", "."), bare} if bare.count(",") + bare.count(".") <= 1 else set()
    if (grouped := _GROUPED.fullmatch(re.sub(r"[$€£¥₹%]\s?|\s?[$€£¥₹%]", "", text))) is not None:
        whole = grouped[1] + re.sub(r"\D", "", grouped[2])
        forms.add(whole + (grouped[3] or "").replace(",", "."))
    numbers = {float(form) for form in forms if re.fullmatch(r"[+-]?\d+(\.\d+)?", form) and len(form) < 300}
    return numbers | ({number / 100 for number in numbers} if text.endswith("%") else set())


def _is_capitalised(before: str, after: str) -> bool:
    return before.lower() in ("true", "false") and after == before.upper()


def _has_other_line_ends(before: str, after: str) -> bool:
    return "\r" in before and re.sub(r"\r\n?", "\n", before) == re.sub(r"\r\n?", "\n", after)


def _lost_letters(before: str, after: str) -> bool:
    if len(before) != len(after) or before.isascii():
        return False
    return all(
        old == new or (new == "?" and not old.isascii()) for old, new in zip(before, after, strict=True)
    )
