"""Gives each of the digits of a shape a role in a time: every way that the values allow. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from etl.guess.layouts.tokens import Shape, Tokens, is_digits

__all__ = ["LEAST_WITHIN", "Reading", "Roles", "assign_roles", "read_shape"]

# The role of each place with digits: codes of strptime, `f` for a fraction of a second, `z` for an offset; several
# codes where the digits stand without signs between them.
Roles = Mapping[int, str]

# A wrong cell or two must not keep a thousand right ones from being read.
LEAST_WITHIN: Final = 0.98
_RANGES: Final = {
    "Y": (1900, 2100), "y": (0, 99), "m": (1, 12), "d": (1, 31), "j": (1, 366), "H": (0, 24), "I": (1, 12),
    "M": (0, 59), "S": (0, 60),
}  # fmt: skip
# Digits without signs between them, by their number.
_PACKED: Final = {14: "YmdHMS", 12: "YmdHM", 8: "Ymd", 7: "Yj", 6: "ymd"}
_PACKED_CLOCK: Final = {6: "HMS", 4: "HM"}
_CLOCK_SIGNS: Final = (":", ".")
_YEARS: Final = frozenset("Yy")
_DATES: Final = frozenset("Yymdjb")
_HOURS: Final = frozenset("HI")


@dataclass(frozen=True, slots=True)
class Reading:
    """Texts of one shape: their tokens, and the values and widths of the digits at each place that has some."""

    shape: Shape
    rows: tuple[Tokens, ...]
    values: Mapping[int, tuple[int, ...]]
    widths: Mapping[int, frozenset[int]]

    @property
    def words(self) -> frozenset[str]:
        """What the words mean: `a`, `b`, `p`, `z`, `Z`."""
        return frozenset(kind[1] for kind in self.shape if kind[0] == "w" and kind[1] != ":")

    def kind(self, place: int) -> str:
        """Return the kind of the token at `place`, empty beyond the ends."""
        return self.shape[place] if 0 <= place < len(self.shape) else ""


def read_shape(shape: Shape, rows: tuple[Tokens, ...]) -> Reading:
    """Return the texts of one shape, with what their digits are."""
    places = [place for place, kind in enumerate(shape) if is_digits(kind)]
    return Reading(
        shape,
        rows,
        {place: tuple(int(row[place]) for row in rows) for place in places},
        {place: frozenset(len(row[place]) for row in rows) for place in places},
    )


def assign_roles(reading: Reading, *, has_year: bool) -> Iterator[Roles]:
    """Yield every way to give each of the digits a role that its values allow, for whole dates, clocks, or both."""
    places = list(reading.values)
    signs = frozenset({":"}) & frozenset(reading.shape)

    def walk(at: int, roles: dict[int, str]) -> Iterator[Roles]:
        if at == len(places):
            if _is_whole(frozenset("".join(roles.values())) | reading.words | signs, has_year=has_year):
                yield dict(roles)
            return
        for role in _roles_for(reading, places[at], "".join(roles.values())):
            if _fits(reading, places[at], role):
                yield from walk(at + 1, {**roles, places[at]: role})

    yield from walk(0, {})


def _fits(reading: Reading, place: int, role: str) -> bool:
    if role not in _RANGES:
        return True
    widths = reading.widths[place]
    right = {"Y": {4}, "y": {2}, "j": {3}}.get(role)
    if widths != right if right else not widths <= {1, 2}:
        return False
    low, high = _RANGES[role]
    values = reading.values[place]
    return sum(low <= value <= high for value in values) >= LEAST_WITHIN * len(values)


def _roles_for(reading: Reading, place: int, taken: str) -> Iterator[str]:
    """Yield the roles that the digits at `place` may have, where `taken` are those of the digits before."""
    last, before = taken[-1:], reading.kind(place - 1)
    widths = reading.widths[place]
    if _is_offset(reading, place, taken) or (last == "z" and before == ":"):
        yield "z"
    if last == "S" and before in (".", ",", ":") and max(widths) <= 9:
        yield "f"
    yield from _packed_roles(widths, taken)
    in_clock = before == ":" or (reading.kind(place + 1) == ":" and widths != {4})
    if not in_clock:
        yield from "" if _YEARS & set(taken) else "Yy"
        yield from "" if "m" in taken or "b" in reading.words else "m"
        yield from "" if "d" in taken or "j" in taken else "dj"
    if not _HOURS & set(taken):
        yield "I" if "p" in reading.words else "H"
    if last in _HOURS and before in _CLOCK_SIGNS:
        yield "M"
    if last == "M" and before in _CLOCK_SIGNS:
        yield "S"


def _packed_roles(widths: frozenset[int], taken: str) -> Iterator[str]:
    width = next(iter(widths)) if len(widths) == 1 else 0
    if width in _PACKED and not _DATES & set(taken):
        yield _PACKED[width]
    if width in _PACKED_CLOCK and not _HOURS & set(taken) and {"d", "j"} & set(taken):
        yield _PACKED_CLOCK[width]


def _is_offset(reading: Reading, place: int, taken: str) -> bool:
    """Whether the digits may be an offset from UTC: after a sign, behind a clock, at the end or of four digits."""
    if reading.kind(place - 1) not in ("+", "-", "−") or taken[-1:] not in ("S", "f", "M"):
        return False
    left = len(reading.shape) - place
    is_long = reading.widths[place] == {4} or reading.kind(place + 1) == ":"
    return left <= 3 or is_long


def _is_whole(roles: frozenset[str], *, has_year: bool) -> bool:
    month = bool(roles & {"m", "b"})
    date = ("d" in roles and month) or ("j" in roles and not month)
    year = bool(roles & _YEARS)
    clock = bool(roles & _HOURS) and ("M" in roles or "p" in roles)
    if not has_year:
        return "d" in roles and month and not year and clock and ":" in roles
    has_no_date = not roles & _DATES
    return (date and year and (clock or not roles & set("HIMS"))) or (clock and ":" in roles and has_no_date)
