"""Applies a mapping, written as a job file would, to a frame."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from etl.job.load import parse_job
from etl.job.model import Job
from etl.transform.compile import compile_plan
from etl.transform.plan import Plan
from etl.values.rows import ROW, Transformed, json_flag

STARTED = datetime(2024, 6, 1, tzinfo=UTC)
EVENT = """
type = { value = "t" }
entityType = { value = "message" }
messageId = { value = "m" }
createdAt = "at"
"""
AT = "2024-01-31T09:30:00Z"


def job_of(event: str = EVENT, *, before: str = "", after: str = "", folder: Path = Path("jobs")) -> Job:
    text = f'name = "j"\n[source]\npaths = ["x.csv"]\n{before}\n[event]\n{event}\n{after}\n'
    return parse_job(text, folder / "j.toml")


def plan_of(job: Job, frame: pl.DataFrame, *, with_source: bool = True) -> Plan:
    schema = {name: dtype for name, dtype in frame.schema.items() if not name.startswith("\x1f")}
    flags = {name: json_flag(name) for name in schema if json_flag(name) in frame.columns}
    return compile_plan(job, schema, json_flags=flags, started=STARTED, with_source=with_source)


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias(ROW))


def apply(job: Job, frame: pl.DataFrame) -> Transformed:
    return plan_of(job, frame).apply(numbered(frame))


def map_rows(columns: Mapping[str, Any] | pl.DataFrame, event: str = EVENT, **job: Any) -> Transformed:
    """What becomes of the columns; a column `at` with a good time is there unless it is given."""
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns)
    if "at" not in frame.columns:
        frame = frame.with_columns(pl.lit(AT).alias("at"))
    return apply(job_of(event, **job), frame)


def properties_of(columns: Mapping[str, Any] | pl.DataFrame, spec: str, **job: Any) -> list[Any]:
    """What the property `p` is in each event; None where it was left out."""
    done = map_rows(columns, after=f"[event.properties]\np = {spec}", **job)
    assert done.rejects.height == 0, done.rejects["reason"].to_list()
    return [body.get("properties", {}).get("p") for body in bodies_of(done)]


def bodies_of(done: Transformed) -> list[dict[str, Any]]:
    return [json.loads(body) for body in done.events["body"]]


def reasons_of(done: Transformed) -> list[tuple[int, str, str]]:
    return list(done.rejects.select("row", "code", "reason").iter_rows())


def codes_of(done: Transformed) -> dict[int, str]:
    return dict(done.rejects.select("row", "code").iter_rows())


def ndjson(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """NDJSON as the reader gives it: texts, and where they are JSON rather than strings."""
    names = dict.fromkeys(name for record in records for name in record)
    columns: dict[str, Any] = {}
    for name in names:
        values = [record.get(name) for record in records]
        columns[name] = pl.Series(
            [v if v is None or isinstance(v, str) else _dump(v) for v in values],
            dtype=pl.String,
        )
        columns[json_flag(name)] = pl.Series([v is not None and not isinstance(v, str) for v in values])
    return pl.DataFrame(columns)


def _dump(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
