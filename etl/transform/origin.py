"""Writes the source's own columns of a row as one JSON object, for reports: nulls kept, every value to be told.
Pure.
"""

from dataclasses import dataclass

import polars as pl

from etl.transform.encode import encode_run
from etl.transform.values import encode_string, encode_value, is_encodable, quote, to_text
from etl.values.rows import column_named

__all__ = ["Original"]


@dataclass(frozen=True, slots=True)
class Original:
    """The source's columns with their types; `prefix` goes before their names in the frame."""

    schema: dict[str, pl.DataType]
    json_flags: dict[str, str]
    prefix: str = ""

    def encode(self, frame: pl.DataFrame) -> pl.Expr:
        """Return the JSON object of the original columns as an expression over `frame`."""
        pieces: list[pl.Expr] = []
        run: list[pl.Expr] = []
        for name, dtype in self.schema.items():
            column = column_named(self.prefix + name)
            if (
                name not in self.json_flags
                and not dtype.is_nested()
                and self._is_writable(frame, name, dtype)
            ):
                run.append((column if is_encodable(dtype) else to_text(column, dtype)).alias(name))
                continue
            pieces += encode_run(run)
            run = []
            pieces.append(
                pl.concat_str(pl.lit(quote(name) + ":"), self._encode(name, dtype).fill_null("null"))
            )
        pieces += encode_run(run)
        if not pieces:
            return pl.lit("{}")
        return pl.concat_str(pl.lit("{"), pl.concat_str(pieces, separator=","), pl.lit("}"))

    def _is_writable(self, frame: pl.DataFrame, name: str, dtype: pl.DataType) -> bool:
        if isinstance(dtype, pl.Decimal):
            return False
        return not dtype.is_float() or bool(frame[self.prefix + name].is_finite().all())

    def _encode(self, name: str, dtype: pl.DataType) -> pl.Expr:
        column = column_named(self.prefix + name)
        if name in self.json_flags:
            is_json = (
                pl.col(self.json_flags[name])
                if not self.prefix
                else pl.col(self.prefix + self.json_flags[name])
            )
            return pl.when(is_json).then(column).otherwise(encode_string(column))
        if dtype.is_float():
            return (
                pl.when(column.is_finite())
                .then(column.cast(pl.String))
                .otherwise(encode_string(column.cast(pl.String)))
            )
        return encode_value(column, dtype)
