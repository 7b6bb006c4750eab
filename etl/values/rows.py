"""Rows on their way from a reader to the stage: frames of raw columns, of events, and of rejects.

Values only: nothing here opens a file.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
import polars.selectors as cs

from etl.values.reject import RejectCode

__all__ = [
    "EVENT_SCHEMA",
    "JSON_FLAG",
    "LINE",
    "MOST_RAW_CHARS",
    "REJECT_SCHEMA",
    "ROW",
    "YEAR",
    "Batch",
    "MalformedRecord",
    "Transformed",
    "column_named",
    "json_flag",
    "malformed_frame",
]

# The separator control character keeps these out of the way of any source's own columns.
ROW = "\x1frow"
# Where a reader knows it: the line of the file that the record begins in, or the row of the sheet.
LINE = "\x1fline"
JSON_FLAG = "\x1fjson:"
# The year of rows whose times don't say it; it stays with the row wherever it is kept, and people see it.
YEAR = "(year)"
MOST_RAW_CHARS = 65_536


class MalformedRecord(NamedTuple):
    """One record that is not a row: its number among the file's records, its line where known, its text.

    `raw` is bounded to `MOST_RAW_CHARS` characters; undecodable bytes show as U+FFFD.
    """

    row: int
    line: int | None
    code: RejectCode
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one file.

    `frame` has the source's columns (all text for CSV, TSV and NDJSON; typed for Parquet) and `ROW`,
    the 1-based record number (UInt32). An NDJSON column `c` has a companion `json_flag(c)` (Boolean): true where the
    text is the value's own JSON (a number, boolean, object or array) rather than a string.
    """

    frame: pl.DataFrame
    malformed: tuple[MalformedRecord, ...] = ()

    @property
    def records(self) -> int:
        """How many records the batch accounts for."""
        return self.frame.height + len(self.malformed)

    def split(self, ends: Iterable[int]) -> Iterator["Batch"]:
        """Yield the batch in parts: the rows of the frame up to each of `ends`, with the malformed records among them.

        Those after all rows are of the part that ends where the frame does.
        """
        height, start, left = self.frame.height, 0, self.malformed
        for end in ends:
            frame = self.frame[start:end]
            is_last = end >= height
            here = len(left) if is_last else bisect_right(left, frame[ROW][-1], key=lambda record: record.row)
            yield Batch(frame, left[:here])
            start, left = end, left[here:]


# One reject a row: its number and line in the file, why, the value that is to blame where there is one (`found`), and
# what stood there (`source`: the original columns as a JSON object; `raw`: the text of a malformed record).
REJECT_SCHEMA = {
    "row": pl.UInt32(),
    "line": pl.UInt32(),
    "code": pl.String(),
    "field": pl.String(),
    "column": pl.String(),
    "reason": pl.String(),
    "found": pl.String(),
    "source": pl.String(),
    "raw": pl.String(),
}


# One event a row: its body and what the reports need.
EVENT_SCHEMA = {
    "row": pl.UInt32(),
    "id": pl.String(),
    "body": pl.String(),
    "size": pl.UInt32(),
    "created_at": pl.Datetime("us", "UTC"),
    "type": pl.String(),
    "entity_type": pl.String(),
    "source": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Transformed:
    """What became of a frame of rows.

    `events`: `row`, `id`, `body`, `size` (of the body, in bytes), `created_at` (µs UTC), `type`, `entity_type`,
    `source` (the original columns as JSON) and, where ids by key are numbered, `name`, and where ids are by key or
    verbatim, `content`: a digest of the body without its id. `rejects`: as `REJECT_SCHEMA`. `skipped`: how many rows
    the filter left out.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    skipped: int


def column_named(name: str) -> pl.Expr:
    """Return the column of exactly this name: Polars takes `*` and `^a$` for patterns."""
    is_pattern = name == "*" or (name.startswith("^") and name.endswith("$"))
    return cs.by_name(name).as_expr() if is_pattern else pl.col(name)


def malformed_frame(malformed: Sequence[MalformedRecord]) -> pl.DataFrame:
    """Return malformed records as rejects, of `REJECT_SCHEMA`."""
    rows, lines, codes, reasons, raws = zip(*malformed, strict=True) if malformed else ((),) * 5
    given = {
        "row": rows,
        "line": lines,
        "code": [code.value for code in codes],
        "reason": reasons,
        "raw": raws,
    }
    frame = pl.DataFrame(given, schema={name: REJECT_SCHEMA[name] for name in given})
    blank = [
        *(pl.lit("").alias(name) for name in ("field", "column")),
        *(pl.lit(None, pl.String).alias(name) for name in ("found", "source")),
    ]
    return frame.with_columns(blank).select(list(REJECT_SCHEMA))


def json_flag(column: str) -> str:
    """Return the name of the column that says where `column` holds JSON rather than a string."""
    return JSON_FLAG + column
