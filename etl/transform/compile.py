"""Compiles a job and its source's columns into a `Plan`: the expressions that make events of rows.

What can be wrong with a mapping as such is found here, before the first row is read.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from etl.errors import JobError
from etl.event import ENTITY_FIELDS
from etl.job.line_numbers import nearest_name
from etl.job.model import EventSpec, FieldSpec, Job, PropertiesSpec
from etl.transform.bodies import EventFields
from etl.transform.columns import Columns
from etl.transform.fields import Check, FieldPlan, compile_json_field, compile_key, compile_text_field
from etl.transform.hook import ORIGINAL, Hook, load_hook
from etl.transform.origin import Original
from etl.transform.plan import Plan
from etl.transform.rules import entity_checks, key_check, missing_check
from etl.transform.sql import show_sql
from etl.transform.time.field import TimePlan, compile_time, time_checks
from etl.values.rows import ROW

__all__ = ["compile_plan"]

# The destination's own types of the keys it knows in userProperties.
TEXT_USER_PROPERTIES: Final = ("identificationType", "supportAgentName", "supportAgentEmail", "userType")
ID_USER_PROPERTIES: Final = ("id", "userId")
LATEST_AFTER_START: Final = timedelta(days=1)


def compile_plan(
    job: Job,
    schema: dict[str, pl.DataType],
    *,
    json_flags: dict[str, str],
    started: datetime,
    union: dict[str, pl.DataType] | None = None,
    with_source: bool = True,
    is_dry: bool = False,
) -> Plan:
    """Return the plan of `job` over a source with the columns of `schema`.

    `json_flags` names, for a column that may hold JSON (NDJSON), the Boolean column that says where it does. `started`
    is the run's start: where the job sets no limit, a time more than a day after it is out of range. Without
    `with_source` the events lack their original columns, which only staging needs. `union` has the columns as all files
    of the source have them together: a path that leads nowhere in `schema` but somewhere there is null. Raises
    `JobError` for what the job asks wrongly of these columns.
    """
    hook = load_hook(job, (*schema, *json_flags.values()))
    columns = _columns_after(hook, job, schema, json_flags, union or schema)
    time = compile_time(job.event.createdAt, columns)
    fields = _compile_fields(job.event, columns)
    keep = None
    if job.filter is not None:
        operand = columns.parse_sql(job.filter.sql, "filter", "[filter] sql")
        if operand.value.dtype not in (pl.Boolean, pl.Null):
            raise JobError(
                f"Expected SQL that is true or false, found {operand.value.dtype}: {show_sql(job.filter.sql)} - "
                f"{columns.place('[filter] sql')}",
                "Compare with something: sql = \"region <> 'test'\"",
            )
        keep = operand.source
    latest = job.limits.not_after or min(started.astimezone(UTC), _LATEST_START) + LATEST_AFTER_START
    return Plan(
        original=Original(schema, json_flags, ORIGINAL if hook else ""),
        hook=hook,
        filter=keep,
        fields=fields,
        time=time,
        checks=_order_checks(fields, time, job.limits.not_before, latest),
        keeps_name=bool(fields.keys) and job.event.id.duplicates == "number",
        with_source=with_source,
        is_dry=is_dry,
    )


_LATEST_START: Final = datetime(9999, 12, 30, tzinfo=UTC)


def _columns_after(
    hook: Hook | None,
    job: Job,
    schema: dict[str, pl.DataType],
    flags: dict[str, str],
    union: dict[str, pl.DataType],
) -> Columns:
    """Return the columns that the mapping sees: the source's, or what the hook makes of them."""
    if hook is None:
        return Columns(job, schema, flags, union)
    made = hook.output_schema({**schema, **dict.fromkeys(flags.values(), pl.Boolean())})
    own = {name: dtype for name, dtype in made.items() if not name.startswith("\x1f") and name != ROW}
    kept = {name: flag for name, flag in flags.items() if flag in made and own.get(name) == pl.String}
    return Columns(job, own, kept, own)


def _compile_fields(event: EventSpec, columns: Columns) -> EventFields:
    def compile_text(field: str) -> FieldPlan:
        return compile_text_field(getattr(event, field), field, f"[event] {field}", columns)

    given = [
        field
        for field in (*ENTITY_FIELDS.values(), "projectId", "integrationId")
        if getattr(event, field) is not None
    ]
    texts = {field: compile_text(field) for field in ("entityType", "type", *given)}
    user_specs = event.userProperties
    property_specs = _add_unused(event, columns)
    return EventFields(
        entity=texts["entityType"],
        kind=texts["type"],
        own={field: texts[field] for field in given if field in ENTITY_FIELDS.values()},
        extra={field: texts[field] for field in given if field not in ENTITY_FIELDS.values()},
        properties={
            name: compile_json_field(
                property_specs[name], f"properties.{name}", f"[event.properties] {name}", columns
            )
            for name in sorted(property_specs)
        },
        user_properties={
            name: _compile_user_property(name, user_specs[name], columns) for name in sorted(user_specs)
        },
        keys={} if event.id.verbatim else {name: compile_key(name, columns) for name in event.id.key_columns},
        verbatim=compile_key(event.id.column, columns) if event.id.verbatim and event.id.column else None,
    )


def _compile_user_property(name: str, spec: FieldSpec, columns: Columns) -> FieldPlan:
    field, key = f"userProperties.{name}", f"[event.userProperties] {name}"
    if name in TEXT_USER_PROPERTIES:
        return compile_text_field(spec, field, key, columns)
    return compile_json_field(spec, field, key, columns, is_scalar=name in ID_USER_PROPERTIES)


def _add_unused(event: EventSpec, columns: Columns) -> dict[str, FieldSpec]:
    """Return the properties that the job names, and where it asks for them the columns that no field is made of."""
    spec: PropertiesSpec = event.properties
    for name in spec.excluded:
        if name not in columns.schema:
            columns.find(
                name.partition(".")[0] if name in columns.schema else name, "[event.properties] except"
            )
            raise JobError(
                f"Expected whole columns, found the path `{name}` - {columns.place('[event.properties] except')}",
                f'Leave out the column: except = ["{nearest_name(name, columns.schema) or name.partition(".")[0]}"]',
            )
    if not spec.every_column:
        return spec.fields
    used = _used_columns(event, columns)
    rest = {
        name: FieldSpec(column=name)
        for name in columns.schema
        if name not in used and name not in spec.excluded
    }
    if clash := sorted(name for name in rest if name in spec.fields):
        raise JobError(
            f"Expected every property once, found `{clash[0]}` as a property of its own and as a column that no field "
            f"uses - {columns.place('[event.properties] ' + clash[0])}",
            f'Leave the column out: except = ["{clash[0]}"], or give the property another name',
        )
    return {**spec.fields, **rest}


def _used_columns(event: EventSpec, columns: Columns) -> set[str]:
    """Return the columns that the body holds already, named whole or in SQL: a path takes only a part of one."""
    fields = ("type", "entityType", *ENTITY_FIELDS.values(), "projectId", "integrationId")
    specs: list[tuple[str, FieldSpec | None]] = [
        *((f"[event] {field}", getattr(event, field)) for field in fields),
        *((f"[event.properties] {name}", spec) for name, spec in event.properties.fields.items()),
        *((f"[event.userProperties] {name}", spec) for name, spec in event.userProperties.items()),
    ]
    given = [(key, spec) for key, spec in specs if spec is not None]
    used = {spec.column for _, spec in given if spec.column is not None}
    used |= {event.createdAt.column or "", *(event.createdAt.columns or ())}
    used |= {event.id.column or ""} if event.id.verbatim else set()
    for key, sql in (*((key, spec.sql) for key, spec in given), ("[event] createdAt", event.createdAt.sql)):
        used |= columns.sql_columns(sql, key) if sql is not None else set()
    return used & set(columns.schema)


def _order_checks(
    fields: EventFields, time: TimePlan, earliest: datetime, latest: datetime
) -> tuple[Check, ...]:
    """Put what the event is before what it holds: a row gets the code of the first check that it fails."""
    ids = [*fields.keys.values(), *([fields.verbatim] if fields.verbatim is not None else [])]
    optional = (*fields.extra.values(), *fields.properties.values(), *fields.user_properties.values())
    own = [
        replace(check, failed=(pl.col(fields.entity.column) == kind) & check.failed)
        for kind, field in ENTITY_FIELDS.items()
        if field in fields.own
        for check in fields.own[field].checks
    ]
    return (
        *fields.entity.checks,
        *own,
        *entity_checks(fields.entity, fields.own),
        *fields.kind.checks,
        missing_check("type", fields.kind),
        *time_checks(time, earliest, latest),
        *(check for plan in ids for check in (*plan.checks, key_check(plan))),
        *(check for plan in optional for check in plan.checks),
    )
