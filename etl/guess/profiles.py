"""Says what the columns of a sample hold: type, share of nulls, uniqueness. Pure.

Objects in JSON columns and structs are looked into: `user.id` is a column of the sample too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import polars as pl

from etl.guess.times import TimeGuess, guess_clock, guess_time

__all__ = ["Profile", "profile_columns"]

LOOKED_INTO_ROWS: Final = 2_000
MOST_DEPTH: Final = 2
MOSTLY_ORDERED: Final = 0.75
TRUTHS: Final = ({"true", "false"}, {"True", "False"}, {"TRUE", "FALSE"}, {"t", "f"}, {"yes", "no"})
LIST_SEPARATORS: Final = (";", "|")


@dataclass(frozen=True, slots=True)
class Profile:
    """One column of the sample. `cast` and `split` are what makes its texts numbers, booleans, JSON or lists.

    `clock` is how its texts write a time of day without a date. `is_ordered`: most of its values
    grow, or most shrink, from row to row.
    """

    name: str
    filled: float
    distinct: int
    rows: int
    is_unique: bool
    is_text: bool
    time: TimeGuess | None
    clock: str | None = None
    is_ordered: bool = False
    cast: str | None = None
    split: str | None = None
    values: tuple[str, ...] = ()
    mean_chars: float = 0.0

    @property
    def is_nested(self) -> bool:
        """Whether it is inside another column."""
        return "." in self.name


def profile_columns(frame: pl.DataFrame, *, typed: bool) -> dict[str, Profile]:
    """Return the profiles of the columns of `frame`, and after them of what their objects hold.

    `typed` columns keep their types: only texts of a text file need a cast.
    """
    profiles = {name: _profile(name, frame[name], typed=typed) for name in frame.columns}
    inner = (
        pl.concat([_look_into(frame[name]) for name in frame.columns], how="horizontal")
        if frame.width
        else frame
    )
    for name in inner.columns:
        if name not in profiles:
            profiles[name] = _profile(name, inner[name], typed=True)
    return profiles


def _profile(name: str, values: pl.Series, *, typed: bool) -> Profile:
    is_text = values.dtype == pl.String
    filled = values.drop_nulls()
    if is_text:
        filled = filled.filter(filled.str.strip_chars() != "")
    plain = not values.dtype.is_nested() and values.dtype != pl.Binary
    distinct = filled.n_unique() if plain else 0
    time = guess_time(filled) if plain else None
    cast, split = (None, None) if typed or not is_text else _shape(filled)
    return Profile(
        name=name,
        filled=len(filled) / len(values) if len(values) else 0.0,
        distinct=distinct,
        rows=len(values),
        is_unique=plain and len(filled) > 0 and distinct == len(filled) >= 0.95 * len(values),
        is_text=is_text,
        time=time,
        clock=guess_clock(filled) if time is None and is_text else None,
        is_ordered=_is_ordered(filled) if time is not None else False,
        cast=cast,
        split=split,
        values=tuple(str(value) for value in filled.unique(maintain_order=True).head(50)) if plain else (),
        mean_chars=int(filled.str.len_chars().sum()) / max(1, len(filled)) if is_text else 0.0,
    )


def _is_ordered(values: pl.Series) -> bool:
    numbers = values.cast(pl.Float64, strict=False) if values.dtype == pl.String else values.to_physical()
    steps = numbers.diff().drop_nulls()
    moved = steps.filter(steps != 0)
    if len(moved) < 3:
        return False
    up = int((moved > 0).sum()) / len(moved)
    return max(up, 1 - up) >= MOSTLY_ORDERED


def _shape(texts: pl.Series) -> tuple[str | None, str | None]:
    """Return what every text is, none excepted: a cast that a single row fails would reject it."""
    if not len(texts):
        return None, None
    if texts.str.contains(r"^-?(0|[1-9]\d{0,14})$").all():
        return "int", None
    if texts.str.contains(r"^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$").all():
        return "float", None
    if any(set(texts.unique()) <= truths for truths in TRUTHS):
        return "bool", None
    if texts.str.contains(r"^\s*[{\[]").all() and all(_is_json(text) for text in texts):
        return "json", None
    for separator in LIST_SEPARATORS:
        holding = texts.str.contains(separator, literal=True)
        if holding.sum() >= max(3, 0.3 * len(texts)) and not texts.str.contains(r"[\s,]").any():
            return None, separator
    return None, None


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _look_into(column: pl.Series) -> pl.DataFrame:
    """Return the values inside a column's objects, a column each, as texts."""
    if column.dtype == pl.String:
        if not column.head(LOOKED_INTO_ROWS).str.starts_with("{").any():
            return pl.DataFrame()
        objects: Iterable[Any] = (_parse(text) for text in column.head(LOOKED_INTO_ROWS))
    elif isinstance(column.dtype, pl.Struct):
        objects = column.head(LOOKED_INTO_ROWS)
    else:
        return pl.DataFrame()
    found: dict[str, list[str | None]] = {}
    rows = 0
    for value in objects:
        for path, inner in _leaves(value, column.name, 0):
            found.setdefault(path, [None] * rows).append(inner)
        rows += 1
        for values in found.values():
            values.extend([None] * (rows - len(values)))
    padding = len(column) - rows
    return pl.DataFrame(
        {path: pl.Series(values + [None] * padding, dtype=pl.String) for path, values in found.items()}
    )


def _leaves(value: Any, path: str, depth: int) -> Iterable[tuple[str, str | None]]:
    if isinstance(value, dict) and depth < MOST_DEPTH:
        for key, inner in value.items():
            if "." not in key:
                yield from _leaves(inner, f"{path}.{key}", depth + 1)
    elif depth and not isinstance(value, (dict, list)):
        yield path, None if value is None else str(value)


def _parse(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text and text.startswith("{") else None
    except orjson.JSONDecodeError:
        return None
