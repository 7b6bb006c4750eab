"""Notices dates and times that a spreadsheet wrote another way, or made of what was none. Pure: two texts in, a claim
out.
"""

import re
from datetime import date
from typing import Final, NamedTuple

__all__ = ["became_date", "became_serial", "is_redated", "is_retimed"]

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK: Final = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?"
_TIME: Final = re.compile(_CLOCK)
_DATED: Final = re.compile(
    rf"(\d{{1,4}})[./ -](\d{{1,2}}|[A-Za-z]{{3,9}})[./ -](\d{{1,4}})(?:[ ,T]+{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?)?"
)
_TWO_NUMBERS: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})")
_WORD_NUMBER: Final = re.compile(r"([A-Za-z]{3,9})[ -]?(\d{1,2})")
_SHORT_DATE: Final = re.compile(
    r"(\d{1,2})[. -]+([A-Za-z]{3})[A-Za-z]*|([A-Za-z]{3})[A-Za-z]*[. -]+(\d{1,4})"
)
# Day 0 of a spreadsheet's calendar, and the days of which it could be meant: 1927 to 2119.
_EPOCH: Final = date(1899, 12, 30)
_SERIALS: Final = range(10_000, 80_000)


class _Moment(NamedTuple):
    numbers: tuple[int, ...]
    seconds: tuple[int, int | None] | None


def is_redated(before: str, after: str) -> bool:
    """Whether both are the same date, and the same time as far as both have one, written in two ways."""
    old, new = _read_moment(before), _read_moment(after)
    if old is None or new is None:
        return False
    return sorted(old.numbers) == sorted(new.numbers) and _clocks_agree(old.seconds, new.seconds)


def is_retimed(before: str, after: str) -> bool:
    """Whether both are the same time of day, written in two ways: `09:12`, `9:12:00 AM` or the fraction of the day."""
    old = _TIME.fullmatch(before)
    if old is None:
        return False
    minutes, seconds = _clock_of(old.groups())
    if re.fullmatch(r"0?[.,]\d+", after):
        return abs(float(after.replace(",", ".")) * 86_400 - (minutes * 60 + (seconds or 0))) < 1
    new = _TIME.fullmatch(after)
    return new is not None and _clocks_agree((minutes, seconds), _clock_of(new.groups()))


def became_serial(before: str, after: str) -> bool:
    """Whether `after` is the number that a spreadsheet keeps for the date `before`."""
    match = _DATED.fullmatch(before)
    number = re.fullmatch(r"(\d{5})(?:[.,]\d+)?", after)
    if match is None or number is None or int(number[1]) not in _SERIALS:
        return False
    day = _EPOCH.toordinal() + int(number[1])
    meant = date.fromordinal(day)
    return sorted(_numbers_of(match)) == sorted((meant.year % 100, meant.month, meant.day))


def became_date(before: str, after: str) -> bool:
    """Whether a fraction, a range or a name with a number (`1/2`, `3-4`, `MAR1`) was taken for a date."""
    pair, word = _TWO_NUMBERS.fullmatch(before), _WORD_NUMBER.fullmatch(before)
    if pair is None and word is None:
        return False
    short, whole = _SHORT_DATE.fullmatch(after), _DATED.fullmatch(after)
    if short is not None:
        month, number = (short[2] or short[3]).lower(), int(short[1] or short[4]) % 100
        found = {_month_of(month), number}
    elif whole is not None:
        found = set(_numbers_of(whole))
    else:
        return False
    if pair is not None:
        return {int(pair[1]), int(pair[2])} <= found
    assert word is not None
    return {_month_of(word[1]), int(word[2])} <= found


def _read_moment(text: str) -> _Moment | None:
    match = _DATED.fullmatch(text)
    if match is None:
        return None
    return _Moment(_numbers_of(match), None if match[4] is None else _clock_of(match.groups()[3:7]))


def _numbers_of(match: re.Match[str]) -> tuple[int, ...]:
    """Return the numbers of a date, its year as two digits, a month's name as its number."""
    return tuple(int(part) % 100 if part.isdigit() else _month_of(part) for part in match.groups()[:3])


def _month_of(name: str) -> int:
    start = name[:3].lower()
    return _MONTHS.index(start) + 1 if start in _MONTHS else -1


def _clock_of(parts: tuple[str | None, ...]) -> tuple[int, int | None]:
    """Return the minute of the day, and the second where it is there."""
    hour, minute, second, half = parts
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half[0] in "Pp" else 0)
    return hours * 60 + int(minute or 0), None if second is None else int(second)


def _clocks_agree(old: tuple[int, int | None] | None, new: tuple[int, int | None] | None) -> bool:
    if old is None or new is None:
        # A date that got a time, or lost one that said something, was changed by a person or lost a part of itself.
        return new is None or (new[0], new[1] or 0) == (0, 0)
    return old[0] == new[0] and (new[1] in (None, 0) or old[1] in (None, new[1]))
