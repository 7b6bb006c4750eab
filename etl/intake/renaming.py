"""Pairs what a load delivered with what its rows become under the job's mapping now: their ids, and their content."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from etl.errors import InputError
from etl.intake.load_rows import RowCursor
from etl.intake.rereading import Rereading
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.numbering import number_repeats
from etl.stage.parts import events_path, read_part, write_part
from etl.state.kept_load import kept_folder

__all__ = ["pair_delivered"]

_CONTENT: Final = pl.lit(None, pl.UInt64).alias("content")


class _Now(NamedTuple):
    """The rows of one file of a load (number `file`) up to row `last`: `row`, `id` and, of some, `content`, as they are
    now.
    """

    file: int
    last: int
    rows: pl.DataFrame


def pair_delivered(again: Rereading, load: LoadEntry) -> Iterator[pl.DataFrame]:
    """Yield the delivered events of `load` beside what they are now, with what differs. Columns: `file`, `row`, `id`,
    `content`, `id_now`, `content_now`, and as Booleans `new_id`, `new_content`, `gone`, `unknown`.

    Raises `InputError` where its rows can't be had any more.
    """
    if load.kind != "files":
        raise InputError("its rows were rejects, which a person may have mended", "Set the mapping back")
    if load.number <= again.ledger.cleared_through:
        raise InputError(
            f"the ids of load {load.number} were removed, as [state] keep_loads asks", "Set the mapping back"
        )
    before = RowCursor(_delivered(again.folder, again.ledger, load))
    with _rows_now(again, load) as every:
        for now in every:
            rows = before.take(now.file, now.last)
            if rows is None or not rows.height:
                continue
            has_content = "content" in now.rows.columns
            after = (now.rows if has_content else now.rows.with_columns(_CONTENT)).select(
                "row", "id", "content"
            )
            yield rows.join(after, on="row", how="left", suffix="_now", maintain_order="left").with_columns(
                **_differences(is_by_content=not has_content)
            )


def _differences(*, is_by_content: bool) -> dict[str, pl.Expr]:
    """Return what can differ; an id by content speaks for all of its event."""
    is_there, same_id = pl.col("id_now").is_not_null(), pl.col("id_now").eq_missing(pl.col("id"))
    same_content = pl.col("content") == pl.col("content_now")
    by_key = pl.lit(value=not is_by_content)
    return {
        "new_id": is_there & ~same_id,
        "new_content": by_key & same_id & (~same_content).fill_null(value=False),
        "gone": ~is_there,
        "unknown": by_key & same_id & same_content.is_null(),
    }


def _delivered(folder: Path, ledger: Ledger, load: LoadEntry) -> Iterator[pl.DataFrame]:
    kept = kept_folder(folder, ledger, load.number)
    for part in ledger.parts(load.number):
        frame = kept.read_ids(part.number, ["file", "row", "id"], if_there=["content"])
        if "content" not in frame.columns:
            frame = frame.with_columns(_CONTENT)
        bits = np.unpackbits(np.frombuffer(part.delivered, np.uint8), count=part.events, bitorder="little")
        yield frame.filter(pl.Series(bits.astype(bool)))


@contextmanager
def _rows_now(again: Rereading, load: LoadEntry) -> Iterator[Iterable[_Now]]:
    rows = (_Now(some.file, some.last, some.transformed.events) for some in again.rows(load))
    if again.job.event.id.duplicates == "number":
        with tempfile.TemporaryDirectory(prefix="backfill-") as scratch:
            yield _number(Path(scratch), rows)
    else:
        yield rows


def _number(scratch: Path, rows: Iterable[_Now]) -> Iterator[_Now]:
    """Yield `rows` with their repeats numbered, once all of them are known."""
    places, written = [], []
    for number, (file, last, frame) in enumerate(rows):
        columns = ["row", "id", "body", *(name for name in ("name", "content") if name in frame.columns)]
        placed = frame.select(pl.lit(file, pl.UInt32).alias("file"), *columns)
        written.append(write_part(placed, events_path(scratch, number)))
        places.append((file, last))
    number_repeats(scratch, written)
    for number, (file, last) in enumerate(places):
        yield _Now(file, last, read_part(events_path(scratch, number)))
