"""The text and the JSON of a value of each column type, as expressions. Pure.

| type                      | in a text field                | in `properties` and `userProperties`
|
|---------------------------|--------------------------------|------------------------------------------------------------|
| String, Categorical, Enum | as it is                       | string
|
| Boolean                   | `true`, `false`                | true, false
|
| integers of any size      | digits                         | number; string beyond ±(2^53 - 1), where JavaScript
rounds |
| floats                    | shortest digits                | number; NaN and infinities: a reject, or null
|
| Decimal                   | digits, the scale kept         | number of those digits; string beyond 15 digits
|
| Date                      | `2024-01-31`                   | the same, as string
|
| Time                      | `09:30:00`, `09:30:00.123456`  | the same, as string
|
| Datetime with a zone      | `2024-01-31T09:30:00.123Z`     | the same, as string: UTC; 3, 6 or 9 fractional digits
|
| Datetime without          | `2024-01-31T09:30:00.123`      | the same, as string
|
| Duration                  | `P1DT2H3.5S` (ISO 8601)        | the same, as string
|
| Binary                    | base64                         | the same, as string
|
| List, Array               | its JSON                       | array; null members stay
|
| Struct                    | its JSON                       | object; null members and the order stay
|
| Map                       | its JSON                       | object; the keys as text; a key twice: a reject
|
| Null                      | missing                        | left out
|

Polars' own JSON writer panics on Binary, and writes decimals and times in forms of its own, so only types that it gets
right are given to it.
"""

from dataclasses import dataclass
from typing import Final

import orjson
import polars as pl
from polars.datatypes import DataTypeClass

from etl.event import MOST_EXACT_INTEGER
from etl.transform.time.render import render_date, render_datetime

__all__ = [
    "Value",
    "encode_string",
    "encode_value",
    "find_non_finite",
    "find_repeated_key",
    "is_encodable",
    "map_entries",
    "map_entry",
    "quote",
    "to_text",
]

# So many decimal digits survive a double, whatever the scale.
MOST_EXACT_DECIMAL_DIGITS: Final = 15
_SMALL_INTEGERS: Final = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)


# The one duration that has no opposite, which Polars' writer needs.
_LEAST_DURATIONS: Final = {
    "ms": "-P106751991167DT7H12M55.808S",
    "us": "-P106751991DT4H54.775808S",
    "ns": "-P106751DT23H47M16.854775808S",
}


@dataclass(frozen=True, slots=True)
class Value:
    """An expression for one value a row: its type, and where its text is JSON already (None: nowhere).

    Text that is JSON is a number, a boolean, an object or an array, never a JSON string: a string is itself.
    """

    expr: pl.Expr
    dtype: pl.DataType
    is_json: pl.Expr | None = None


def quote(text: str) -> str:
    """Return the JSON of one string."""
    return orjson.dumps(text).decode()


def encode_string(expr: pl.Expr) -> pl.Expr:
    """Return the JSON of a String expression, quotes included; null stays null."""
    return pl.when(expr.is_not_null()).then(_write(expr))


def is_encodable(dtype: pl.DataType) -> bool:
    """Whether Polars' JSON writer writes every value of the type as the table above says, but for its size."""
    if isinstance(dtype, pl.List | pl.Array):
        return _is_plain(_as_dtype(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return all(_is_plain(_as_dtype(field.dtype)) for field in dtype.fields)
    return dtype in (pl.String, pl.Boolean) or dtype.is_integer() or dtype.is_float()


def to_text(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the value as the text that a text field holds."""
    if dtype == pl.String:
        return expr
    if isinstance(dtype, pl.Datetime):
        return render_datetime(expr, dtype)
    if dtype == pl.Date:
        return render_date(expr)
    if isinstance(dtype, pl.Duration):
        least = pl.lit(_LEAST_DURATIONS[dtype.time_unit])
        return pl.when(expr.to_physical() == -(2**63)).then(least).otherwise(expr.dt.to_string("iso"))
    if dtype == pl.Time:
        return expr.dt.to_string("%H:%M:%S%.f")
    if dtype == pl.Binary:
        return expr.bin.encode("base64")
    if dtype.is_nested():
        return encode_value(expr, dtype)
    return expr.cast(pl.String)


def encode_value(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the JSON text of a value of any type; null stays null, and so does a number that isn't finite."""
    if isinstance(dtype, pl.List):
        return _encode_list(expr, _as_dtype(dtype.inner))
    if isinstance(dtype, pl.Array):
        return _encode_list(expr.arr.to_list(), _as_dtype(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return _encode_struct(expr, dtype)
    if isinstance(dtype, pl.Map):
        return _encode_map(expr, dtype)
    text = to_text(expr, dtype)
    if dtype == pl.Boolean or dtype in _SMALL_INTEGERS:
        return text
    if dtype.is_integer():
        return _quote_where(~expr.is_between(-MOST_EXACT_INTEGER, MOST_EXACT_INTEGER), text)
    if dtype.is_float():
        return pl.when(expr.is_finite()).then(text)
    if isinstance(dtype, pl.Decimal):
        digits = text.str.replace_all(r"[-.]", "").str.strip_chars_start("0").str.len_bytes()
        return _quote_where(digits > MOST_EXACT_DECIMAL_DIGITS, text)
    if dtype.is_temporal() or dtype == pl.Binary:
        return pl.concat_str(pl.lit('"'), text, pl.lit('"'))
    return encode_string(text)


def find_non_finite(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    """Return where a value is, or holds, a number that isn't finite; None for types that can't."""
    if dtype.is_float():
        return ~expr.is_finite()
    if isinstance(dtype, pl.Array):
        return find_non_finite(expr.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        inside = find_non_finite(pl.element(), _as_dtype(dtype.inner))
        return None if inside is None else expr.list.eval(inside.fill_null(value=False)).list.any()
    if isinstance(dtype, pl.Map):
        inside = find_non_finite(pl.element().struct.field("value"), _as_dtype(dtype.value))
        return (
            None
            if inside is None
            else map_entries(expr, dtype).list.eval(inside.fill_null(value=False)).list.any()
        )
    if isinstance(dtype, pl.Struct):
        fields = ((expr.struct.field(field.name), _as_dtype(field.dtype)) for field in dtype.fields)
        found = [inside for field, kind in fields if (inside := find_non_finite(field, kind)) is not None]
        return pl.any_horizontal([inside.fill_null(value=False) for inside in found]) if found else None
    return None


def find_repeated_key(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    """Return where a value is, or holds, a map with one key twice; None for types that can't."""
    if isinstance(dtype, pl.Map):
        entries = map_entries(expr, dtype)
        keys = entries.list.eval(pl.element().struct.field("key"))
        repeated = keys.list.n_unique() < keys.list.len()
        inside = find_repeated_key(pl.element().struct.field("value"), _as_dtype(dtype.value))
        return (
            repeated
            if inside is None
            else repeated | entries.list.eval(inside.fill_null(value=False)).list.any()
        )
    if isinstance(dtype, pl.Array):
        return find_repeated_key(expr.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        inside = find_repeated_key(pl.element(), _as_dtype(dtype.inner))
        return None if inside is None else expr.list.eval(inside.fill_null(value=False)).list.any()
    if isinstance(dtype, pl.Struct):
        fields = ((expr.struct.field(field.name), _as_dtype(field.dtype)) for field in dtype.fields)
        found = [inside for field, kind in fields if (inside := find_repeated_key(field, kind)) is not None]
        return pl.any_horizontal([inside.fill_null(value=False) for inside in found]) if found else None
    return None


def map_entries(expr: pl.Expr, dtype: pl.Map) -> pl.Expr:
    """Return the entries of a map as a list of structs of `key` and `value`."""
    return expr.cast(pl.List(pl.Struct({"key": dtype.key, "value": dtype.value})))


def map_entry(expr: pl.Expr, dtype: pl.Map, key: str) -> pl.Expr:
    """Return the value that a map has under `key`, which is the text of one of its keys."""
    entry = pl.element().struct
    is_it = to_text(entry.field("key"), _as_dtype(dtype.key)) == key
    return (
        map_entries(expr, dtype).list.eval(entry.field("value").filter(is_it)).list.get(0, null_on_oob=True)
    )


def _is_plain(dtype: pl.DataType) -> bool:
    """Whether the writer gets a value of the type right within another, whatever its size."""
    if dtype.is_nested():
        return is_encodable(dtype)
    return dtype in (pl.String, pl.Boolean, *_SMALL_INTEGERS) or dtype.is_float()


def _encode_list(expr: pl.Expr, inner: pl.DataType) -> pl.Expr:
    if _is_plain(inner):
        return pl.when(expr.is_not_null()).then(_write(expr))
    members = expr.list.eval(encode_value(pl.element(), inner).fill_null("null")).list.join(",")
    return pl.concat_str(pl.lit("["), members, pl.lit("]"))


def _encode_map(expr: pl.Expr, dtype: pl.Map) -> pl.Expr:
    entry = pl.element().struct
    key = encode_string(to_text(entry.field("key"), _as_dtype(dtype.key)))
    value = encode_value(entry.field("value"), _as_dtype(dtype.value)).fill_null("null")
    members = map_entries(expr, dtype).list.eval(pl.concat_str(key, pl.lit(":"), value)).list.join(",")
    return pl.concat_str(pl.lit("{"), members, pl.lit("}"))


def _encode_struct(expr: pl.Expr, dtype: pl.Struct) -> pl.Expr:
    if is_encodable(dtype):
        return pl.when(expr.is_not_null()).then(_write(expr))
    pieces: list[pl.Expr] = []
    for number, field in enumerate(dtype.fields):
        pieces.append(pl.lit(("," if number else "{") + quote(field.name) + ":"))
        pieces.append(encode_value(expr.struct.field(field.name), _as_dtype(field.dtype)).fill_null("null"))
    return pl.when(expr.is_not_null()).then(pl.concat_str(*pieces, pl.lit("}")))


def _write(expr: pl.Expr) -> pl.Expr:
    return pl.struct(expr.alias("")).struct.json_encode().str.strip_prefix('{"":').str.strip_suffix("}")


def _quote_where(is_long: pl.Expr, digits: pl.Expr) -> pl.Expr:
    return pl.when(is_long).then(pl.concat_str(pl.lit('"'), digits, pl.lit('"'))).otherwise(digits)


def _as_dtype(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()
