"""Which columns of a source a job rests on. Pure."""

from collections.abc import Iterable, Iterator

import polars as pl

from etl.job.model import EVENT_FIELDS, FieldSpec, Job, TimestampSpec
from etl.panics import without_panic_text
from etl.values.rows import YEAR
from etl.values.whence import PLACES, place_column

__all__ = ["columns_in_sql", "named_places", "sql_columns", "typed_columns", "used_columns"]


def used_columns(job: Job, columns: Iterable[str]) -> frozenset[str]:
    """Return those of `columns` that the job's events, ids, filter or watermark are made of.

    A job's own function may use any column: what it does is not looked at.
    """
    event, known = job.event, frozenset(columns)
    used = {name for spec in _specs(job) for name in _names(spec)}
    used |= {*event.id.key_columns, job.source.watermark or ""}
    used |= columns_in_sql(job.filter.sql) if job.filter is not None else set()
    if event.properties.every_column:
        used |= known - set(event.properties.excluded)
    return frozenset(found for name in used if (found := _find(name, known)) is not None)


def named_places(job: Job) -> frozenset[str]:
    """Return the columns of where a row is from that the job names."""
    names = {name for spec in _specs(job) for name in _names(spec)} | set(job.event.id.key_columns)
    names |= columns_in_sql(job.filter.sql) if job.filter is not None else set()
    return frozenset(names) & {place_column(place) for place in PLACES}


def sql_columns(job: Job) -> frozenset[str]:
    """Return the columns that the job's SQL reads."""
    texts = [spec.sql for spec in _specs(job) if spec.sql is not None]
    texts += [job.filter.sql] if job.filter is not None else []
    return frozenset[str]().union(*map(columns_in_sql, texts))


def typed_columns(job: Job) -> frozenset[str]:
    """Return the columns whose type matters even where all their values are null: in SQL, as time, as watermark."""
    return sql_columns(job) | _names(job.event.createdAt) | {job.source.watermark or ""}


def columns_in_sql(sql: str) -> frozenset[str]:
    """Return the columns that a Polars SQL expression reads; none for one that can't be parsed."""
    try:
        with without_panic_text():
            return frozenset(pl.sql_expr(sql).meta.root_names())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, RecursionError):
        return frozenset()


def _specs(job: Job) -> Iterator[FieldSpec | TimestampSpec]:
    event = job.event
    own = (getattr(event, name) for name in (*EVENT_FIELDS, "createdAt"))
    yield from (spec for spec in own if spec is not None)
    yield from event.properties.fields.values()
    yield from event.userProperties.values()


def _names(spec: FieldSpec | TimestampSpec) -> frozenset[str]:
    if spec.sql is not None:
        return columns_in_sql(spec.sql)
    several = spec.columns if isinstance(spec, TimestampSpec) else None
    year = (YEAR,) if isinstance(spec, TimestampSpec) and spec.year is not None else ()
    return frozenset((*(several or ((spec.column,) if spec.column is not None else ())), *year))


def _find(name: str, known: frozenset[str]) -> str | None:
    """Return the column that `name` is, or that it leads into as a dotted path."""
    steps = name.split(".")
    paths = (".".join(steps[:count]) for count in range(len(steps), 0, -1))
    return next((path for path in paths if path in known), None)
