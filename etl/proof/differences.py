"""The differences that verifying found, as frames and files: each with the row that it is of."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO, Final

import orjson
import polars as pl

from etl.ledger.store import Ledger
from etl.output import form_in_name, open_output
from etl.state.kept_load import kept_folder
from etl.values.verification import EventDifference

__all__ = ["DIFFERENCE_SCHEMA", "difference_frames", "write_differences"]

DIFFERENCE_SCHEMA: Final = {
    "finding": pl.String(),
    "id": pl.String(),
    "load": pl.Int64(),
    "file": pl.String(),
    "row": pl.UInt32(),
    "field": pl.String(),
    "expected": pl.String(),
    "found": pl.String(),
    "reason": pl.String(),
}
_AT_ONCE: Final = 10_000


def difference_frames(folder: Path, ledger: Ledger, loads: Iterable[int]) -> Iterator[pl.DataFrame]:
    """Yield what the newest verification of each of `loads` found to differ, as frames of `DIFFERENCE_SCHEMA`."""
    for load in loads:
        names = [file.path for file in ledger.files(load)]
        kept = kept_folder(folder, ledger, load)
        for part, found in groupby(ledger.proofs.differences(load), key=lambda one: one.part):
            rows = kept.read_ids(part, ["id", "file", "row"])
            while some := list(islice(found, _AT_ONCE)):
                yield _frame(rows, names, load, some)


def _frame(rows: pl.DataFrame, names: list[str], load: int, some: list[EventDifference]) -> pl.DataFrame:
    events = rows[[one.index for one in some]]
    return pl.DataFrame(
        {
            "finding": [one.kind.value for one in some],
            "id": events["id"],
            "load": [load] * len(some),
            "file": [names[position] for position in events["file"]],
            "row": events["row"],
            **{
                name: [getattr(one, name) or None for one in some]
                for name in ("field", "expected", "found", "reason")
            },
        },
        schema=DIFFERENCE_SCHEMA,
    )


def write_differences(frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write the frames to `path` as CSV, Parquet or JSONL, by its suffix; return the number of differences."""
    frame = pl.concat([pl.DataFrame(schema=DIFFERENCE_SCHEMA), *frames])
    form = form_in_name(path)
    with open_output(path, "the differences") as out:
        if form == "parquet":
            frame.write_parquet(out)
        elif form == "csv":
            frame.write_csv(out)
        else:
            _write_jsonl(frame, out)
    return frame.height


def _write_jsonl(frame: pl.DataFrame, out: BinaryIO) -> None:
    for row in frame.iter_rows(named=True):
        out.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
