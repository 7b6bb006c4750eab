"""Which Arrow type each column of a Parquet file is read as, so that Polars takes every value unchanged. Pure.

Rule: a value is read as it is, or its column is told to be unreadable; nothing wraps, is rounded or becomes null.
"""

from typing import Final
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

__all__ = ["Unreadable", "as_plain", "plain_type"]

MOST_DECIMAL_DIGITS: Final = 38


class Unreadable(Exception):  # noqa: N818 - it states a condition, and becomes an error where the column is used
    """A column can't be read: `wanted` and what was `found` instead."""

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(f"expected {wanted}, found {found}")
        self.wanted, self.found = wanted, found


def plain_type(dtype: pa.DataType) -> pa.DataType:
    """Return the type that a column of `dtype` is read as; raises `Unreadable`.

    Extension types are what they are stored as, decimals of more than 38 digits are text.
    """
    if isinstance(dtype, pa.BaseExtensionType):
        return pa.bool_() if dtype.extension_name == "arrow.bool8" else plain_type(dtype.storage_type)
    if pa.types.is_dictionary(dtype) or pa.types.is_run_end_encoded(dtype):
        return plain_type(dtype.value_type)
    if pa.types.is_decimal256(dtype):
        is_wide = dtype.precision > MOST_DECIMAL_DIGITS
        return pa.string() if is_wide else pa.decimal128(dtype.precision, dtype.scale)
    if pa.types.is_timestamp(dtype) and dtype.tz is not None and not _is_known_zone(dtype.tz):
        # It is an instant whatever the zone, which only says how to show it.
        return pa.timestamp(dtype.unit, "UTC")
    if dtype == pa.duration("s"):
        return pa.duration("ms")
    # The reader hands out list views whose buffers are too short.
    if pa.types.is_union(dtype) or pa.types.is_interval(dtype) or pa.types.is_list_view(dtype):
        raise Unreadable("a type that can be read", str(dtype))
    return _plain_nested(dtype) if pa.types.is_nested(dtype) else dtype


def as_plain(column: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Return the column as `dtype`, which `plain_type` gave; raises `Unreadable` where a value is broken or doesn't
    fit.
    """
    try:
        column.validate(full=True)
        return column if column.type == dtype else column.cast(dtype)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unreadable(f"values that are whole and fit {dtype}", str(error).splitlines()[0][:200]) from None


def _is_known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
        pl.Series([0]).cast(pl.Datetime("us", name))
    except (ValueError, OSError, KeyError, pl.exceptions.PolarsError):
        return False
    return True


def _plain_nested(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(dtype):
        if not dtype.num_fields:
            raise Unreadable("a type that can be read", "a struct without fields")
        return pa.struct([_plain_field(dtype.field(index)) for index in range(dtype.num_fields)])
    if pa.types.is_map(dtype):
        return pa.map_(plain_type(dtype.key_type), plain_type(dtype.item_type))
    item = _plain_field(dtype.value_field)
    if pa.types.is_fixed_size_list(dtype):
        if not dtype.list_size:
            raise Unreadable("a type that can be read", "lists that hold nothing")
        return pa.list_(item, dtype.list_size)
    return pa.large_list(item) if pa.types.is_large_list(dtype) else pa.list_(item)


def _plain_field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, plain_type(field.type), field.nullable)
