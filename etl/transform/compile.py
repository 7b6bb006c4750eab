"""Compiles a job and its source's columns into a `Plan`: the expressions that make events of rows.

What can be wrong with a mapping as such is found here, before the first row is read.
"""

from datetime import UTC, datetime

import polars as pl

from etl.errors import JobError
from etl.event import ENTITY_FIELDS
from etl.job.model import FieldSpec, Job, TimestampSpec
from etl.transform.columns import Columns, Value
from etl.transform.encode import to_text
from etl.transform.fields import Check, FieldPlan, compile_json_field, compile_text_field
from etl.transform.plan import Plan, TimePlan
from etl.transform.rules import entity_checks, is_missing, missing_check, time_checks
from etl.transform.timestamps import EPOCH_UNITS, TimeFormat, check_pattern, has_zone

__all__ = ["compile_plan"]

TEXT_USER_PROPERTIES = ("identificationType", "supportAgentName", "supportAgentEmail", "userType")


def compile_plan(
    job: Job, schema: dict[str, pl.DataType], *, json_flags: dict[str, str], started: datetime
) -> Plan:
    """Return the plan of `job` over a source with the columns of `schema`.

    `json_flags` names, for a column that may hold JSON (NDJSON), the Boolean column that says where it does. `started` is the
    run's start: a time more than a day after it is out of range. Raises `JobError` for what the job asks wrongly of these columns.
    """
    columns = Columns(job, schema, json_flags)
    event = job.event
    entity = compile_text_field(event.entityType, "entityType", "[event] entityType", columns)
    kind = compile_text_field(event.type, "type", "[event] type", columns)
    own = {
        field: compile_text_field(getattr(event, field), field, f"[event] {field}", columns)
        for field in ENTITY_FIELDS.values()
        if getattr(event, field) is not None
    }
    extra = {
        field: compile_text_field(getattr(event, field), field, f"[event] {field}", columns)
        for field in ("projectId", "integrationId")
        if getattr(event, field) is not None
    }
    properties = _compile_members(event.properties, "properties", columns)
    user_properties = _compile_members(event.userProperties, "userProperties", columns)
    time = _compile_time(event.createdAt, columns)
    keys = {name: _key_text(name, columns) for name in event.id.key_columns}
    verbatim = _key_text(event.id.column, columns) if event.id.verbatim and event.id.column else None
    origins = {field: _origin(getattr(event, field)) for field in own}
    fields = [entity, kind, *own.values(), *extra.values(), *properties.values(), *user_properties.values()]
    checks: list[Check] = [
        *entity.checks,
        *entity_checks(entity, _origin(event.entityType), own, origins),
        *kind.checks,
        missing_check("type", _origin(event.type), pl.col(kind.column)),
        *(check for field in own.values() for check in field.checks),
        *time_checks(time.column, time.form, started.astimezone(UTC).replace(tzinfo=None)),
        *(_missing_key_check(name, text) for name, text in keys.items()),
        *([_missing_key_check(event.id.column or "", verbatim)] if verbatim is not None else []),
        *(check for field in [*extra.values(), *properties.values(), *user_properties.values()] for check in field.checks),
    ]
    return Plan(
        schema=schema,
        json_flags=json_flags,
        filter=columns.parse_sql(job.filter.sql, "[filter] sql")[0].expr if job.filter else None,
        fields=tuple(fields),
        entity=entity,
        kind=kind,
        own=own,
        extra=extra,
        properties=properties,
        user_properties=user_properties,
        time=time,
        checks=tuple(checks),
        keys=keys,
        verbatim=verbatim,
        keeps_name=bool(keys) and event.id.duplicates == "number",
    )


def _compile_members(specs: dict[str, FieldSpec], table: str, columns: Columns) -> dict[str, FieldPlan]:
    """Return the plans of the members of an object, by key, sorted as bodies sort them."""
    plans: dict[str, FieldPlan] = {}
    for name in sorted(specs):
        as_text = table == "userProperties" and name in TEXT_USER_PROPERTIES
        compile_field = compile_text_field if as_text else compile_json_field
        plans[name] = compile_field(specs[name], f"{table}.{name}", f"[event.{table}] {name}", columns)
    return plans


def _compile_time(spec: TimestampSpec, columns: Columns) -> TimePlan:
    key = "[event] createdAt"
    form = TimeFormat(spec.format, spec.timezone, spec.ambiguous, spec.nonexistent)
    if problem := check_pattern(spec.format):
        raise JobError(
            f"Expected iso8601, epoch_s, epoch_ms, epoch_us, epoch_ns or a strptime pattern like %Y-%m-%d %H:%M:%S, "
            f"found `{spec.format}`: {problem} - {columns.place(key)}",
            "Mend `format`, or leave it out where the times are ISO 8601",
        )
    if spec.column is not None:
        origin, value = spec.column, columns.find(spec.column, key)
    elif spec.sql is not None:
        value, names = columns.parse_sql(spec.sql, key)
        origin = ", ".join(names)
    else:
        parts = [columns.find(name, key) for name in spec.columns or ()]
        texts = [to_text(part.expr, part.dtype) for part in parts]
        origin, value = ", ".join(spec.columns or ()), Value(pl.concat_str(texts, separator=" "), pl.String())
    _check_time_type(value.dtype, form, origin, columns, key)
    return TimePlan(origin, value.expr, value.dtype, form)


def _check_time_type(dtype: pl.DataType, form: TimeFormat, origin: str, columns: Columns, key: str) -> None:
    is_local = dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is None)
    if form.timezone is None and (is_local or (dtype == pl.String and form.pattern != "iso8601" and not has_zone(form.pattern))):
        raise JobError(
            f"Expected the time zone of `{origin}`, whose times don't say it, found none - {columns.place(key)}",
            'Say which clock wrote them: timezone = "UTC" or timezone = "America/New_York" in createdAt',
        )
    if dtype.is_numeric() and form.pattern not in EPOCH_UNITS:
        raise JobError(
            f"Expected a time, found numbers ({dtype}) in `{origin}` - {columns.place(key)}",
            'Say their unit: format = "epoch_s", "epoch_ms", "epoch_us" or "epoch_ns" in createdAt',
        )
    if dtype.is_nested() or dtype in (pl.Boolean, pl.Binary, pl.Time) or isinstance(dtype, pl.Duration):
        raise JobError(
            f"Expected a time, found {dtype} in `{origin}` - {columns.place(key)}", "Name the column that holds the time"
        )


def _key_text(name: str, columns: Columns) -> pl.Expr:
    value = columns.find(name, "[event] id")
    return to_text(value.expr, value.dtype)


def _missing_key_check(name: str, text: pl.Expr) -> Check:
    check = missing_check("id", name, text)
    return Check(check.code, check.field, check.column, is_missing(text), pl.lit(f"the id is made of `{name}`, which is empty"))


def _origin(spec: FieldSpec) -> str:
    if spec.column is not None:
        return spec.column
    return ", ".join(dict.fromkeys(pl.sql_expr(spec.sql).meta.root_names())) if spec.sql is not None else ""
