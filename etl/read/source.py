"""The source of a job: its files behind one schema, read ahead of whoever uses the rows."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import polars as pl

from etl.errors import InputError
from etl.job.model import Job, TimestampSpec
from etl.job.needed_columns import named_places, typed_columns, used_columns
from etl.read.access_log import AccessLogReader
from etl.read.csv.reader import CsvReader
from etl.read.excel.reader import ExcelReader
from etl.read.files import SourcePath
from etl.read.growing import NoWholeLine, find_whole_lines, take_head
from etl.read.json.reader import open_json
from etl.read.kinds import FLAGGED, LINED
from etl.read.ndjson import NdjsonReader
from etl.read.parquet.reader import ParquetReader
from etl.read.resolve import resolve_files
from etl.read.typed.reader import TypedReader
from etl.read.uses import Uses
from etl.read.widening import fit_values, widen
from etl.read.years import YearTeller
from etl.values.rows import LINE, ROW, YEAR, Batch, json_flag
from etl.values.whence import ROW_NUMBER, tell_whence

__all__ = ["Source", "open_source"]

READ_AHEAD: Final = 2
# How often it is looked whether the thread that reads is still there.
LOOK_SECONDS: Final = 1.0
SMALL_BYTES: Final = 64 << 10
# What follows holds several times a frame's own size: short rows make frames of no more than this.
MOST_ROWS: Final = 131_072


class Reader(Protocol):
    """One file: the columns it has, and its records in order."""

    schema: dict[str, pl.DataType]

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records in order."""
        ...


class Source:
    """All files of a job, with the union of their columns: a file without one of them has nulls there.

    `schema` has the type of each column that holds the values of every file; `schemas` has for each file the types that
    its frames come with, which are its own. `waiting` are files that hold no whole line yet. `keeps_much`: reading one
    takes so much memory that whoever takes its rows should make do with little.
    """

    def __init__(
        self,
        files: tuple[SourcePath, ...],
        readers: tuple[Reader, ...],
        waiting: tuple[SourcePath, ...] = (),
        uses: Uses = frozenset,
        keeps_type: Callable[[str], bool] = lambda _: True,
        dated: TimestampSpec | None = None,
        places: Callable[[SourcePath], Mapping[str, str | None]] = lambda _: {},
    ) -> None:
        """Unite the files' columns; raises `InputError` where one of `uses` has types that don't go together.

        A column that a file lacks is of the type that `schema` has where `keeps_type` of it, else of none. `dated` is a
        time that says no year: each row gets one. `places` are columns of where a file's rows are from.
        """
        self._places = [places(file) for file in files]
        self._dated = dated
        self.files, self.waiting = files, waiting
        self._readers = readers
        self.keeps_much = any(getattr(reader, "keeps_much", False) for reader in readers)
        own = [_own_schema(file, reader) for file, reader in zip(files, readers, strict=True)]
        if dated is not None:
            own = [{**schema, YEAR: pl.String()} for schema in own]
        own = [{**schema, **_place_types(place)} for schema, place in zip(own, self._places, strict=True)]
        self.schema = _unite(files, own, uses)
        self.schemas = [
            {
                name: schema.get(name) or (dtype if keeps_type(name) or dtype == pl.String else pl.Null())
                for name, dtype in self.schema.items()
            }
            for schema in own
        ]

    def has_json_flags(self, index: int) -> bool:
        """Whether the frames of the file at `index` say of each column where it holds JSON."""
        return self.files[index].format in FLAGGED

    def has_lines(self, index: int) -> bool:
        """Whether the frames of the file at `index` say in which line each row begins."""
        return self.files[index].format in LINED

    def read_size(self, index: int) -> int | None:
        """Return how many bytes of the file at `index` its batches took; None for all of it. Read it after them."""
        end = self.files[index].end
        return None if end is None else end - getattr(self._readers[index], "unread_bytes", 0)

    def batches(self, index: int) -> Iterator[Batch]:
        """Yield the batches of the file at `index`, with the columns of `schemas` (and their JSON flags)."""
        own = self._own_batches(index)
        ahead = _in_turn(own) if _is_small(self.files[index]) else _read_ahead(own)
        with closing(ahead) as batches:
            for batch in batches:
                whole = Batch(self._conform(batch.frame, index), batch.malformed)
                height = max(1, whole.frame.height)
                yield from whole.split(range(MOST_ROWS, height + MOST_ROWS, MOST_ROWS))

    def _own_batches(self, index: int) -> Iterator[Batch]:
        reader = self._readers[index]
        if self._dated is None:
            return reader.batches()
        return YearTeller(self._dated, self.files[index], reader.batches).tell(reader.batches())

    def widen(self, frame: pl.DataFrame, index: int) -> pl.DataFrame:
        """Return a frame of the file at `index` with the columns and types of `schema`, as those of any other file."""
        columns = [
            _cast(frame[name], dtype, self.files[index]).alias(str(at))
            for at, (name, dtype) in enumerate(self.schema.items())
        ]
        widened = pl.DataFrame(columns)
        widened.columns = list(self.schema)
        return widened

    def _conform(self, frame: pl.DataFrame, index: int) -> pl.DataFrame:
        """Return the frame with the columns of its file's schema, each found by its exact name, never as a pattern."""
        file, has_flags = self.files[index], self.has_json_flags(index)
        given, height = dict(zip(frame.columns, frame.get_columns(), strict=True)), frame.height
        constants = {**dict(file.partitions), **self._places[index]}
        if ROW_NUMBER in constants:
            given[ROW_NUMBER] = given[ROW].alias(ROW_NUMBER)
        columns: list[pl.Series] = [given[name] for name in (ROW, LINE) if name in given]
        for name, dtype in self.schemas[index].items():
            if name in given:
                columns.append(_cast(given[name], dtype, file))
            else:
                columns.append(pl.Series(name, [constants.get(name)], dtype=dtype).new_from_index(0, height))
            if has_flags:
                flag = json_flag(name)
                columns.append(
                    given[flag] if flag in given else pl.Series(flag, [False]).new_from_index(0, height)
                )
        conformed = pl.DataFrame([column.alias(str(at)) for at, column in enumerate(columns)])
        # Polars gives a column without a name another one.
        conformed.columns = [column.name for column in columns]
        return conformed


def open_source(
    job: Job, fetched: Path | None = None, *, now: float | None = None, most_bytes: int | None = None
) -> Source:
    """Open every file of the job far enough to know its columns; remote ones are fetched into `fetched` first.

    Where `fetched` is None that is `fetched/` in the job's own place beside the job file. Raises `InputError` for what
    is missing or unreadable, `JobError` for what the job says wrongly of it, `Incomplete` where the network fails.
    `now`, in seconds since the epoch, is given for an incremental job: what is still being written is left for later.
    With `most_bytes`, of text files only so much is looked at.
    """
    files = resolve_files(job, fetched)
    if most_bytes is not None:
        files = tuple(take_head(file, job, most_bytes) for file in files)
    waiting: tuple[SourcePath, ...] = ()
    if now is not None:
        files, waiting = find_whole_lines(files, job, now)
    if not files:
        raise NoWholeLine(waiting)
    typed, has_hook = typed_columns(job), job.source.transform is not None
    return Source(
        files,
        tuple(_open_reader(file, job) for file in files),
        waiting,
        uses=lambda names: frozenset(names) if has_hook else used_columns(job, names),
        keeps_type=lambda name: has_hook or name in typed,
        dated=job.event.createdAt if job.event.createdAt.year is not None else None,
        places=lambda file: _tell_places(file, job),
    )


def _open_reader(file: SourcePath, job: Job) -> Reader:
    if file.format == "parquet":
        return ParquetReader(
            file,
            uses=lambda names: used_columns(job, names),
            is_open=job.source.transform is not None,
        )
    if file.format in ("arrow", "avro"):
        return TypedReader(file, uses=lambda names: used_columns(job, names))
    if file.format == "excel":
        return ExcelReader(file, job.source.excel, uses=lambda names: used_columns(job, names))
    if file.format == "json":
        return open_json(file, job.source.json_)
    if file.format == "access_log":
        return AccessLogReader(file)
    return (
        NdjsonReader(file, job.source.ndjson) if file.format == "ndjson" else CsvReader(file, job.source.csv)
    )


def _own_schema(file: SourcePath, reader: Reader) -> dict[str, pl.DataType]:
    return {
        **reader.schema,
        **{name: pl.String() for name, _ in file.partitions if name not in reader.schema},
    }


def _tell_places(file: SourcePath, job: Job) -> dict[str, str | None]:
    known = {**tell_whence(file.name, job.folder), ROW_NUMBER: None}
    return {name: known[name] for name in sorted(named_places(job))}


def _place_types(places: Mapping[str, str | None]) -> dict[str, pl.DataType]:
    return {name: pl.UInt32() if name == ROW_NUMBER else pl.String() for name in places}


def _unite(
    files: tuple[SourcePath, ...], schemas: list[dict[str, pl.DataType]], uses: Uses
) -> dict[str, pl.DataType]:
    """Return the union of the files' columns, where no type holds the values of all that of the first."""
    united: dict[str, pl.DataType] = {}
    used = uses({name for schema in schemas for name in schema})
    for file, schema in zip(files, schemas, strict=True):
        for name, dtype in schema.items():
            wide = widen(united.get(name, dtype), dtype)
            if wide is None and name in used:
                raise InputError(
                    f"Expected column `{name}` to be {united[name]} as in the files before, found {dtype} - "
                    f"{file.name}",
                    "Give files of different types a job each",
                )
            united[name] = wide or united[name]
    return united


def _cast(column: pl.Series, dtype: pl.DataType, file: SourcePath) -> pl.Series:
    if column.dtype == dtype:
        return column
    try:
        return fit_values(column, dtype)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"Expected values of column `{column.name}` that fit {dtype}, as in the other files, found: {reason} - "
            f"{file.name}",
            "Give files of different types a job each",
        ) from None


def _in_turn(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    yield from batches


def _is_small(file: SourcePath) -> bool:
    """Whether reading the file is done sooner than a thread for it is there."""
    try:
        return file.path.stat().st_size <= SMALL_BYTES
    except OSError:  # the reader tells it
        return True


# A batch, the error that ended the reading, or None at its end.
_Item: TypeAlias = Batch | BaseException | None


def _read_ahead(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """Yield `batches`, read by a thread that keeps a few ready: reading and transforming overlap."""
    ready: queue.Queue[_Item] = queue.Queue(READ_AHEAD)
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
        while (item := _next_of(ready, thread)) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()  # it looks for the word between two batches


def _next_of(ready: "queue.Queue[_Item]", thread: threading.Thread) -> _Item:
    """Return what the thread offers next; raises `MemoryError` where it ended without a word: nothing else ends it."""
    while True:
        try:
            return ready.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            if not thread.is_alive() and ready.empty():
                raise MemoryError from None


def _offer(ready: "queue.Queue[_Item]", item: _Item, stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
