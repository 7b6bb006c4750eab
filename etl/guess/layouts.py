"""Derives how times are written from the texts themselves. Pure, but for today's date.

The texts are cut into digits, words and signs. Every way of reading those as year, month, day and clock that all texts
allow is a candidate, and the candidates are scored: how dates are usually ordered with these signs, whether the times
go forward (or backward) as a log does, whether they are plausible. What scores nearly as well is a rival of the best.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

__all__ = ["Layout", "find_layout"]

MOST_TEXTS: Final = 2_000
LEAST_SHARE: Final = 0.9
LEAST_WITHIN: Final = 0.98
# Scores that differ by less than this don't tell two layouts apart.
RIVAL_MARGIN: Final = 0.35
# So many steps from one time to the next say all that order can say.
FEW_STEPS: Final = 40
_TOKEN: Final = re.compile(r"\d+|[A-Za-z]+|\s+|.", re.DOTALL)
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_LONG_MONTHS: Final = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_LONG_DAYS: Final = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WORDS: Final = {
    **dict.fromkeys(_DAYS, "a"),
    **dict.fromkeys(_LONG_DAYS, "A"),
    **dict.fromkeys(_LONG_MONTHS, "B"),
    **dict.fromkeys(_MONTHS, "b"),
    **dict.fromkeys(("am", "pm"), "p"),
    **dict.fromkeys(("utc", "gmt", "z"), "Z"),
    **dict.fromkeys(("t", "at", "h"), "literal"),
}
_RANGES: Final = {
    "Y": (1900, 2100), "y": (0, 99), "m": (1, 12), "d": (1, 31), "H": (0, 24), "I": (1, 12), "M": (0, 59), "S": (0, 60),
}  # fmt: skip
# Digits without signs between them, by their number.
_COMPACT: Final = {14: "YmdHMS", 12: "YmdHM", 8: "Ymd", 6: "ymd"}
_COMPACT_CLOCK: Final = {6: "HMS", 4: "HM"}
_CLOCK_SIGNS: Final = (":", ".")
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Layout:
    """How texts write times: the strptime `format`, the share of the texts that have this shape, what it says.

    `rival` is another format that fits as well.
    """

    format: str
    share: float
    has_date: bool
    has_clock: bool
    has_zone: bool
    rival: str | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    pattern: str
    roles: tuple[str, ...]
    score: float


def find_layout(texts: Sequence[str]) -> Layout | None:
    """Return how most of `texts` write a date, a clock or both; None where they write none."""
    some = [text.strip() for text in texts[:MOST_TEXTS]]
    cut = [_cut(text) for text in some]
    shapes = Counter(shape for tokens in cut if (shape := _shape(tokens)) is not None)
    if not shapes:
        return None
    shape, count = shapes.most_common(1)[0]
    if count < LEAST_SHARE * len(some) and not _is_split_by_width(shapes, len(some)):
        return None
    rows = [tokens for tokens in cut if _shape(tokens) == shape]
    candidates = sorted(_candidates(shape, rows, datetime.now(UTC)), key=lambda one: -one.score)
    if not candidates:
        return None
    best = candidates[0]
    rivals = [
        one for one in candidates[1:] if best.score - one.score < RIVAL_MARGIN and one.pattern != best.pattern
    ]
    roles = set("".join(best.roles))
    return Layout(
        best.pattern,
        sum(shapes.values()) / len(some) if len(shapes) > 1 else count / len(some),
        has_date=bool(roles & set("Yymbd")),
        has_clock=bool(roles & set("HI")),
        has_zone=bool(roles & {"z", "Z"}),
        rival=rivals[0].pattern if rivals else None,
    )


def _cut(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text)) if len(text) <= 64 else ()


def _shape(tokens: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the kinds of the tokens: `d` and a width for digits that stand alone in theirs, else `d`; words; signs."""
    kinds = []
    for token in tokens:
        if token.isdigit() and token.isascii():
            kinds.append(f"d{len(token)}" if len(token) > 4 else "dd" if len(token) == 4 else "d")
        elif token.isalpha():
            kind = _WORDS.get(token.lower())
            if kind is None:
                return None
            kinds.append(f"w:{token}" if kind == "literal" else f"w{kind}")
        else:
            kinds.append(" " if token.isspace() else token)
    return tuple(kinds) if any(kind[0] in "d" for kind in kinds) else None


def _is_split_by_width(shapes: Counter[tuple[str, ...]], total: int) -> bool:
    """Whether the shapes differ in the number of fractional digits alone."""
    bare = Counter(tuple("d" if kind[0] == "d" else kind for kind in shape) for shape in shapes.elements())
    return bare.most_common(1)[0][1] >= LEAST_SHARE * total


def _candidates(shape: tuple[str, ...], rows: list[tuple[str, ...]], now: datetime) -> Iterator[_Candidate]:
    digits = [place for place, kind in enumerate(shape) if kind[0] == "d"]
    values = {place: [int(row[place]) for row in rows] for place in digits}
    widths = {place: {len(row[place]) for row in rows} for place in digits}
    for roles in _assign(shape, digits, values, widths):
        if (pattern := _write(shape, roles, widths, rows)) is None:
            continue
        score = _prior(shape, roles) + _evidence(rows, roles, now)
        yield _Candidate(pattern, tuple(roles.values()) + _word_roles(shape), score)


def _word_roles(shape: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(kind[1] for kind in shape if kind[0] == "w" and kind[1] != ":")


def _assign(
    shape: tuple[str, ...], digits: list[int], values: dict[int, list[int]], widths: dict[int, set[int]]
) -> Iterator[dict[int, str]]:
    """Yield every way to give each of the digits a role that its values allow."""
    words = set(_word_roles(shape))
    hour = "I" if "p" in words else "H"

    def allowed(place: int, role: str) -> bool:
        low, high = _RANGES[role]
        fits = widths[place] == {4} if role == "Y" else widths[place] <= {1, 2}
        if not fits:
            return False
        within = sum(low <= value <= high for value in values[place])
        # A wrong cell or two must not keep a thousand right ones from being read.
        return within >= LEAST_WITHIN * len(values[place])

    def walk(at: int, roles: dict[int, str]) -> Iterator[dict[int, str]]:
        if at == len(digits):
            if _is_whole(set("".join(roles.values())) | words | ({":"} & set(shape))):
                yield dict(roles)
            return
        place = digits[at]
        for role in _roles_for(shape, place, widths[place], roles, words, hour):
            if len(role) == 1 and role in _RANGES and not allowed(place, role):
                continue
            yield from walk(at + 1, {**roles, place: role})

    yield from walk(0, {})


def _roles_for(
    shape: tuple[str, ...],
    place: int,
    widths: set[int],
    roles: dict[int, str],
    words: set[str],
    hour: str,
) -> Iterator[str]:
    taken = "".join(roles.values())
    last = taken[-1:] if roles else ""
    before = shape[place - 1] if place else ""
    if before in "+-" and before and last in ("S", "f", "M") and (len(shape) - place) <= 3 and "M" in taken:
        yield "z"
    if last == "z" and before == ":":
        yield "z"
    if last == "S" and before in (".", ",", ":") and max(widths) <= 9:
        yield "f"
    if len(widths) == 1 and (width := next(iter(widths))) in _COMPACT and not set(taken) & set("Yymd"):
        yield _COMPACT[width]
    if (
        len(widths) == 1
        and (width := next(iter(widths))) in _COMPACT_CLOCK
        and not set(taken) & set("HI")
        and {"d"} & set(taken)
    ):
        yield _COMPACT_CLOCK[width]
    after = shape[place + 1] if place + 1 < len(shape) else ""
    in_clock = before == ":" or (after == ":" and widths != {4})
    has_month = "m" in taken or bool(words & {"b", "B"})
    if not in_clock:
        yield from (role for role in "Yy" if not set(taken) & set("Yy"))
        yield from (role for role in "m" if not has_month)
        yield from (role for role in "d" if "d" not in taken)
    if not set(taken) & set("HI"):
        yield hour
    if last in ("H", "I") and before in _CLOCK_SIGNS:
        yield "M"
    if last == "M" and before in _CLOCK_SIGNS:
        yield "S"


def _is_whole(roles: set[str]) -> bool:
    date = {"d"} <= roles and bool(roles & {"m", "b", "B"}) and bool(roles & {"Y", "y"})
    clock = bool(roles & set("HI")) and ("M" in roles or "p" in roles)
    parts_of_date = roles & {"d", "m", "b", "B", "Y", "y"}
    return (date and (clock or not roles & set("HIMS"))) or (clock and ":" in roles and not parts_of_date)


def _write(
    shape: tuple[str, ...],
    roles: dict[int, str],
    widths: dict[int, set[int]],
    rows: list[tuple[str, ...]],
) -> str | None:
    """Return the strptime pattern; None where no pattern reads it."""
    pieces: list[str] = []
    for place, kind in enumerate(shape):
        role = roles.get(place, "")
        if role == "z":
            if pieces and pieces[-1] in ("+", "-"):
                pieces[-1] = "%z"
            elif pieces and pieces[-1] == ":":
                pieces.pop()
            else:
                return None
        elif role == "f":
            if pieces[-1] == ".":
                pieces[-1] = "%.f"
            elif widths[place] <= {3, 6, 9} and len(widths[place]) == 1:
                pieces.append(f"%{next(iter(widths[place]))}f")
            else:
                return None
        elif role:
            pieces += [f"%{code}" for code in role]
        elif kind == "wZ":
            if len({row[place] for row in rows}) > 1:
                return None
            pieces.append(rows[0][place])
        elif kind[0] == "w" and kind[1] != ":":
            pieces.append(f"%{kind[1]}")
        else:
            pieces.append(kind[2:] if kind[0] == "w" else "%%" if kind == "%" else kind)
    return "".join(pieces)


def _prior(shape: tuple[str, ...], roles: dict[int, str]) -> float:
    """Return how usual the order of the date's parts is, with the signs between them."""
    order = "".join(role for role in "".join(roles.values()) if role in "Yymd")
    dots = any(shape[place + 1 : place + 2] == (".",) for place in roles if roles[place] in ("d", "m"))
    if order in ("Ymd", "Yd", "") or (set(_word_roles(shape)) & {"b", "B"} and order in ("dY", "dy")):
        return 2.0
    usual = (
        {"dmY": 1.2, "mdY": 0.2, "dmy": 1.1, "ymd": 0.5, "mdy": 0.1}
        if dots
        else {"dmY": 1.0, "mdY": 1.0, "dmy": 0.7, "mdy": 0.7, "ymd": 0.5}
    )
    return usual.get(order, -1.0)


def _evidence(rows: list[tuple[str, ...]], roles: dict[int, str], now: datetime) -> float:
    """Return what the times say for a reading: they exist, are plausible, go one way, and lie close together."""
    moments = [moment for row in rows if (moment := _moment(row, roles)) is not None]
    unread = 1 - len(moments) / len(rows)
    if unread > 1 - LEAST_WITHIN:
        return -3.0
    plausible = sum(_EARLIEST <= moment <= now + _LATEST for moment in moments) / len(moments)
    ways = Counter((after > before) - (after < before) for before, after in pairwise(moments))
    moved = ways[1] + ways[-1]
    one_way = abs(ways[1] - ways[-1]) / moved if moved else 0.0
    span = (max(moments) - min(moments)) / timedelta(days=1)
    # A day that is taken for a month spreads a week over the year.
    compact = -0.4 * math.log10(1 + span)
    weight = min(1.0, moved / FEW_STEPS)
    return -20 * unread + (plausible - 1.0) * 3 + weight * (one_way + compact) + _steadiness(rows, roles)


def _steadiness(rows: list[tuple[str, ...]], roles: dict[int, str]) -> float:
    """Return a malus where a year varies more than the days do: of a date's parts it varies least."""
    values = {
        role: len({row[place] for row in rows}) for place, role in roles.items() if role in ("y", "m", "d")
    }
    return -0.6 if values.get("y", 0) > values.get("d", values.get("y", 0)) else 0.0


def _moment(row: tuple[str, ...], roles: dict[int, str]) -> datetime | None:
    parts = {"Y": 2000, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0}
    for place, role in roles.items():
        token = row[place]
        if len(role) > 1:
            at = 0
            for code in role:
                width = 4 if code == "Y" else 2
                parts["Y" if code == "y" else code] = int(token[at : at + width]) + (
                    0 if code != "y" else 2000 if int(token[at : at + width]) < 69 else 1900
                )
                at += width
        elif role == "y":
            parts["Y"] = int(token) + (2000 if int(token) < 69 else 1900)
        elif role in ("I", "H"):
            parts["H"] = int(token) % 24
        elif role in parts:
            parts[role] = int(token)
    for token in row:
        word = token.lower()
        if word in _LONG_MONTHS or word in _MONTHS:
            parts["m"] = (_LONG_MONTHS.index(word) if word in _LONG_MONTHS else _MONTHS.index(word)) + 1
        elif word == "pm":
            parts["H"] = parts["H"] % 12 + 12
        elif word == "am":
            parts["H"] %= 12
    try:
        return datetime(
            parts["Y"], parts["m"], parts["d"], parts["H"], parts["M"], min(parts["S"], 59), tzinfo=UTC
        )
    except ValueError:
        return None
