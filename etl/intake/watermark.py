"""How far a watermark column has come: numbers by size, times by instant, typed or as text. Pure.

Rule: a row is old only where its value and the mark are of one kind and can be compared. What is neither a number nor
an ISO 8601 time is never old: to read a row again costs a duplicate, to leave it out would lose it.
"""

from datetime import datetime
from typing import Final, NamedTuple, Self, TypeVar

import polars as pl

from etl.times.patterns import ISO
from etl.times.texts import parse_texts
from etl.times.zones import TimeFormat

__all__ = ["NOWHERE", "Reached", "order_keys"]

N = TypeVar("N", int, float)

# Only the order counts: times without a zone are taken as UTC.
_FORM: Final = TimeFormat(ISO, timezone="UTC")


class Reached(NamedTuple):
    """The highest values that were read: of the numbers, and of the times (microseconds since the epoch)."""

    number: float | None = None
    micros: int | None = None

    def up_to(self, other: "Reached") -> "Reached":
        """Return the higher of both, kind by kind."""
        return Reached(_highest(self.number, other.number), _highest(self.micros, other.micros))

    def no_later_than(self, now: datetime) -> "Reached":
        """Return the mark, but a time no later than `now`: one wrong year must not make all that follows old."""
        latest = round(now.timestamp() * 1_000_000)
        return self if self.micros is None else self._replace(micros=min(self.micros, latest))

    def is_old(self, keys: pl.DataFrame) -> pl.Series:
        """Return which rows are below the mark, by their `order_keys`. One that equals it may be new: its id tells."""
        old = pl.repeat(value=False, n=keys.height, dtype=pl.Boolean, eager=True)
        for name, mark in self._asdict().items():
            if mark is not None:
                old |= (keys[name] < mark).fill_null(value=False)
        return old

    @classmethod
    def of(cls, keys: pl.DataFrame) -> Self:
        """Return the highest of some rows, by their `order_keys`."""
        highest = keys.select(pl.all().max())
        return cls(*highest.row(0))


NOWHERE: Final = Reached()


def order_keys(values: pl.Series) -> pl.DataFrame:
    """Return `number` (Float64) and `micros` (Int64) of each value, null where it isn't of that kind.

    Both keep the order, if coarsely: of two values the higher never has the lower key.
    """
    dtype = values.dtype
    number, micros = pl.lit(None, pl.Float64), pl.lit(None, pl.Int64)
    frame = values.to_frame("value")
    if dtype.is_numeric():
        number = pl.col("value").cast(pl.Float64)
    elif dtype == pl.Date or isinstance(dtype, pl.Datetime):
        micros = _to_micros(pl.col("value").to_physical().cast(pl.Int64), dtype)
    elif dtype in (pl.String, pl.Categorical, pl.Enum):
        text = values.cast(pl.String).str.strip_chars()
        number = pl.lit(text).cast(pl.Float64, strict=False)
        times = parse_texts(text, _FORM)["time"]
        micros = pl.when(number.is_null()).then(pl.lit(times).to_physical())
    number = pl.when(number.is_finite()).then(number)
    return frame.select(number=number, micros=micros)


def _to_micros(units: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return microseconds, the extremes of a coarser unit as the last that there are: the order stays."""
    per_unit = 86_400_000_000 if dtype == pl.Date else {"ms": 1_000, "us": 1, "ns": 0}[dtype.time_unit]  # type: ignore[attr-defined]
    if not per_unit:
        return units // 1_000
    most = (2**63 - 1) // per_unit
    return units.clip(-most, most) * per_unit


def _highest(first: N | None, second: N | None) -> N | None:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)
