"""The first rows of a job beside the events they become. Reads no more of the files than that takes; sends nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl

from etl.errors import InputError
from etl.intake.batches import open_rows
from etl.intake.field_sources import field_origins
from etl.job.model import Job
from etl.report.preview import Preview, PreviewedRow
from etl.transform.plan import Plan
from etl.transform.values import is_encodable, to_text
from etl.values.rows import ROW, Batch, MalformedRecord, column_named

__all__ = ["PreviewOptions", "preview_job"]

# A chunk of rows is transformed at once when rejects are looked for; rows are few otherwise.
CHUNK_ROWS = 8_192


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What to show: the first `rows` rows, or row number `row` of the first file, or the first rejects."""

    rows: int = 5
    row: int | None = None
    rejects_only: bool = False


def preview_job(job: Job, options: PreviewOptions, *, started: datetime) -> Preview:
    """Return the rows asked for beside their events.

    Raises `JobError` and `InputError` as a run does, and `InputError` where there is no such row.
    """
    source, plans = open_rows(job, started, with_source=False)
    columns = tuple(source.schema)
    origins = field_origins(job, columns)
    shown: list[PreviewedRow] = []
    looked_at = 0
    files = range(len(source.files)) if options.row is None else range(1)
    for file in files:
        name = source.files[file].name
        for batch in source.batches(file):
            looked_at += batch.records
            shown += _show(plans.of(file), name, columns, _wanted(batch, options, len(shown)), options)
            if len(shown) >= (1 if options.row is not None else options.rows):
                break
        if len(shown) >= options.rows:
            break
    if not shown and not options.rejects_only:
        asked = f"row {options.row}" if options.row is not None else "rows"
        found = f"{looked_at:,} rows" if looked_at else "none"
        raise InputError(
            f"Expected {asked}, found {found} - {source.files[0].name}",
            "Check the file, or ask for another row: --row N",
        )
    used = {column for names in origins.values() for column in names}
    return Preview(
        job=job.name,
        rows=tuple(shown[: options.rows]),
        columns=columns,
        origins=origins,
        dropped=tuple(column for column in columns if column not in used),
        looked_at=looked_at,
        rejects_only=options.rejects_only,
    )


def _wanted(batch: Batch, options: PreviewOptions, found: int) -> Iterator[Batch]:
    """Yield the parts of a batch to transform: no more rows than are shown."""
    if options.row is not None:
        malformed = tuple(record for record in batch.malformed if record.row == options.row)
        yield Batch(batch.frame.filter(pl.col(ROW) == options.row), malformed)
    elif options.rejects_only:
        height = max(1, batch.frame.height)
        yield from batch.split(range(CHUNK_ROWS, height + CHUNK_ROWS, CHUNK_ROWS))
    else:
        yield next(batch.split([options.rows - found]))


def _show(
    plan: Plan, file: str, columns: tuple[str, ...], batches: Iterator[Batch], options: PreviewOptions
) -> list[PreviewedRow]:
    shown: list[PreviewedRow] = []
    for batch in batches:
        done = plan.apply(batch.frame)
        rows = [_show_malformed(file, record) for record in batch.malformed]
        rows += [
            PreviewedRow(file, row, "rejected", {}, None, code, reason, name)
            for row, code, reason, name in done.rejects.select("row", "code", "reason", "field").iter_rows()
        ]
        if not options.rejects_only:
            known = {row.row for row in rows}
            for row, body in done.events.select("row", "body").iter_rows():
                rows.append(PreviewedRow(file, row, "event", {}, orjson.loads(body), None, "", ""))
                known.add(row)
            rows += [
                PreviewedRow(file, row, "skipped", {}, None, None, "the job's filter leaves it out", "")
                for row in batch.frame[ROW]
                if row not in known
            ]
        rows.sort(key=lambda row: row.row)
        shown += _with_cells(rows[: options.rows], batch.frame, columns)
        if len(shown) >= options.rows:
            break
    return shown


def _show_malformed(file: str, record: MalformedRecord) -> PreviewedRow:
    return PreviewedRow(
        file, record.row, "rejected", {"": record.raw}, None, record.code.value, record.reason, ""
    )


def _with_cells(
    rows: list[PreviewedRow], frame: pl.DataFrame, columns: tuple[str, ...]
) -> Iterator[PreviewedRow]:
    numbers = [row.row for row in rows]
    cells: dict[int, dict[str, Any]] = {}
    shown = [_as_cell(name, frame.schema[name]) for name in columns]
    for values in frame.filter(pl.col(ROW).is_in(numbers)).select(ROW, *shown).iter_rows():
        cells[values[0]] = dict(zip(columns, values[1:], strict=True))
    for row in rows:
        yield row.with_cells(cells[row.row]) if row.row in cells else row


def _as_cell(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as it is shown: text of what Python has no value for, like times beyond the year 9999."""
    column = column_named(name)
    is_text = dtype.is_temporal() or (dtype.is_nested() and not is_encodable(dtype))
    return to_text(column, dtype).alias(name) if is_text else column
