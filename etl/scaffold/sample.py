"""Makes the first rows of a source something that can be looked at value by value, for guesses. Pure."""

import polars as pl

from etl.transform.time.render import has_usual_year
from etl.transform.values import is_encodable, to_text
from etl.values.rows import column_named

__all__ = ["as_sample"]


def as_sample(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame without times that Python has no value for; those inside of objects are text."""
    return frame.select(
        _as_plain(column_named(name), dtype).alias(name) for name, dtype in frame.schema.items()
    )


def _as_plain(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Date | pl.Datetime):
        return pl.when(has_usual_year(column, dtype)).then(column)
    if isinstance(dtype, pl.Duration):
        return to_text(column, dtype)
    return _inside(column, dtype)


def _inside(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Struct) and not is_encodable(dtype):
        fields = (
            _inside(column.struct.field(field.name), _type_of(field)).alias(field.name)
            for field in dtype.fields
        )
        return pl.struct(fields)
    return to_text(column, dtype) if dtype.is_temporal() else column


def _type_of(field: pl.Field) -> pl.DataType:
    return field.dtype() if isinstance(field.dtype, type) else field.dtype
