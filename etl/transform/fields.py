"""Turns the field specs of a job into expressions over the source's columns, with the checks of each. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from etl.job.model import FieldSpec
from etl.reject import RejectCode
from etl.transform.columns import Columns, Value
from etl.transform.encode import encode_string, to_json_ready, to_text

__all__ = ["Check", "FieldPlan", "compile_json_field", "compile_text_field", "found"]

TRUE_TEXTS = ("true", "t", "yes", "y", "1", "on")
FALSE_TEXTS = ("false", "f", "no", "n", "0", "off")
MOST_SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class Check:
    """What makes a row a reject: where `failed` is true the row gets `code`; `reason` is read for those rows only."""

    code: RejectCode
    field: str
    column: str
    failed: pl.Expr
    reason: pl.Expr


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field of the event: first `source` (where there is one) and then `value` become columns of the frame.

    `value` is named `column`; it is JSON text already where `is_json`, else of a type the JSON writer knows.
    """

    column: str
    source: pl.Expr | None
    value: pl.Expr
    is_json: bool
    checks: tuple[Check, ...]


def compile_text_field(spec: FieldSpec, name: str, key: str, columns: Columns) -> FieldPlan:
    """Return the plan of a field that holds text: `name` as in `messageId`, `key` its place in the job file."""
    shaped = _shape(spec, name, key, columns)
    column = _column_name(name)
    text = to_text(shaped.value.expr, shaped.value.dtype)
    return FieldPlan(column, shaped.source, text.alias(column), is_json=False, checks=shaped.checks)


def compile_json_field(spec: FieldSpec, name: str, key: str, columns: Columns) -> FieldPlan:
    """Return the plan of a field that keeps its JSON type: `name` as in `properties.page`."""
    shaped = _shape(spec, name, key, columns)
    column, value = _column_name(name), shaped.value
    checks = list(shaped.checks)
    if value.dtype.is_float():
        checks.append(
            Check(
                RejectCode.NUMBER_NOT_FINITE,
                name,
                shaped.origin,
                ~pl.col(column).is_finite(),
                pl.format("expected a finite number, found {}", pl.col(column).cast(pl.String)),
            )
        )
    ready, is_json = to_json_ready(value.expr, value.dtype)
    if value.is_json is not None:
        ready, is_json = pl.when(value.is_json).then(value.expr).otherwise(encode_string(value.expr)), True
    return FieldPlan(column, shaped.source, ready.alias(column), is_json=is_json, checks=tuple(checks))


def found(expr: pl.Expr) -> pl.Expr:
    """Return the value as a message shows it: quoted, and cut where it is long."""
    text = expr.cast(pl.String)
    cut = pl.when(text.str.len_chars() > MOST_SHOWN_CHARS).then(text.str.slice(0, MOST_SHOWN_CHARS) + "…").otherwise(text)
    return pl.format("`{}`", cut)


@dataclass(frozen=True, slots=True)
class _Shaped:
    origin: str
    source: pl.Expr | None
    value: Value
    checks: tuple[Check, ...]


def _shape(spec: FieldSpec, name: str, key: str, columns: Columns) -> _Shaped:
    """Apply, in this order: the source, `map`, `cast` or `split`, `default`."""
    source: pl.Expr | None = None
    if spec.column is not None:
        origin, value = spec.column, columns.find(spec.column, key)
    elif spec.sql is not None:
        value, names = columns.parse_sql(spec.sql, key)
        origin, materialised = ", ".join(names), f"\x1fsource:{name}"
        source = value.expr.alias(materialised)
        value = Value(pl.col(materialised), value.dtype)
    else:
        return _Shaped("", None, _constant(spec.value), ())
    checks: list[Check] = []
    before = value.expr
    if spec.map is not None:
        text = to_text(value.expr, value.dtype)
        value = _map_values(text, spec.map)
        if spec.default is None:
            checks.append(_unmapped(name, origin, text, value.expr, spec.map))
    if spec.split is not None:
        parts = to_text(value.expr, value.dtype).str.split(spec.split)
        value = Value(parts, pl.List(pl.String()))
        if spec.cast not in (None, "string"):
            items, dtype = _cast_text(pl.element(), spec.cast)
            value = Value(parts.list.eval(items), pl.List(dtype))
            failed = before.is_not_null() & value.expr.list.eval(pl.element().is_null()).list.any()
            checks.append(_uncastable(name, origin, before, failed, f"a list of {spec.cast} values"))
    elif spec.cast is not None:
        uncast = value
        value = _cast(value, spec.cast)
        code = RejectCode.INVALID_JSON if spec.cast == "json" else RejectCode.UNPARSABLE_VALUE
        failed = uncast.expr.is_not_null() & value.expr.is_null()
        checks.append(_uncastable(name, origin, uncast.expr, failed, _CAST_WORDS[spec.cast], code))
    if spec.default is not None:
        value = _fill(value, spec.default)
    return _Shaped(origin, source, value, tuple(checks))


def _constant(value: Any) -> Value:
    if isinstance(value, bool):
        return Value(pl.lit(value), pl.Boolean())
    if isinstance(value, int):
        return Value(pl.lit(value, pl.Int64), pl.Int64())
    if isinstance(value, float):
        return Value(pl.lit(value), pl.Float64())
    return Value(pl.lit(value, pl.String), pl.String())


def _map_values(text: pl.Expr, mapping: Mapping[str, Any]) -> Value:
    if all(isinstance(new, str) for new in mapping.values()):
        mapped = text.replace_strict(list(mapping), list(mapping.values()), default=None, return_dtype=pl.String)
        return Value(mapped, pl.String())
    # Values of several types can't share a column: they become JSON text at once.
    json_texts = [orjson.dumps(new).decode() for new in mapping.values()]
    mapped = text.replace_strict(list(mapping), json_texts, default=None, return_dtype=pl.String)
    return Value(mapped, pl.String(), is_json=pl.lit(value=True))


def _fill(value: Value, default: Any) -> Value:
    constant = _constant(default)
    if value.is_json is None and constant.dtype == value.dtype:
        return Value(value.expr.fill_null(constant.expr), value.dtype)
    if value.is_json is None and value.dtype.is_float() and isinstance(default, int):
        return Value(value.expr.fill_null(pl.lit(float(default))), value.dtype)
    ready, is_json = to_json_ready(value.expr, value.dtype)
    if value.is_json is not None:
        ready = pl.when(value.is_json).then(value.expr).otherwise(encode_string(value.expr))
    elif not is_json:
        ready = encode_string(ready) if value.dtype == pl.String else ready.cast(pl.String)
    return Value(ready.fill_null(pl.lit(orjson.dumps(default).decode())), pl.String(), is_json=pl.lit(value=True))


_CAST_WORDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "json": "JSON",
}


def _cast(value: Value, cast: str) -> Value:
    if cast == "json":
        text = to_text(value.expr, value.dtype)
        return Value(text.map_batches(_canonical_json, return_dtype=pl.String, is_elementwise=True), pl.String(), pl.lit(value=True))
    if value.dtype.is_float() and cast == "int":
        whole = pl.when(value.expr == value.expr.round()).then(value.expr.cast(pl.Int64, strict=False))
        return Value(whole, pl.Int64())
    if value.dtype.is_numeric() and cast in ("int", "float"):
        dtype = pl.Int64() if cast == "int" else pl.Float64()
        return Value(value.expr.cast(dtype, strict=False), dtype)
    text = to_text(value.expr, value.dtype)
    return Value(*_cast_text(text, cast))


def _cast_text(text: pl.Expr, cast: str | None) -> tuple[pl.Expr, pl.DataType]:
    if cast == "int":
        return text.str.strip_chars().cast(pl.Int64, strict=False), pl.Int64()
    if cast == "float":
        return text.str.strip_chars().cast(pl.Float64, strict=False), pl.Float64()
    if cast == "bool":
        folded = text.str.strip_chars().str.to_lowercase()
        is_true, is_false = folded.is_in(TRUE_TEXTS), folded.is_in(FALSE_TEXTS)
        return pl.when(is_true).then(pl.lit(value=True)).when(is_false).then(pl.lit(value=False)), pl.Boolean()
    return text, pl.String()


def _canonical_json(texts: pl.Series) -> pl.Series:
    """Compact, unescaped JSON of each text; null where it isn't JSON. No expression keeps any JSON as it is."""
    return pl.Series([_compact(text) for text in texts], dtype=pl.String)


def _compact(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return None if value is None else orjson.dumps(value).decode()


def _unmapped(name: str, origin: str, text: pl.Expr, mapped: pl.Expr, mapping: Mapping[str, Any]) -> Check:
    known = ", ".join(list(mapping)[:8])
    return Check(
        RejectCode.UNMAPPED_VALUE,
        name,
        origin,
        text.is_not_null() & mapped.is_null(),
        pl.format("expected one of {}, found {}", pl.lit(known), found(text)),
    )


def _uncastable(
    name: str, origin: str, before: pl.Expr, failed: pl.Expr, wanted: str, code: RejectCode = RejectCode.UNPARSABLE_VALUE
) -> Check:
    return Check(code, name, origin, failed, pl.format("expected {}, found {}", pl.lit(wanted), found(before)))


def _column_name(name: str) -> str:
    return f"\x1ffield:{name}"
