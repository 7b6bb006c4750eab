"""A job's mapping compiled for each file of its source, by the types of that file alone.

Rule: a row becomes the same event whatever files lie beside its own. What the files' types have in common is only asked
where the mapping can't be compiled otherwise: SQL that reads what a file lacks gets it as the other files have it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import polars as pl

from etl.errors import JobError
from etl.job.model import Job
from etl.job.needed_columns import sql_columns
from etl.read.source import Source
from etl.transform.compile import compile_plan
from etl.transform.plan import Plan
from etl.values.rows import json_flag

__all__ = ["Plans", "compile_plans"]


@dataclass(frozen=True, slots=True)
class Plans:
    """The plan of each file, by its position in the source."""

    by_file: tuple[Plan, ...]
    is_dry: bool

    def of(self, file: int) -> Plan:
        """Return the plan of the file at position `file`."""
        return self.by_file[file]


def compile_plans(
    job: Job, source: Source, *, started: datetime, with_source: bool = True, is_dry: bool = False
) -> Plans:
    """Return the plans of the source's files, each compiled once for all files of the same types; raises `JobError`."""

    def compile_for(schema: dict[str, pl.DataType], *, has_flags: bool) -> Plan:
        return compile_plan(
            job,
            schema,
            union=source.schema,
            json_flags={
                name: json_flag(name) for name, dtype in schema.items() if has_flags and dtype == pl.String
            },
            started=started,
            with_source=with_source,
            is_dry=is_dry,
        )

    known: dict[object, tuple[Plan, dict[str, pl.DataType]]] = {}
    plans: list[Plan] = []
    for index in range(len(source.files)):
        has_flags = source.has_json_flags(index)
        # Frames of one plan may be joined: they have the same columns.
        key = (tuple(source.schemas[index].items()), has_flags, source.has_lines(index))
        if key not in known:
            compile_it = partial(compile_for, has_flags=has_flags)
            known[key] = _compile_narrowest(job, source, source.schemas[index], compile_it)
        plan, source.schemas[index] = known[key]
        plans.append(plan)
    return Plans(tuple(plans), is_dry)


def _compile_narrowest(
    job: Job,
    source: Source,
    own: dict[str, pl.DataType],
    compile_for: Callable[[dict[str, pl.DataType]], Plan],
) -> tuple[Plan, dict[str, pl.DataType]]:
    """Return the plan for a file's own types, or for the first that are wider and can be compiled; and those types."""
    in_sql = sql_columns(job)
    partly = {name: source.schema[name] if name in in_sql else dtype for name, dtype in own.items()}
    for schema in (own, partly):
        if schema != source.schema:
            try:
                return compile_for(schema), schema
            except JobError:
                continue
    return compile_for(source.schema), dict(source.schema)
