"""Guards what was delivered: a job that would send it otherwise now is refused, with what differs."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from etl.errors import InputError, JobError
from etl.event import ID_SCHEME_VERSION
from etl.intake.fingerprint import is_accepted, is_mapped_alike, mapping_fingerprint
from etl.intake.load_rows import RowCursor
from etl.intake.rereading import transform_unchanged
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.state.kept import kept_folder
from etl.values.remapped import RowChange

__all__ = ["check_mapping"]


def check_mapping(job: Job, folder: Path, ledger: Ledger, started: datetime) -> None:
    """Raise `JobError` where some event that was delivered would have another id or content under the job's mapping
    now.

    Where none would, as when a reject was mended, the mapping may be noted as accepted. Changes nothing.
    """
    loads = [load for load in ledger.loads() if load.kind == "files"]
    if not loads or is_accepted(job, ledger) or not ledger.delivered_any() or is_mapped_alike(job, loads[-1]):
        return
    newest = loads[-1]
    if newest.id_scheme_version != ID_SCHEME_VERSION and newest.mapping == mapping_fingerprint(job):
        raise JobError(
            f"Expected events with ids of scheme {newest.id_scheme_version}, as the delivered ones have, found scheme "
            f"{ID_SCHEME_VERSION} in this version of backfill - {job.path}",
            "Go on with the version that delivered them, or give what is new ids of the new scheme: "
            "--accept-new-mapping",
        )
    # What is of an older mapping was accepted as such before.
    found = _explain_change(
        job, folder, ledger, [load for load in loads if load.mapping == newest.mapping], started
    )
    if not found:
        return
    raise JobError(
        (
            (
                "Expected the mapping with which this job's events were delivered, found [event] or [source] changed - "
                f"{job.path}"
            ),
            *found,
        ),
        "Set the mapping back, or go on with --accept-new-mapping: what was delivered stays as it is, what is new "
        "follows the new mapping. To mend rejects alone: backfill retry",
    )


def _explain_change(
    job: Job, folder: Path, ledger: Ledger, loads: list[LoadEntry], started: datetime
) -> list[str]:
    """Return what differs of the events that `loads` delivered, in lines; none where nothing does."""
    counts: Counter[str] = Counter()
    example: RowChange | None = None
    for load in loads:
        if not ledger.books(load.number).delivered:
            continue
        try:
            for rows in _pair(job, folder, ledger, load, started):
                counts.update(delivered=rows.height, **{name: int(rows[name].sum()) for name in _DIFFERENCES})
                example = example or _find_example(rows, ledger, load)
        except InputError as error:
            return [f"Which events would differ can't be told: {error.problem}"]
    if counts["unknown"] and not any(counts[name] for name in _DIFFERENCES if name != "unknown"):
        return [
            f"Which events would differ can't be told: of {counts['unknown']:,} no digest of their content was kept"
        ]
    if not any(counts[name] for name in _DIFFERENCES):
        return []
    return list(_lines(counts, example))


_DIFFERENCES = ("new_id", "new_content", "gone", "unknown")


def _lines(counts: Counter[str], example: RowChange | None) -> Iterator[str]:
    as_in = ""
    if example is not None:
        file, row, old, new = example
        as_in = f", as in {file} row {row}: {f'{old} would be {new}' if old != new else old}"
    yield (
        f"Of {counts['delivered']:,} events that were delivered and can't be recalled, {counts['new_id']:,} would get "
        f"another id and {counts['new_content']:,} the same id with another content{as_in}"
    )
    if counts["gone"]:
        yield f"{counts['gone']:,} of them would not be sent at all"


def _pair(
    job: Job, folder: Path, ledger: Ledger, load: LoadEntry, started: datetime
) -> Iterator[pl.DataFrame]:
    """Yield the delivered events of `load`, `id_now` of each, and what differs of it now."""
    if load.number <= ledger.cleared_through:
        raise InputError(
            f"the ids of load {load.number} were removed, as [state] keep_loads asks", "Set the mapping back"
        )
    before = RowCursor(_delivered(folder, ledger, load))
    for again in transform_unchanged(job, folder, ledger, load, started=started):
        events = again.transformed.events
        has_content = "content" in events.columns
        if not has_content:
            events = events.with_columns(pl.lit(None, pl.UInt64).alias("content"))
        rows = before.take(again.file, again.last)
        if rows is None or not rows.height:
            continue
        after = events.select("row", "id", "content")
        yield rows.join(after, on="row", how="left", suffix="_now", maintain_order="left").with_columns(
            **_differences(is_by_content=not has_content)
        )


def _differences(*, is_by_content: bool) -> dict[str, pl.Expr]:
    """Return what can differ, each a Boolean; an id by content speaks for all of its event."""
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
            frame = frame.with_columns(pl.lit(None, pl.UInt64).alias("content"))
        bits = np.unpackbits(np.frombuffer(part.delivered, np.uint8), count=part.events, bitorder="little")
        yield frame.filter(pl.Series(bits.astype(bool)))


def _find_example(rows: pl.DataFrame, ledger: Ledger, load: LoadEntry) -> RowChange | None:
    changed = rows.filter(pl.col("new_id") | pl.col("new_content"))
    if not changed.height:
        return None
    file, row, old, new = changed.select("file", "row", "id", "id_now").row(0)
    return RowChange(ledger.files(load.number)[file].path, row, old, new)
