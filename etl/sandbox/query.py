"""`POST /query/events`: the contract's query as SQL over the store.

The contract leaves open how time buckets group. Here, beside an aggregation every selected field and bucket is a
group of its own accord, and `groupBy` takes the names of buckets (`createdAt_day`) as it takes fields.
"""

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

import orjson

from etl.sandbox.keeping import shown_as_strings
from etl.sandbox.moments import TimeUnit, microseconds_of

__all__ = ["QueryProblem", "Shown", "compile_query", "run_query"]

_FIELDS: Final = {
    "id": "id",
    "organizationId": "NULL",
    "messageId": "body ->> '$.messageId'",
    "conversationId": "body ->> '$.conversationId'",
    "createdAt": "created_at",
    "projectId": "body ->> '$.projectId'",
    "integrationId": "body ->> '$.integrationId'",
    "eventType": "entity_type",
    "type": "type",
    "searchQuery": "body ->> '$.searchQuery'",
    "properties": "body -> '$.properties'",
    "userProperties": "body -> '$.userProperties'",
}
_JSON_FIELDS: Final = frozenset({"properties", "userProperties"})
_AGGREGATIONS: Final = ("count", "countDistinct", "min", "max", "sum", "avg")
_COMPARISONS: Final = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_TIME_UNITS: Final = get_args(TimeUnit)
_MAX_WHERE_DEPTH: Final = 32


class QueryProblem(ValueError):  # noqa: N818 - it becomes a problem+json answer
    """The query is not one of the contract's."""


class CompiledQuery(NamedTuple):
    """SQL without a limit, its parameters, and the key of each column."""

    sql: str
    parameters: tuple[object, ...]
    keys: tuple[str, ...]


class _Column(NamedTuple):
    key: str
    sql: str
    is_group: bool
    is_shown: bool = True


class Shown(NamedTuple):
    """How much a query is shown: `page_rows` results a page, and only events that came by `came_by`.

    `as_strings`: the values inside `properties` and `userProperties` as strings.
    """

    page_rows: int
    came_by: float | None = None
    as_strings: bool = False


def run_query(connection: sqlite3.Connection, query: object, shown: Shown) -> dict[str, Any]:
    """Return the contract's answer to `query`, for orjson; raises `QueryProblem` where it can't be read."""
    compiled = compile_query(query, shown.came_by)
    # The SQL is made of the tables above; everything a query brings is a parameter.
    count_sql = f"SELECT count(*) FROM ({compiled.sql})"  # noqa: S608
    (total,) = connection.execute(count_sql, compiled.parameters).fetchone()
    rows = connection.execute(f"{compiled.sql} LIMIT {shown.page_rows:d}", compiled.parameters).fetchall()
    result = [
        {
            key: _decode(key, value, as_strings=shown.as_strings)
            for key, value in zip(compiled.keys, row, strict=False)
        }
        for row in rows
    ]
    data = {"result": result, "total": total, "pageSize": shown.page_rows, "count": len(result)}
    return {"status": "ok", "data": data}


def compile_query(query: object, came_by: float | None = None) -> CompiledQuery:
    """Return `query` as SQL, over what came by `came_by`; raises `QueryProblem` where it can't be read."""
    parts = _object(query, "the query", {"select", "groupBy", "where", "orderBy", "notes"})
    selected = [_select(item) for item in _list(parts.get("select"), "select")]
    groups = [_group(item) for item in _list(parts.get("groupBy"), "groupBy")]
    if not selected and not groups:
        selected = [_Column(field, sql, is_group=True) for field, sql in _FIELDS.items()]
    is_grouped = bool(groups) or any(not column.is_group for column in selected)
    named = {column.key: column for column in (*groups, *selected)}
    shown = [column for column in named.values() if column.is_shown]
    if not shown:
        raise QueryProblem("select: nothing is left to answer with")
    parameters: list[object] = []
    sql = "SELECT " + ", ".join(column.sql for column in shown) + " FROM events"  # noqa: S608 - see run_query
    conditions = ["received_at <= ?"] if came_by is not None else []
    parameters += [came_by] if came_by is not None else []
    if parts.get("where") is not None:
        conditions.append(_where(parts["where"], parameters))
    sql += " WHERE " + " AND ".join(conditions) if conditions else ""
    group_keys = [column.sql for column in named.values() if column.is_group] if is_grouped else []
    if group_keys:
        sql += " GROUP BY " + ", ".join(group_keys)
    orders = [_order(item, named, is_grouped) for item in _list(parts.get("orderBy"), "orderBy")]
    orders += group_keys if is_grouped else ["seq"]
    if orders:
        sql += " ORDER BY " + ", ".join(orders)
    return CompiledQuery(sql, tuple(parameters), tuple(column.key for column in shown))


def _select(item: object) -> _Column:
    match item:
        case {"type": "field", "field": str(field), **rest} if rest.keys() <= {"path"}:
            return _field_column(field, rest.get("path"))
        case {"type": "time", "timeUnit": str(unit), **rest} if rest.keys() <= {"field"}:
            return _bucket(str(rest.get("field", "createdAt")), unit)
        case {"type": "aggregation", "aggregation": str(name), **rest} if rest.keys() <= {"field"}:
            return _aggregation(name, rest.get("field"))
    raise QueryProblem(f"select: {_short(item)} is no field, aggregation or time")


def _field_column(field: object, path: object) -> _Column:
    """Return a field as a column, or what is at `path` inside one of JSON: its key is then the names with points
    between.
    """
    if path is None:
        return _Column(str(field), _field(field), is_group=True)
    return _Column(".".join((str(field), *_path(path))), _member(field, path), is_group=True)


def _bucket(field: str, unit: str) -> _Column:
    if field != "createdAt" or unit not in _TIME_UNITS:
        raise QueryProblem(f"Expected hour, day, week or month of createdAt, found {unit!r} of {field!r}")
    return _Column(f"{field}_{unit}", f"bucket_start(created_us, '{unit}')", is_group=True)


def _aggregation(name: str, field: object) -> _Column:
    if name not in _AGGREGATIONS:
        raise QueryProblem(f"select: {name!r} is not one of {', '.join(_AGGREGATIONS)}")
    if field is None:
        if name != "count":
            raise QueryProblem(f"select: {name} needs a field")
        return _Column(name, "count(*)", is_group=False)
    if field == "createdAt" and name in ("min", "max"):
        return _Column(f"{name}_{field}", f"utc_text({name}(created_us))", is_group=False)
    call = f"count(DISTINCT {_field(field)})" if name == "countDistinct" else f"{name}({_field(field)})"
    return _Column(f"{name}_{field}", call, is_group=False)


def _group(item: object) -> _Column:
    entry = _object(item, "groupBy", {"field", "path", "includeInSelect"})
    field = entry.get("field")
    base, _, unit = field.rpartition("_") if isinstance(field, str) else ("", "", "")
    column = _bucket(base, unit) if base else _field_column(field, entry.get("path"))
    return column._replace(is_shown=entry.get("includeInSelect", True) is not False)


def _order(item: object, named: Mapping[str, _Column], is_grouped: bool) -> str:
    entry = _object(item, "orderBy", {"field", "direction"})
    field, direction = entry.get("field"), entry.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise QueryProblem(f"orderBy: {direction!r} is not one of asc, desc")
    if isinstance(field, str) and field in named:
        sql = named[field].sql
    elif is_grouped:
        raise QueryProblem(f"orderBy: {field!r} is not among {', '.join(named)}")
    else:
        sql = _field(field)
    return f"{'created_us' if field == 'createdAt' and not is_grouped else sql} {direction}"


def _where(clause: object, parameters: list[object], depth: int = 0) -> str:
    entry = _object(clause, "where", {"condition", "and", "or"})
    if len(entry) != 1 or depth > _MAX_WHERE_DEPTH:
        raise QueryProblem(f"where: expected one of condition, and, or, found {_short(clause)}")
    ((kind, value),) = entry.items()
    if kind == "condition":
        return _condition(value, parameters)
    clauses = [_where(inner, parameters, depth + 1) for inner in _list(value, f"where.{kind}")]
    neutral = "1" if kind == "and" else "0"
    return "(" + f" {kind.upper()} ".join(clauses or [neutral]) + ")"


def _condition(condition: object, parameters: list[object]) -> str:
    entry = _object(condition, "where.condition", {"field", "operator", "value"})
    field, operator, value = entry.get("field"), entry.get("operator"), entry.get("value")
    sql = "created_us" if field == "createdAt" else _field(field)
    if isinstance(value, dict) and "path" in value:
        inside = _object(value, "where.condition.value", {"path", "value"})
        sql, value = _member(field, inside["path"]), inside.get("value")
    if operator in ("isNull", "isNotNull"):
        return f"{sql} IS {'NOT ' if operator == 'isNotNull' else ''}NULL"
    if operator in ("in", "notIn"):
        values = [_value(field, inner) for inner in _list(value, f"where.condition.{operator}")]
        parameters.append(orjson.dumps(values).decode())
        return f"{sql} {'NOT ' if operator == 'notIn' else ''}IN (SELECT value FROM json_each(?))"  # noqa: S608
    if operator not in _COMPARISONS:
        raise QueryProblem(f"where: {operator!r} is not an operator of the sandbox")
    parameters.append(_value(field, value))
    return f"{sql} {_COMPARISONS[operator]} ?"


def _value(field: object, value: object) -> str | int | float:
    if field == "createdAt":
        microseconds = microseconds_of(value) if isinstance(value, str) else None
        if microseconds is None:
            raise QueryProblem(f"where: {_short(value)} is no time with a zone")
        return microseconds
    if isinstance(value, str | int | float):
        return value
    raise QueryProblem(f"where: {_short(value)} is nothing to compare {field} with")


def _field(field: object) -> str:
    if isinstance(field, str) and field in _FIELDS:
        return _FIELDS[field]
    raise QueryProblem(f"{_short(field)} is not one of the fields {', '.join(_FIELDS)}")


def _member(field: object, path: object) -> str:
    """Return the SQL of what is at `path` inside a JSON field, as text or number."""
    if field not in _JSON_FIELDS:
        raise QueryProblem(f"path: {_short(field)} is not one of {', '.join(sorted(_JSON_FIELDS))}")
    members = "".join(f'."{name}"' for name in (str(field), *_path(path)))
    return f"body ->> '${members}'"


def _path(path: object) -> list[str]:
    names = _list(path, "path")
    # The names become part of the SQL, so that only plain ones are taken.
    if not names or not all(
        isinstance(name, str) and re.fullmatch(r"[\w .@-]{1,100}", name) for name in names
    ):
        raise QueryProblem(f"path: expected a list of plain names, found {_short(path)}")
    return names


def _object(value: object, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= known:
        raise QueryProblem(
            f"{where}: expected an object of {', '.join(sorted(known))}, found {_short(value)}"
        )
    return value


def _list(value: object, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise QueryProblem(f"{where}: expected a list, found {_short(value)}")
    return value


def _decode(key: str, value: object, *, as_strings: bool) -> object:
    if key not in _JSON_FIELDS or not isinstance(value, str):
        return value
    return shown_as_strings(orjson.loads(value)) if as_strings else orjson.Fragment(value)


def _short(value: object) -> str:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        return "something nested deeply"
    return text if len(text) <= 80 else text[:79] + "…"
