"""Turns the field specs of a job into expressions over the source's columns, with the checks of each. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from etl.errors import JobError
from etl.job.model import FieldSpec
from etl.transform.addresses import take_parameter
from etl.transform.casts import (
    CAST_WORDS,
    cast_value,
    constant,
    fill_value,
    json_cells,
    map_value,
    split_value,
)
from etl.transform.cells import protect_long_numbers
from etl.transform.columns import Columns, Flaw, Operand, find_flaws
from etl.transform.phrases import found, phrase
from etl.transform.values import (
    Value,
    encode_string,
    encode_value,
    find_non_finite,
    is_encodable,
    to_text,
)
from etl.values.reject import RejectCode

__all__ = ["Check", "FieldPlan", "compile_json_field", "compile_key", "compile_text_field"]


@dataclass(frozen=True, slots=True)
class Check:
    """What makes a row a reject: where `failed` is true the row gets `code`.

    `reason` and `found`, the value that is to blame where there is one, are read for those rows only.
    """

    code: RejectCode
    field: str
    column: str
    failed: pl.Expr
    reason: pl.Expr
    found: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field of the event: `source` and each of `steps` become columns of the frame, one after the other.

    The last is named `column`; it is JSON text already where `is_json`, else of a type the JSON writer knows. `origin`
    is what a reject names as the source's column.
    """

    column: str
    origin: str
    source: pl.Expr | None
    steps: tuple[pl.Expr, ...]
    is_json: bool
    checks: tuple[Check, ...]


@dataclass(slots=True)
class _Shaping:
    """A value on its way from the source to the event."""

    name: str
    operand: Operand
    value: Value
    steps: list[pl.Expr] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def keep(self, value: Value, label: str) -> None:
        """Make the value a column, so that what follows reads it instead of computing it again."""
        column = f"\x1f{label}:{self.name}"
        self.steps.append(value.expr.alias(column))
        self.value = replace(value, expr=pl.col(column))

    def add_check(
        self, code: RejectCode, failed: pl.Expr, reason: pl.Expr, found: pl.Expr | None = None
    ) -> None:
        self.checks.append(Check(code, self.name, self.operand.column, failed, reason, found))


def compile_text_field(spec: FieldSpec, name: str, key: str, columns: Columns) -> FieldPlan:
    """Return the plan of a field that holds text: `name` as in `messageId`, `key` its place in the job file."""
    shaping = _shape(spec, name, key, columns)
    _add_flaws(shaping, find_flaws(shaping.value))
    _check_finite(shaping, columns)
    return _finish(shaping, to_text(shaping.value.expr, shaping.value.dtype), is_json=False)


def compile_json_field(
    spec: FieldSpec, name: str, key: str, columns: Columns, *, is_scalar: bool = False
) -> FieldPlan:
    """Return the plan of a field that keeps its JSON type: `name` as in `properties.page`.

    Where `is_scalar`, only text and numbers are taken.
    """
    shaping = _shape(spec, name, key, columns)
    _add_flaws(shaping, find_flaws(shaping.value))
    if is_scalar:
        _check_scalar(shaping, key, columns)
    _check_finite(shaping, columns)
    value = shaping.value
    if value.is_json is not None:
        is_json = value.is_json.fill_null(value=False)
        json_text = pl.when(is_json).then(value.expr)
        exact = json_text.map_batches(protect_long_numbers, return_dtype=pl.String, is_elementwise=True)
        return _finish(
            shaping, pl.when(is_json).then(exact).otherwise(encode_string(value.expr)), is_json=True
        )
    if value.dtype.is_nested() or isinstance(value.dtype, pl.Decimal):
        return _finish(shaping, encode_value(value.expr, value.dtype), is_json=True)
    if is_encodable(value.dtype):
        return _finish(shaping, value.expr, is_json=False)
    return _finish(shaping, to_text(value.expr, value.dtype), is_json=False)


def compile_key(column: str, columns: Columns) -> FieldPlan:
    """Return the plan of a source's column as text, for an id."""
    operand = columns.find(column, "[event] id")
    shaping = _Shaping(f"id:{column}", operand, operand.value)
    _add_flaws(shaping, operand.flaws)
    plan = _finish(shaping, to_text(operand.value.expr, operand.value.dtype), is_json=False)
    return replace(plan, checks=tuple(replace(check, field="id") for check in plan.checks))


def _shape(spec: FieldSpec, name: str, key: str, columns: Columns) -> _Shaping:
    """Apply, in this order: the source, `trim`, `null_values`, `param`, `map`, `cast` or `split`, `default`."""
    if spec.column is not None:
        operand = columns.find(spec.column, key)
    elif spec.sql is not None:
        operand = columns.parse_sql(spec.sql, name, key)
    else:
        value = constant(spec.value if spec.value is not None else "")
        return _Shaping(name, Operand("", value), value)
    shaping = _Shaping(name, operand, operand.value)
    _add_flaws(shaping, operand.flaws)
    _clean(shaping, spec)
    if spec.param is not None:
        text = to_text(shaping.value.expr, shaping.value.dtype)
        shaping.keep(Value(take_parameter(text, spec.param), pl.String()), "parameter")
    if spec.map is not None:
        _apply_map(shaping, spec.map, has_default=spec.default is not None)
    if spec.split is not None:
        _apply_split(shaping, spec.split, spec.cast)
    elif spec.cast is not None:
        _apply_cast(shaping, spec.cast)
    if spec.default is not None:
        shaping.keep(fill_value(shaping.value, spec.default), "filled")
    return shaping


def _finish(shaping: _Shaping, expr: pl.Expr, *, is_json: bool) -> FieldPlan:
    column = f"\x1ffield:{shaping.name}"
    return FieldPlan(
        column,
        shaping.operand.column,
        shaping.operand.source,
        (*shaping.steps, expr.alias(column)),
        is_json=is_json,
        checks=tuple(shaping.checks),
    )


def _add_flaws(shaping: _Shaping, flaws: Iterable[Flaw]) -> None:
    for flaw in flaws:
        shaping.add_check(flaw.code, flaw.failed, flaw.reason, flaw.found)


def _clean(shaping: _Shaping, spec: FieldSpec) -> None:
    value = shaping.value
    if not spec.trim and not spec.null_values:
        return
    if spec.trim and value.dtype == pl.String:
        value = replace(value, expr=value.expr.str.strip_chars())
    if spec.null_values:
        is_null = to_text(value.expr, value.dtype).is_in(list(spec.null_values))
        value = replace(value, expr=pl.when(~is_null).then(value.expr))
    shaping.keep(value, "clean")


def _apply_map(shaping: _Shaping, mapping: Mapping[str, Any], *, has_default: bool) -> None:
    text = to_text(shaping.value.expr, shaping.value.dtype)
    mapped = map_value(text, mapping)
    shaping.keep(mapped, "mapped")
    if not has_default:
        known = ", ".join(list(mapping)[:8])
        failed = text.is_not_null() & shaping.value.expr.is_null()
        reason = phrase("expected one of {}, found {}", pl.lit(known), found(text))
        shaping.add_check(RejectCode.UNMAPPED_VALUE, failed, reason, text)


def _apply_split(shaping: _Shaping, separator: str, cast: str | None) -> None:
    before = to_text(shaping.value.expr, shaping.value.dtype)
    shaping.keep(split_value(shaping.value, separator, cast), "split")
    if cast not in (None, "string"):
        failed = before.is_not_null() & shaping.value.expr.list.eval(pl.element().is_null()).list.any()
        reason = phrase("expected a list of {} values, found {}", pl.lit(cast), found(before))
        shaping.add_check(RejectCode.UNPARSABLE_VALUE, failed, reason, before)


def _apply_cast(shaping: _Shaping, cast: str) -> None:
    before = to_text(shaping.value.expr, shaping.value.dtype)
    wanted = CAST_WORDS[cast]
    if cast == "json":
        cells, value, is_broken = json_cells(shaping.value, f"\x1fjson:{shaping.name}")
        shaping.steps.append(cells)
        shaping.value = value
        reason = phrase("expected {}, found {}", pl.lit(wanted), found(before))
        shaping.add_check(RejectCode.INVALID_JSON, is_broken, reason, before)
        return
    if cast == "string" and shaping.value.dtype == pl.String:
        shaping.value = Value(shaping.value.expr, pl.String())
        return
    shaping.keep(cast_value(shaping.value, cast), "cast")
    failed = before.is_not_null() & shaping.value.expr.is_null()
    reason = phrase("expected {}, found {}", pl.lit(wanted), found(before))
    shaping.add_check(RejectCode.UNPARSABLE_VALUE, failed, reason, before)


def _check_finite(shaping: _Shaping, columns: Columns) -> None:
    """Reject numbers that JSON can't hold, or make them null, as the job says; inside lists and objects always null."""
    value = shaping.value
    if value.is_json is not None:
        return
    is_bad = find_non_finite(value.expr, value.dtype)
    if is_bad is None:
        return
    if columns.job.event.non_finite == "null":
        if value.dtype.is_float():
            shaping.keep(replace(value, expr=pl.when(~is_bad).then(value.expr)), "finite")
        return
    text = value.expr.cast(pl.String) if value.dtype.is_float() else pl.lit("NaN or an infinity inside")
    shaping.add_check(
        RejectCode.NUMBER_NOT_FINITE, is_bad, phrase("expected a finite number, found {}", found(text)), text
    )


def _check_scalar(shaping: _Shaping, key: str, columns: Columns) -> None:
    """Refuse what the API doesn't take for a user's id: it must be text or a number."""
    value = shaping.value
    if value.is_json is not None:
        is_other = value.is_json & ~value.expr.str.contains(r"^-?[0-9]")
        reason = phrase("expected text or a number, found {}", found(value.expr))
        shaping.add_check(RejectCode.UNPARSABLE_VALUE, is_other, reason, value.expr)
    elif value.dtype == pl.Boolean or value.dtype.is_nested():
        raise JobError(
            f"Expected text or numbers, found {value.dtype} in `{shaping.operand.column}` - {columns.place(key)}",
            'Name the column that holds the id, or make it text: cast = "string"',
        )
