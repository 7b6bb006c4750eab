"""Which columns each field of an event comes from. Pure."""

from collections.abc import Mapping, Sequence

import polars as pl

from etl.job.model import EVENT_FIELDS, FieldSpec, Job, TimestampSpec

__all__ = ["field_origins"]


def field_origins(job: Job, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each field of the job's events (as in `properties.page`), the columns it is made of.

    A constant has none. The order is that of the body.
    """
    event = job.event
    origins: dict[str, tuple[str, ...]] = {}
    if event.id.kind != "content":
        origins["id"] = event.id.key_columns
    for name in ("type", "entityType", "messageId", "conversationId", "searchQuery"):
        _add(origins, name, getattr(event, name))
    _add(origins, "createdAt", event.createdAt)
    for name in EVENT_FIELDS[-2:]:
        _add(origins, name, getattr(event, name))
    _add_members(origins, "properties", event.properties.fields)
    _add_members(origins, "userProperties", event.userProperties)
    if event.properties.every_column:
        used = {column for field, names in origins.items() if field != "id" for column in names}
        left_out = used | set(event.properties.excluded)
        for column in columns:
            if column not in left_out:
                origins.setdefault(f"properties.{column}", (column,))
    return origins


def _add_members(origins: dict[str, tuple[str, ...]], table: str, specs: Mapping[str, FieldSpec]) -> None:
    for key in sorted(specs):
        _add(origins, f"{table}.{key}", specs[key])


def _add(origins: dict[str, tuple[str, ...]], path: str, spec: FieldSpec | TimestampSpec | None) -> None:
    if spec is None:
        return
    if spec.column is not None:
        origins[path] = (spec.column,)
    elif isinstance(spec, TimestampSpec) and spec.columns is not None:
        origins[path] = spec.columns
    elif spec.sql is not None:
        origins[path] = tuple(dict.fromkeys(pl.sql_expr(spec.sql).meta.root_names()))
    else:
        origins[path] = ()
