"""Lists of key and value, as GA4's `event_params`: the value of a key is taken as that of an object is. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from etl.transform.values import Value, encode_value

__all__ = ["find_in_pairs", "has_pairs", "is_choice", "pick_choice", "take_choice", "take_from_pairs"]

_KEYS: Final = ("key", "name")
_VALUE: Final = "value"
# BigQuery has a field for each type that a value may be of: one of them is filled.
_CHOICE: Final = "_value"


def has_pairs(dtype: pl.DataType) -> bool:
    """Whether a column of this type holds lists of key and value."""
    return isinstance(dtype, pl.List) and _key_of(dtype) is not None


def take_from_pairs(expr: pl.Expr, dtype: pl.List, key: str) -> tuple[pl.Expr, pl.DataType]:
    """Return the value of the first pair with `key`, null where there is none; and its type."""
    own, inner = _key_of(dtype), dtype.inner
    assert own is not None
    assert isinstance(inner, pl.Struct)
    pair = pl.element().struct
    found = expr.list.eval(pl.element().filter(pair.field(own) == key)).list.first().struct.field(_VALUE)
    field = next(field.dtype for field in inner.fields if field.name == _VALUE)
    return found, field() if isinstance(field, type) else field


def is_choice(dtype: pl.DataType) -> bool:
    """Whether a value of this type is one of several fields: `string_value`, `int_value` and the like."""
    return isinstance(dtype, pl.Struct) and all(
        field.name.endswith(_CHOICE) and not field.dtype.is_nested() for field in dtype.fields
    )


def take_choice(expr: pl.Expr, dtype: pl.Struct) -> Value:
    """Return the field that is filled: a text, or the JSON of a number."""
    texts: list[pl.Expr] = []
    others: list[pl.Expr] = []
    for field in dtype.fields:
        kind = field.dtype() if isinstance(field.dtype, type) else field.dtype
        value = expr.struct.field(field.name)
        (texts if kind == pl.String else others).append(
            value if kind == pl.String else encode_value(value, kind)
        )
    text = pl.coalesce(*texts, *others, pl.lit(None, pl.String))
    is_json = pl.coalesce(*texts, pl.lit(None, pl.String)).is_null() & text.is_not_null()
    return Value(text, pl.String(), is_json)


def find_in_pairs(pairs: list[Any], key: str) -> Any:
    """Return the value of the first pair with `key` in a list that JSON held, None where there is none."""
    for pair in pairs:
        if isinstance(pair, Mapping) and _VALUE in pair and any(pair.get(own) == key for own in _KEYS):
            return pair[_VALUE]
    return None


def pick_choice(value: Any) -> Any:
    """Return the field that is filled where the value has one for each type, else the value itself."""
    if not isinstance(value, Mapping) or not value or not all(name.endswith(_CHOICE) for name in value):
        return value
    return next((inner for inner in value.values() if inner is not None), None)


def _key_of(dtype: pl.List) -> str | None:
    if not isinstance(dtype.inner, pl.Struct):
        return None
    fields = {field.name: field.dtype for field in dtype.inner.fields}
    if _VALUE not in fields:
        return None
    return next((name for name in _KEYS if fields.get(name) == pl.String), None)
