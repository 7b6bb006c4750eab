"""The words of a reject's reason, as expressions: what was expected, what was found."""

from typing import Final

import polars as pl

__all__ = ["found", "phrase", "shown"]

MOST_SHOWN_CHARS: Final = 120


def found(expr: pl.Expr) -> pl.Expr:
    """Return the value as a message shows it: quoted, and cut where it is long."""
    return phrase("`{}`", shown(expr))


def shown(expr: pl.Expr) -> pl.Expr:
    """Return the value as text, cut where it is long."""
    text = expr.cast(pl.String)
    return (
        pl.when(text.str.len_chars() > MOST_SHOWN_CHARS)
        .then(text.str.slice(0, MOST_SHOWN_CHARS) + "…")
        .otherwise(text)
    )


def phrase(text: str, *values: pl.Expr) -> pl.Expr:
    """Return `text` with each `{}` replaced by the next of `values`; null where one of them is null."""
    # Not `pl.format`: in Polars 2.1 it panics where the first chunk of a column is empty, and a filter leaves it so.
    first, *others = text.split("{}")
    pieces = [pl.lit(first)]
    for value, piece in zip(values, others, strict=True):
        pieces += [value, pl.lit(piece)]
    return pl.concat_str(pieces)
