"""Finds out whether an expression's value of a row depends on that row alone. Pure.

Asked of the engine twice. Its optimizer moves a filter beneath an expression only where the rows that are left keep
their values: that tells aggregates, windows, lengths, formats guessed from the first row. And a few rows are computed
together and each alone: that tells functions which take a column where they need one value for all.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from etl.transform.sql import UnusableSql, parts_of, shorten, show_sql

__all__ = ["check_row_alone"]

_KEPT: Final = "\x1fkept"
_VALUE: Final = "\x1fvalue"
_TEXTS: Final = ("x", None, "", "12", "a;b")
_NUMBERS: Final = (1, None, 0, 7, 100)
_ERRORS: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def check_row_alone(expr: pl.Expr, schema: Mapping[str, pl.DataType], sql: str) -> None:
    """Raise `UnusableSql` where a row's value depends on the rows beside it; Polars' errors where it has no value at
    all.
    """
    if _commutes_with_filter(expr, schema):
        _try_rows(expr, schema, sql)
        return
    culprit = expr
    while (inner := _find_inner(culprit, schema)) is not None:
        culprit = inner
    fix = (
        "A row must give the same event beside whatever rows it is read: use functions of one row, like trim(query) "
        "or a || b"
    )
    if ".str.strptime(" in str(culprit):
        fix = (
            "Say how the times are written, or the first row decides: DATE(day, '%Y-%m-%d'), STRPTIME(at, '%Y-%m-%d "
            "%H:%M:%S')"
        )
    raise UnusableSql(
        f"Expected SQL that depends on its row alone, found `{shorten(str(culprit))}`, which looks at other rows, in "
        f"{show_sql(sql)}",
        fix,
    )


def _commutes_with_filter(expr: pl.Expr, schema: Mapping[str, pl.DataType]) -> bool:
    rows = pl.LazyFrame(schema={**schema, _KEPT: pl.Boolean()})
    plan = rows.with_columns(expr.alias(_VALUE)).filter(pl.col(_KEPT)).explain()
    return not plan.startswith("FILTER")


def _find_inner(expr: pl.Expr, schema: Mapping[str, pl.DataType]) -> pl.Expr | None:
    """Return the first part of `expr` that looks at other rows by itself, or None."""
    for part in parts_of(expr):
        try:
            if not _commutes_with_filter(part, schema):
                return part
        except _ERRORS:
            continue
    return None


def _try_rows(expr: pl.Expr, schema: Mapping[str, pl.DataType], sql: str) -> None:
    """Raise `UnusableSql` where rows that can be computed alone can't be together, or come to something else."""
    names = [name for name in dict.fromkeys(expr.meta.root_names()) if name in schema]
    if not names:
        return
    rows = pl.DataFrame([_make_cells(name, schema[name]) for name in names])
    alone = [_compute(expr, row) for row in rows.iter_slices(1)]
    together = _compute(expr, rows)
    if together is None:  # a strict cast fails for all rows where it fails for one
        together = _compute(expr, rows[[number for number, values in enumerate(alone) if values is not None]])
        alone = [values for values in alone if values is not None] or [together]
    apart = [values for values in alone if values is not None]
    if together is None or len(apart) < len(alone) or not together.equals(pl.concat(apart)):
        raise UnusableSql(
            "Expected SQL that depends on its row alone, found that several rows come to something else than each "
            f"alone, in {show_sql(sql)}",
            "Give functions a constant where they take one value for all rows, as in replace(page, 'https://', '')",
        )


def _make_cells(name: str, dtype: pl.DataType) -> pl.Series:
    """Return a few cells of a type: what they hold is of no matter, only that they differ and that one is null."""
    if dtype == pl.String:
        return pl.Series(name, _TEXTS, dtype)
    try:
        return pl.Series(name, _NUMBERS).cast(dtype, strict=False)
    except _ERRORS:
        return pl.Series(name, [None] * len(_NUMBERS), dtype)


def _compute(expr: pl.Expr, rows: pl.DataFrame) -> pl.Series | None:
    try:
        return rows.with_columns(expr.alias(_VALUE))[_VALUE]
    except pl.exceptions.PolarsError:  # of these cells; a panic is of the expression, and told
        return None
