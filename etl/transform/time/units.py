"""Names the unit in which a number that is no time would be one. Pure."""

from datetime import datetime

import polars as pl

from etl.times.epochs import MOST_MICROS
from etl.times.patterns import EPOCH_UNITS
from etl.transform.phrases import phrase

__all__ = ["name_other_unit"]


def name_other_unit(text: pl.Expr, pattern: str, earliest: datetime, latest: datetime) -> pl.Expr:
    """Return, as text to append to a reason, the unit in which a number would be a time within the limits; else "".

    `earliest` and `latest` are naive UTC.
    """
    number = text.str.strip_chars().cast(pl.Float64, strict=False)
    hints = []
    for unit, micros_per_unit in EPOCH_UNITS.items():
        if unit != pattern:
            micros = number * micros_per_unit
            time = (
                pl.when(micros.abs() < MOST_MICROS)
                .then(micros)
                .cast(pl.Int64, strict=False)
                .cast(pl.Datetime("us"))
            )
            hint = phrase("; it would be {} if read as {}", time.dt.strftime("%Y-%m-%d"), pl.lit(unit))
            hints.append(pl.when(time.is_between(earliest, latest)).then(hint))
    return pl.coalesce(*hints, pl.lit(""))
