"""Reads a mended record as the job's reader would, and gives retried rows the columns that the mapping needs."""

import glob
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from etl.errors import BackfillError, InputError
from etl.job.model import CsvDialect, Job
from etl.read.kinds import FLAGGED, TYPED, format_in_name
from etl.read.source import Source, open_source
from etl.values.rows import ROW, json_flag

__all__ = ["format_of", "has_json", "parse_record", "text_frame", "typed_frames"]

TEXT_FORMATS: Final = ("csv", "tsv", "excel")


def format_of(job: Job, file: str) -> str:
    """Return the format of a source file of the job, from its name alone where the job doesn't say it."""
    return job.source.format or format_in_name(file) or "csv"


def parse_record(job: Job, file: str, text: str) -> dict[str, Any] | str:
    """Return the columns of the record `text`, read in the dialect of its source file, or what is wrong with it."""
    form = format_of(job, file)
    if form in TYPED:
        return "a file of typed columns has no malformed records"
    if form == "json" and job.source.json_.beside:
        return "what stands beside its list can't be told from `raw`; fill in its columns instead"
    try:
        columns = _columns_of(job, file) if form in TEXT_FORMATS else ()
    except BackfillError:
        return "its columns can't be told, because the file is gone; fill in the columns instead of `raw`"
    with tempfile.TemporaryDirectory(prefix="backfill-") as folder:
        form = "csv" if form == "excel" else form
        path = Path(folder) / f"record.{form}"
        whole = f"[\n{text}\n]" if form == "json" else text.rstrip("\r\n")
        path.write_text(whole + "\n", encoding="utf-8", newline="")
        try:
            batches = list(open_source(_job_of_record(job, file, path, form, columns)).batches(0))
        except BackfillError as error:
            return error.problem.partition(" - ")[0]
    frames = [batch.frame for batch in batches if batch.frame.height]
    malformed = [record for batch in batches for record in batch.malformed]
    if malformed:
        return f"still malformed: {malformed[0].reason}"
    if sum(frame.height for frame in frames) != 1:
        return "expected one record"
    return _values_of(frames[0])


def has_json(job: Job, files: Iterable[str]) -> bool:
    """Whether some of the files are of a format whose columns hold values of several types."""
    return any(format_of(job, file) in FLAGGED for file in files)


def text_frame(
    job: Job,
    file: str,
    rows: Sequence[tuple[int, dict[str, Any]]],
    columns: Sequence[str],
    *,
    json_flags: bool,
) -> pl.DataFrame:
    """Return rows of a text format as the reader gives them: text columns, and where `json_flags` what of it is
    JSON.
    """
    own = {"excel": job.source.excel.null_values, **dict.fromkeys(("csv", "tsv"), job.source.csv.null_values)}
    nulls = set(own.get(format_of(job, file), ()))
    series = [pl.Series(ROW, [row for row, _ in rows], dtype=pl.UInt32)]
    for name in columns:
        values = [values.get(name) for _, values in rows]
        texts = [
            value
            if value is None or isinstance(value, str)
            else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            for value in values
        ]
        series.append(pl.Series(name, [None if text in nulls else text for text in texts], dtype=pl.String))
        if json_flags:
            series.append(
                pl.Series(
                    json_flag(name),
                    [value is not None and not isinstance(value, str) for value in values],
                    dtype=pl.Boolean,
                )
            )
    return pl.DataFrame(series)


def typed_frames(
    source: Source,
    index: int,
    numbers: pl.Series,
    edits: Sequence[tuple[int, dict[str, Any], frozenset[str]]],
) -> Iterator[pl.DataFrame]:
    """Yield the rows `numbers` of a typed format, which ascend, from the source file at `index`, with their edited
    values.

    Raises `InputError` where a row is not there any more, or an edited value is not of its column's type.
    """
    found = 0
    for batch in source.batches(index):
        frame = batch.frame.filter(pl.col(ROW).is_in(_between(numbers, batch.frame[ROW]).implode()))
        if frame.height:
            found += frame.height
            yield _put_in(source, index, frame, edits)
    if found != len(numbers):
        raise InputError(
            f"Expected {len(numbers):,} of its rows, found {found:,} - {source.files[index].name}",
            "Put back the file that was staged",
        )


def _between(numbers: pl.Series, rows: pl.Series) -> pl.Series:
    if not len(rows):
        return numbers[:0]
    return numbers[numbers.search_sorted(rows[0], "left") : numbers.search_sorted(rows[-1], "right")]


def _put_in(
    source: Source,
    index: int,
    frame: pl.DataFrame,
    edits: Sequence[tuple[int, dict[str, Any], frozenset[str]]],
) -> pl.DataFrame:
    schema, rows = source.schemas[index], set(frame[ROW]) if edits else set()
    here = [edit for edit in edits if edit[0] in rows]
    for name in sorted({name for _, _, edited in here for name in edited if name in schema}):
        values = [(row, values[name]) for row, values, edited in here if name in edited]
        put = pl.DataFrame(
            [
                pl.Series(ROW, [row for row, _ in values], dtype=pl.UInt32),
                _decode(name, schema[name], [value for _, value in values], source.files[index].name),
                pl.Series("\x1fedited", [True] * len(values)),
            ]
        )
        joined = frame.join(put, on=ROW, how="left", suffix="\x1fnew", maintain_order="left")
        chosen = pl.when(pl.col("\x1fedited")).then(pl.col(f"{name}\x1fnew")).otherwise(pl.col(name))
        frame = frame.with_columns(joined.select(chosen.alias(name)).to_series())
    return frame


def _decode(name: str, dtype: pl.DataType, values: list[Any], file: str) -> pl.Series:
    texts = pl.Series(
        name,
        [value if value is None or isinstance(value, str) else json.dumps(value) for value in values],
        dtype=pl.String,
    )
    try:
        if isinstance(dtype, pl.Datetime):
            return texts.str.to_datetime(time_unit=dtype.time_unit, time_zone=dtype.time_zone)
        if (
            dtype == pl.String
            or dtype.is_temporal()
            or dtype.is_numeric()
            or isinstance(dtype, (pl.Categorical, pl.Enum))
        ):
            return texts.cast(dtype)
        if dtype == pl.Binary:
            return texts.str.decode("base64")
        return texts.str.json_decode(dtype)
    except pl.exceptions.PolarsError:
        shown = next((text for text in texts if text), "")
        raise InputError(
            f"Expected {dtype} in column `{name}`, found `{shown[:60]}` - {file}",
            "Mend the cell in the edited file",
        ) from None


def _columns_of(job: Job, file: str) -> tuple[str, ...]:
    only = job.source.model_copy(update={"paths": (glob.escape(file),)})
    return tuple(open_source(job.model_copy(update={"source": only})).schema)


def _job_of_record(job: Job, file: str, path: Path, form: str, columns: tuple[str, ...]) -> Job:
    # The text was decoded when it was read first, and the header stands in the source file.
    dialect = {"encoding": "utf-8", "header": False, "columns": columns or None, "skip_lines": 0}
    # A row of a sheet is kept as CSV.
    is_sheet = format_of(job, file) == "excel"
    own = CsvDialect(null_values=job.source.excel.null_values) if is_sheet else job.source.csv
    known = type(own).model_fields
    csv = own.model_copy(update={key: value for key, value in dialect.items() if key in known})
    json_ = job.source.json_.model_copy(update={"path": None})
    changes = {"paths": (glob.escape(str(path)),), "format": form, "csv": csv, "json_": json_}
    source = job.source.model_copy(update=changes)
    return job.model_copy(update={"source": source})


def _values_of(frame: pl.DataFrame) -> dict[str, Any]:
    record = frame.row(0, named=True)
    names = [name for name in frame.columns if not name.startswith("\x1f")]
    return {name: json.loads(record[name]) if record.get(json_flag(name)) else record[name] for name in names}
