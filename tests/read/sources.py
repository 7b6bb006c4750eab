"""Source files for the tests of the readers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from etl.job.model import CsvDialect, EventSpec, FieldSpec, Job, SourceSpec, TimestampSpec
from etl.read.csv.reader import CsvReader
from etl.read.files import SourcePath
from etl.read.ndjson import NdjsonReader
from etl.values.rows import ROW, Batch, MalformedRecord

Row = tuple[Any, ...]


def source_at(
    folder: Path, data: bytes, name: str = "rows.csv", compression: str | None = None
) -> SourcePath:
    path = folder / name
    path.write_bytes(data)
    return SourcePath(name, path, name.split(".")[1], compression)


def dialect(**keys: Any) -> CsvDialect:
    """A dialect that keeps empty cells as empty text, as Python's csv module does."""
    return CsvDialect.model_validate({"null_values": (), **keys}, strict=False)


def read_csv(
    source: SourcePath, spec: CsvDialect, chunk_bytes: int = 4 << 20
) -> tuple[list[Row], list[MalformedRecord]]:
    return gather(CsvReader(source, spec, chunk_bytes=chunk_bytes).batches())


def read_ndjson(source: SourcePath, chunk_bytes: int = 4 << 20) -> tuple[list[Row], list[MalformedRecord]]:
    return gather(NdjsonReader(source, chunk_bytes=chunk_bytes).batches())


def gather(batches: Iterable[Batch]) -> tuple[list[Row], list[MalformedRecord]]:
    """All rows (their number first, without JSON flags) and all malformed records of some batches."""
    rows: list[Row] = []
    malformed: list[MalformedRecord] = []
    for batch in batches:
        names = [name for name in batch.frame.columns if not name.startswith("\x1f")]
        columns = [batch.frame.get_column(name).to_list() for name in (ROW, *names)]
        rows += zip(*columns, strict=True)
        malformed += batch.malformed
    return rows, malformed


def job_over(folder: Path, *paths: str, **source: Any) -> Job:
    """A job over some paths; its mapping is of no interest here."""
    return Job(
        path=folder / "job.toml",
        text="",
        name="reading",
        source=SourceSpec(paths=paths, **source),
        event=EventSpec(
            type=FieldSpec(value="t"),
            entityType=FieldSpec(value="message"),
            createdAt=TimestampSpec(column="at"),
        ),
    )
