"""Scores the readings of texts: how usual an order of day, month and year is, and what the times themselves say. Pure.

A log goes one way, its times lie close together, a weekday's name agrees with its date, and nothing is from the
future.
"""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from etl.guess.layouts.roles import LEAST_WITHIN, Reading, Roles
from etl.guess.layouts.tokens import Tokens
from etl.times.words import HALVES, MONTHS, WEEKDAYS, fold_word

__all__ = ["score_roles"]

# So many steps from one time to the next say all that order can say.
_FEW_STEPS: Final = 40
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), timedelta(days=366)
_USUAL: Final = {"dmY": 1.0, "mdY": 1.0, "dmy": 0.7, "mdy": 0.7, "ymd": 0.5, "md": 1.0, "dm": 0.9}
_USUAL_WITH_DOTS: Final = {"dmY": 1.2, "mdY": 0.2, "dmy": 1.1, "ymd": 0.5, "mdy": 0.1, "md": 0.2, "dm": 1.2}
_CERTAIN: Final = frozenset(("Ymd", "Yd", "Yj", "d", ""))


def score_roles(reading: Reading, roles: Roles, now: datetime) -> float:
    """Return how likely the roles are right, compared with others of the same texts."""
    return _usualness(reading, roles) + _evidence(reading, roles, now)


def _usualness(reading: Reading, roles: Roles) -> float:
    order = "".join(role for role in "".join(roles.values()) if role in "Yymdj")
    if order in _CERTAIN or ("b" in reading.words and order in ("dY", "dy")):
        return 2.0
    if order == "md" and any(reading.kind(place + 1) == "-" for place in roles if roles[place] == "m"):
        return 2.0
    has_dots = any(reading.kind(place + 1) == "." for place in roles if roles[place] in ("d", "m"))
    return (_USUAL_WITH_DOTS if has_dots else _USUAL).get(order, -1.0)


def _evidence(reading: Reading, roles: Roles, now: datetime) -> float:
    moments = [moment for row in reading.rows if (moment := _moment(row, reading, roles)) is not None]
    unread = 1 - len(moments) / len(reading.rows)
    if unread > 1 - LEAST_WITHIN:
        return -3.0
    plausible = sum(_EARLIEST <= moment <= now + _LATEST for moment in moments) / len(moments)
    ways = Counter((after > before) - (after < before) for before, after in pairwise(moments))
    moved = ways[1] + ways[-1]
    one_way = abs(ways[1] - ways[-1]) / moved if moved else 0.0
    span = (max(moments) - min(moments)) / timedelta(days=1)
    # A day that is taken for a month spreads a week over the year.
    compact = -0.4 * math.log10(1 + span)
    weight = min(1.0, moved / _FEW_STEPS)
    return -20 * unread + (plausible - 1.0) * 3 + weight * (one_way + compact) + _steadiness(reading, roles)


def _steadiness(reading: Reading, roles: Roles) -> float:
    """Return a malus where a year varies more than the days do: of a date's parts it varies least."""
    kinds = {role: len(set(reading.values[place])) for place, role in roles.items() if role in ("y", "d")}
    return -0.6 if kinds.get("y", 0) > kinds.get("d", kinds.get("y", 0)) else 0.0


def _moment(row: Tokens, reading: Reading, roles: Roles) -> datetime | None:
    """Return the time that a text says in these roles; None where there is no such."""
    part = {"Y": 2000, "m": 1, "d": 1, "j": 0, "H": 0, "M": 0, "S": 0}
    for place, role in roles.items():
        at = 0
        for code in role:
            token = row[place]
            if len(role) > 1:
                width = 4 if code == "Y" else 3 if code == "j" else 2
                token, at = token[at : at + width], at + width
            if code == "y":
                part["Y"] = int(token) + (2000 if int(token) < 69 else 1900)
            elif code in "YmdjHIMS":
                part["H" if code == "I" else code] = int(token)
    weekday = _read_words(row, reading, part)
    try:
        moment = datetime(
            part["Y"], part["m"], part["d"], part["H"] % 24, part["M"], min(part["S"], 59), tzinfo=UTC
        )
    except ValueError:
        return None
    if part["j"]:
        moment += timedelta(days=part["j"] - 1)
    return moment if weekday is None or moment.isoweekday() == weekday else None


def _read_words(row: Tokens, reading: Reading, part: dict[str, int]) -> int | None:
    """Put what the words say into `part`, and return the weekday where the year is known too."""
    weekday = None
    for place, kind in enumerate(reading.shape):
        if kind == "wb":
            part["m"] = MONTHS[fold_word(row[place])]
        elif kind == "wp":
            part["H"] = part["H"] % 12 + HALVES[fold_word(row[place])]
        elif kind == "wa":
            weekday = WEEKDAYS[fold_word(row[place])]
    return weekday if part["Y"] != 2000 else None
