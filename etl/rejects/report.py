"""The error report: every reject with its place, its cause, the fix, and every original column.

JSONL keeps values as they were; CSV is for a spreadsheet, and `etl.rejects.spreadsheet` has its rules and the way back.
Frames in, text out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final

import polars as pl

from etl.plain import JSON_ESCAPES
from etl.rejects.spreadsheet import BYTE_ORDER_MARK, cell_text, defuse_expr, name_original, name_own

__all__ = ["REPORT_SCHEMA", "add_fixes", "original_columns", "write_csv", "write_jsonl", "write_parquet"]

# The report's own columns; in CSV they start with `_`, and the original ones follow.
REPORT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "load": pl.UInt32(),
    "file": pl.String(),
    "row": pl.UInt32(),
    "line": pl.UInt32(),
    "code": pl.String(),
    "field": pl.String(),
    "column": pl.String(),
    "reason": pl.String(),
    "found": pl.String(),
    "fix": pl.String(),
    "id": pl.String(),
    "status": pl.Int32(),
    "server_code": pl.String(),
    "detail": pl.String(),
    "request_id": pl.String(),
    "attempts": pl.UInt32(),
    "first_at": pl.String(),
    "last_at": pl.String(),
    "source": pl.String(),
    "raw": pl.String(),
}
Schema = Mapping[str, pl.DataType]


def add_fixes(frame: pl.DataFrame, fixes: Mapping[tuple[str, str, str], str]) -> pl.DataFrame:
    """Return rejects with what to mend, `fixes` by code, field and column, as their column `fix`."""
    keys = frame.select(pl.col("code", "field", "column").fill_null("")).iter_rows()
    return frame.with_columns(pl.Series("fix", [fixes.get(key, "") for key in keys], dtype=pl.String))


def write_jsonl(frames: Iterable[pl.DataFrame], out: BinaryIO) -> int:
    """Write one JSON object a reject, `source` as an object of the original columns; return how many."""
    written = 0
    for frame in frames:
        keys = [name for name in frame.columns if name != "source"]
        own = pl.struct(keys).struct.json_encode().str.strip_suffix("}")
        line = pl.concat_str(own, pl.lit(',"source":'), pl.col("source").fill_null("null"), pl.lit("}\n"))
        line = line.str.replace_many(JSON_ESCAPES)
        out.write("".join(frame.select(line).to_series()).encode())
        written += frame.height
    return written


def write_csv(
    frames: Iterable[pl.DataFrame],
    columns: Sequence[str],
    out: BinaryIO,
    schema: Schema = REPORT_SCHEMA,
    *,
    null_marker: str = "",
) -> int:
    """Write the rejects for a spreadsheet, the original `columns` after the report's own of `schema`; return how many.

    An original null is written as `null_marker`, quoted where that is empty text that the source tells apart from a
    null.
    """
    own = [name_own(name) for name in schema if name != "source"]
    header = pl.DataFrame(schema=dict.fromkeys([*own, *map(name_original, columns)], pl.String))
    out.write(BYTE_ORDER_MARK)
    out.write(header.write_csv().encode())
    written = 0
    for frame in frames:
        table = _spread(frame, columns, null_marker)
        texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
        out.write(
            table.with_columns(defuse_expr(pl.col(name)) for name in texts)
            .write_csv(include_header=False)
            .encode()
        )
        written += frame.height
    return written


def write_parquet(frames: Iterable[pl.DataFrame], out: BinaryIO, schema: Schema = REPORT_SCHEMA) -> int:
    """Write the rejects as the typed columns of `schema`, `source` as JSON text; return how many."""
    import pyarrow.parquet as pq

    written = 0
    with pq.ParquetWriter(out, pl.DataFrame(schema=schema).to_arrow().schema) as writer:
        for frame in frames:
            writer.write_table(frame.to_arrow())
            written += frame.height
    return written


def original_columns(frames: Iterable[pl.DataFrame]) -> list[str]:
    """Return the names of the original columns of all rejects, in the order of their first appearance."""
    names: dict[str, None] = {}
    for frame in frames:
        for source in frame["source"].drop_nulls():
            names.update(dict.fromkeys(json.loads(source)))
    return list(names)


def _spread(frame: pl.DataFrame, columns: Sequence[str], null_marker: str) -> pl.DataFrame:
    """Return the report's own columns under names of their own, then one text column for each original one."""
    sources = [json.loads(source) if source is not None else None for source in frame["source"]]
    originals = [
        pl.Series(name_original(name), list(_texts(sources, name, null_marker)), dtype=pl.String)
        for name in columns
    ]
    return frame.drop("source").rename(name_own).hstack(originals)


def _texts(sources: Iterable[dict[str, object] | None], name: str, null_marker: str) -> Iterator[str | None]:
    for source in sources:
        if source is None:
            yield None
            continue
        yield cell_text(source.get(name), null_marker)
