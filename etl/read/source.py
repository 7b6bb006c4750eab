"""The source of a job: its files behind one schema, read ahead of whoever uses the rows."""

import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Final, Protocol

import polars as pl

from etl.errors import InputError
from etl.job.model import Job
from etl.rows import ROW, Batch, json_flag
from etl.read.csv import CsvReader
from etl.read.files import SourcePath, resolve_files
from etl.read.ndjson import NdjsonReader
from etl.read.parquet import ParquetReader

__all__ = ["Source", "open_source"]

READ_AHEAD: Final = 2


class Reader(Protocol):
    """One file: the columns it has, and its records in order."""

    schema: dict[str, pl.DataType]

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records."""
        ...


class Source:
    """All files of a job, with the union of their columns: a file without one of them has nulls there."""

    def __init__(self, files: tuple[SourcePath, ...], readers: tuple[Reader, ...]) -> None:
        self.files = files
        self._readers = readers
        self.has_json_flags = any(file.format == "ndjson" for file in files)
        self.schema = _unite(files, readers)

    def batches(self, index: int) -> Iterator[Batch]:
        """Yield the batches of the file at `index`, with the columns of `schema` (and their JSON flags)."""
        with closing(_read_ahead(self._readers[index].batches())) as batches:
            for batch in batches:
                yield Batch(self._conform(batch.frame), batch.malformed)

    def _conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        columns: list[pl.Expr] = [pl.col(ROW)]
        for name, dtype in self.schema.items():
            known = frame.schema.get(name)
            columns.append(pl.lit(None, dtype).alias(name) if known is None else pl.col(name).cast(dtype))
            if self.has_json_flags:
                flag = json_flag(name)
                columns.append(pl.col(flag) if flag in frame.columns else pl.lit(value=False).alias(flag))
        return frame.select(columns)


def open_source(job: Job) -> Source:
    """Open every file of the job far enough to know its columns.

    Raises `InputError` for what is missing or unreadable, `JobError` for what the job says wrongly of it.
    """
    files = resolve_files(job)
    return Source(files, tuple(_open_reader(file, job) for file in files))


def _open_reader(file: SourcePath, job: Job) -> Reader:
    if file.format == "parquet":
        return ParquetReader(file)
    return NdjsonReader(file) if file.format == "ndjson" else CsvReader(file, job.source.csv)


def _unite(files: tuple[SourcePath, ...], readers: tuple[Reader, ...]) -> dict[str, pl.DataType]:
    schema: dict[str, pl.DataType] = {}
    for file, reader in zip(files, readers, strict=True):
        try:
            frames = [pl.DataFrame(schema=schema), pl.DataFrame(schema=reader.schema)]
            schema = dict(pl.concat(frames, how="diagonal_relaxed").schema)
        except pl.exceptions.PolarsError:
            name = next(name for name in schema if name in reader.schema and schema[name] != reader.schema[name])
            raise InputError(
                f"Expected column `{name}` to be {schema[name]} as in the files before, found {reader.schema[name]} - {file.name}",
                "Give files of different types a job each",
            ) from None
    return schema


def _read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield `batches`, read by a thread that keeps a few ready: reading and transforming overlap."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def read() -> None:
        outcome: BaseException | None = None
        try:
            for batch in batches:
                if not _offer(ready, batch, stopped):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again where the rows are used
            outcome = error
        _offer(ready, outcome, stopped)

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def _offer(
    ready: "queue.Queue[Batch | BaseException | None]", item: Batch | BaseException | None, stopped: threading.Event
) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
