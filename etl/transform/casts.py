"""Makes a value another: cast, map, split, default. Expressions in, expressions out. Pure.

A value that can't become what is asked is null; the field's checks tell that from one that was null before.
"""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from etl.event import MOST_EXACT_INTEGER
from etl.transform.cells import CELL, read_cells
from etl.transform.values import Value, encode_value, to_text

__all__ = ["CAST_WORDS", "cast_value", "constant", "fill_value", "json_cells", "map_value", "split_value"]

TRUE_TEXTS: Final = ("true", "t", "yes", "y", "1", "on")
FALSE_TEXTS: Final = ("false", "f", "no", "n", "0", "off")
CAST_WORDS: Final = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "json": "JSON",
}


def constant(value: str | float | bool) -> Value:
    """Return the same value for every row; an integer that JavaScript would round is text."""
    if isinstance(value, bool):
        return Value(pl.lit(value), pl.Boolean())
    if isinstance(value, int) and abs(value) <= MOST_EXACT_INTEGER:
        return Value(pl.lit(value, pl.Int64), pl.Int64())
    if isinstance(value, float):
        return Value(pl.lit(value, pl.Float64), pl.Float64())
    return Value(pl.lit(str(value), pl.String), pl.String())


def map_value(text: pl.Expr, mapping: Mapping[str, Any]) -> Value:
    """Return what `mapping` makes of each text; null for what it doesn't hold."""
    texts, flags = (
        zip(*(_text_and_flag(new) for new in mapping.values()), strict=True) if mapping else ((), ())
    )
    mapped = text.replace_strict(list(mapping), list(texts), default=None, return_dtype=pl.String)
    if not any(flags):
        return Value(mapped, pl.String())
    flag = text.replace_strict(list(mapping), list(flags), default=False, return_dtype=pl.Boolean)
    return Value(mapped, pl.String(), flag)


def cast_value(value: Value, cast: str) -> Value:
    """Return the value as `string`, `int`, `float` or `bool`; null where it can't be that."""
    dtype = value.dtype
    if cast in ("int", "float") and (dtype.is_numeric() or dtype == pl.Boolean):
        if cast == "float":
            return Value(value.expr.cast(pl.Float64, strict=False), pl.Float64())
        if dtype.is_integer():
            return value
        number = value.expr.cast(pl.Int128, strict=False)
        if dtype == pl.Boolean:
            return Value(number, pl.Int128())
        return Value(pl.when(value.expr == value.expr.floor()).then(number), pl.Int128())
    if cast == "bool" and dtype == pl.Boolean:
        return value
    return Value(*_cast_text(to_text(value.expr, dtype), cast))


def json_cells(value: Value, column: str) -> tuple[pl.Expr, Value, pl.Expr]:
    """Return the JSON in a text column: the cells to add as `column`, the value in them, and which are broken."""
    text = to_text(value.expr, value.dtype)
    read = text.map_batches(lambda texts: read_cells(texts, ()), return_dtype=CELL, is_elementwise=True)
    found = pl.col(column).struct
    if value.is_json is None:
        return (
            read.alias(column),
            Value(found.field("text"), pl.String(), found.field("is_json")),
            found.field("is_broken"),
        )
    # What is JSON already stays as it is; only strings are read.
    strings = pl.when(~value.is_json).then(text)
    read = strings.map_batches(lambda texts: read_cells(texts, ()), return_dtype=CELL, is_elementwise=True)
    merged = pl.when(value.is_json).then(text).otherwise(found.field("text"))
    flag = value.is_json | found.field("is_json")
    return read.alias(column), Value(merged, pl.String(), flag), found.field("is_broken")


def split_value(value: Value, separator: str, cast: str | None) -> Value:
    """Return the parts of a text as a list; a part that can't be cast is null."""
    parts = to_text(value.expr, value.dtype).str.split(separator)
    if cast in (None, "string"):
        return Value(parts, pl.List(pl.String()))
    items, dtype = _cast_text(pl.element(), cast)
    return Value(parts.list.eval(items), pl.List(dtype))


def fill_value(value: Value, default: str | float | bool) -> Value:
    """Return the value with `default` for null; of another type, the default keeps its own."""
    filler = constant(default)
    if value.is_json is None and filler.dtype == value.dtype:
        return Value(value.expr.fill_null(filler.expr), value.dtype)
    if value.is_json is None and value.dtype.is_float() and filler.dtype == pl.Int64:
        return Value(value.expr.fill_null(pl.lit(float(default))), value.dtype)
    text, flag = _as_cell(value)
    filler_text, filler_flag = _text_and_flag(default)
    is_json = pl.when(text.is_null()).then(pl.lit(filler_flag)).otherwise(flag)
    return Value(text.fill_null(pl.lit(filler_text)), pl.String(), is_json)


def _as_cell(value: Value) -> tuple[pl.Expr, pl.Expr]:
    """Return any value as text and where that is JSON rather than a string."""
    if value.is_json is not None:
        return value.expr, value.is_json
    text = to_text(value.expr, value.dtype)
    dtype = value.dtype
    if dtype == pl.Boolean or dtype.is_nested():
        return text, pl.lit(value=True)
    if dtype.is_numeric():
        encoded = encode_value(value.expr, dtype)
        return text, (~encoded.str.starts_with('"')).fill_null(value=False)
    return text, pl.lit(value=False)


def _cast_text(text: pl.Expr, cast: str | None) -> tuple[pl.Expr, pl.DataType]:
    if cast == "int":
        return text.str.strip_chars().cast(pl.Int128, strict=False), pl.Int128()
    if cast == "float":
        return _cast_float(text.str.strip_chars()), pl.Float64()
    if cast == "bool":
        folded = text.str.strip_chars().str.to_lowercase()
        is_true, is_false = folded.is_in(TRUE_TEXTS), folded.is_in(FALSE_TEXTS)
        return pl.when(is_true).then(pl.lit(value=True)).when(is_false).then(
            pl.lit(value=False)
        ), pl.Boolean()
    return text, pl.String()


def _cast_float(text: pl.Expr) -> pl.Expr:
    """Return the number of a text; null where a double would round the digits before its point."""
    number = text.cast(pl.Float64, strict=False)
    whole = text.str.extract(r"^([+-]?[0-9]{16,})(?:\.[0-9]*)?$").cast(pl.Int128, strict=False)
    is_rounded = (whole != number.cast(pl.Int128, strict=False)).fill_null(value=False)
    return pl.when(~is_rounded).then(number)


def _text_and_flag(value: str | float | bool) -> tuple[str, bool]:
    """Return a scalar of the job file as text, and whether that is JSON rather than a string."""
    if isinstance(value, bool):
        return ("true" if value else "false"), True
    if isinstance(value, int):
        return str(value), abs(value) <= MOST_EXACT_INTEGER
    if isinstance(value, float):
        return repr(value), True
    return value, False
