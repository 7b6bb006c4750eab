"""Finds the type that holds the values of two types unchanged, for columns whose type grew from file to file. Pure.

Rule: nothing is rounded and nothing becomes text. Where no type holds both, there is none.
"""

from typing import Final, Literal

import polars as pl

__all__ = ["fit_values", "widen", "widen_schemas"]

_SIGNED: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64)
_UNSIGNED: Final = (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
TimeUnit = Literal["ms", "us", "ns"]
_UNITS: Final[tuple[TimeUnit, ...]] = ("ms", "us", "ns")
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
# Integers that a 64-bit float holds exactly.
_EXACT_IN_FLOAT: Final = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32, pl.Float32, pl.Float64)


def widen_schemas(
    known: dict[str, pl.DataType], more: dict[str, pl.DataType]
) -> dict[str, pl.DataType] | str:
    """Return the union of two schemas, or the name of the column that no type fits."""
    united = dict(known)
    for name, dtype in more.items():
        wide = widen(united[name], dtype) if name in united else dtype
        if wide is None:
            return name
        united[name] = wide
    return united


def widen(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """Return the narrowest type that holds the values of both, or None."""
    if one == other:
        return one
    for plain, rest in ((one, other), (other, one)):
        if isinstance(plain, pl.Null):
            return rest
    if isinstance(one, _TEXTS) and isinstance(other, _TEXTS):
        return pl.String()
    if one.is_numeric() and other.is_numeric():
        return _widen_numbers(one, other)
    if isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime) and one.time_zone == other.time_zone:
        return pl.Datetime(_finer(one.time_unit, other.time_unit), one.time_zone)
    if isinstance(one, pl.Duration) and isinstance(other, pl.Duration):
        return pl.Duration(_finer(one.time_unit, other.time_unit))
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        inner = widen(_instance(one.inner), _instance(other.inner))
        return pl.List(inner) if inner is not None else None
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        fields = widen_schemas(_fields(one), _fields(other))
        return pl.Struct(fields) if isinstance(fields, dict) else None
    return None


def fit_values(values: pl.Series, wide: pl.DataType) -> pl.Series:
    """Return the values as type `wide`, which `widen` gave; raises Polars' errors where one doesn't fit."""
    if values.dtype == wide:
        return values
    return (
        values.to_frame("values")
        .select(_fit(pl.col("values"), values.dtype, wide))
        .to_series()
        .alias(values.name)
    )


def _fit(expr: pl.Expr, narrow: pl.DataType, wide: pl.DataType) -> pl.Expr:
    if isinstance(narrow, pl.List) and isinstance(wide, pl.List):
        return expr.list.eval(_fit(pl.element(), _instance(narrow.inner), _instance(wide.inner)))
    if not (isinstance(narrow, pl.Struct) and isinstance(wide, pl.Struct)):
        return expr.cast(wide)
    known = _fields(narrow)
    fields = [
        _fit(expr.struct.field(name), known[name], dtype).alias(name)
        if name in known
        else pl.lit(None, dtype).alias(name)
        for name, dtype in _fields(wide).items()
    ]
    return pl.when(expr.is_not_null()).then(pl.struct(fields))


def _widen_numbers(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    kinds = (type(one), type(other))
    for family in (_SIGNED, _UNSIGNED):
        if kinds[0] in family and kinds[1] in family:
            return family[max(family.index(kinds[0]), family.index(kinds[1]))]()
    for signed, unsigned in (kinds, kinds[::-1]):
        if signed in _SIGNED and unsigned in _UNSIGNED[:3]:
            return _SIGNED[max(_SIGNED.index(signed), _UNSIGNED.index(unsigned) + 1)]()
    if all(kind in _EXACT_IN_FLOAT for kind in kinds):
        return pl.Float64()
    if isinstance(one, pl.Decimal) and isinstance(other, pl.Decimal):
        scale = max(one.scale, other.scale)
        digits = max((one.precision or 38) - one.scale, (other.precision or 38) - other.scale) + scale
        return pl.Decimal(digits, scale) if digits <= 38 else None
    return None


def _finer(one: TimeUnit, other: TimeUnit) -> TimeUnit:
    return _UNITS[max(_UNITS.index(one), _UNITS.index(other))]


def _instance(dtype: object) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype  # type: ignore[return-value]


def _fields(struct: pl.Struct) -> dict[str, pl.DataType]:
    return {field.name: _instance(field.dtype) for field in struct.fields}
