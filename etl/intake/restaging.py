"""Stages the unsettled rows of an open load again, because the mapping changed since.

A new load takes the unsettled rows over, in one step of the ledger: killed before it, the old load stands as it was;
killed after it, the new one does. The rows that the old load settled are staged beside them, never to be sent: so the
repeats of an event are numbered as ever, and what has by now the id of a delivered event is found to be a duplicate of
it.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from etl.errors import JobError
from etl.event import ID_SCHEME_VERSION
from etl.intake.delivered import find_delivered
from etl.intake.fingerprint import mapping_fingerprint
from etl.intake.load_rows import RowCursor, event_rows, is_settled, reject_rows
from etl.intake.remapping import compare_load
from etl.intake.rereading import Again, transform_again
from etl.intake.staging import describe_load
from etl.job.model import Job
from etl.ledger.bitmap import count_bits
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.load import LoadWriter, OnCorrection, Staged
from etl.stage.parts import SETTLED, events_path, explain_disk, load_folder, read_part, taken_path
from etl.state.kept_load import kept_folder
from etl.state.open_job import OpenJob
from etl.state.rejects import TAKEN_SCHEMA
from etl.typed import type_command
from etl.values.remapped import AskedFirst, Remapped
from etl.values.rows import Transformed
from etl.values.staged import DELIVERED, PENDING, REFUSED, StagedLoad, StagedPart

__all__ = ["Restaged", "restage_load", "settle_open_load"]


@dataclass(frozen=True, slots=True)
class Restaged:
    """An open load staged again under the job's mapping. The ledger doesn't know of it yet."""

    load: StagedLoad
    settled: int
    change: Remapped


def restage_load(
    opened: OpenJob,
    load: LoadEntry,
    show: Callable[[int, int], None],
    *,
    started: datetime,
    now: float,
) -> Restaged:
    """Stage the rows of the open `load` again, and compare them with what they were.

    `show` is told how many rows are read so far, and how many of them are rejects. Raises `InputError` and `JobError`
    as staging does, and where the rows can't be had any more as they were read.
    """
    job, folder, ledger = opened.job, opened.folder, opened.ledger
    number = ledger.next_load_number
    numbers_repeats = job.event.id.duplicates == "number"
    # As a reject, a row that an earlier load settled would count twice.
    on_correction: OnCorrection = (
        "report" if job.source.on_correction == "reject" else job.source.on_correction
    )
    read = rejected = 0
    with LoadWriter(
        folder,
        number,
        numbers_repeats=numbers_repeats,
        delivered_ids=[] if numbers_repeats and load.kind == "retry" else find_delivered(job, folder, ledger),
        on_correction=on_correction,
    ) as writer:
        for again, rows in _join_rows(job, folder, ledger, load, started):
            writer.add(again.file, rows, again.malformed)
            read += rows.events.height + rows.rejects.height + rows.skipped + len(again.malformed)
            rejected += rows.rejects.height + len(again.malformed)
            show(read, rejected)
        if load.kind == "retry":
            kept = kept_folder(folder, ledger, load.number)
            taken = kept.read(taken_path(kept.folder))
            writer.note_taken(taken.select(list(TAKEN_SCHEMA)))
        staged = writer.finish()
    parts, settled = _mark_settled(
        load_folder(folder, number), staged, sends_corrections=on_correction == "send"
    )
    staged = replace(staged, parts=parts)
    described = describe_load(number, load.kind, job, staged, ledger.files(load.number), now)
    return Restaged(described, settled, compare_load(folder, ledger, load, described))


def settle_open_load(
    opened: OpenJob,
    load: LoadEntry,
    show: Callable[[int, int], None],
    *,
    accepts: bool,
    ask: Callable[[], AskedFirst],
    started: datetime,
    now: float,
) -> Remapped | None:
    """Bring the open `load` under the job's mapping as it is now, and return what that changes, or None for nothing.

    `ask` settles what of it is there already, before what isn't gets other ids. Raises `JobError` where it changes
    something and the caller doesn't accept that, and what `restage_load` and `ask` raise.
    """
    job, folder, ledger = opened.job, opened.folder, opened.ledger
    restaged = restage_load(opened, load, show, started=started, now=now)
    change = replace(restaged.change, maybe_sent=_was_killed(ledger, load))
    if accepts and not change.changes_nothing:
        asked = ask()
        if asked.found:
            # What was staged a moment ago would send them once more.
            _remove(load_folder(folder, restaged.load.number))
            restaged = restage_load(opened, load, show, started=started, now=now)
        ledger.take_over(load.number, restaged.load, settled=restaged.settled, now=now)
        return replace(restaged.change, found_there=asked.found, maybe_sent=asked.maybe_there > 0)
    _remove(load_folder(folder, restaged.load.number))
    if change.changes_nothing:
        ledger.adopt_mapping(load.number, mapping_fingerprint(job), ID_SCHEME_VERSION)
        return None
    raise JobError(
        (
            (
                f"Expected the mapping with which load {load.number} was staged, found [event] or [source] changed - "
                f"{job.path}"
            ),
            *change.describe("would go"),
        ),
        f"Set the mapping back, or go on: {type_command('run', '--accept-new-mapping')}; what was delivered stays as "
        "it is, what is pending is staged again and follows the new mapping",
    )


def _was_killed(ledger: Ledger, load: LoadEntry) -> bool:
    """Whether the run before this one was killed, and may have sent of `load` more than it could note."""
    before = ledger.runs()[-2:-1]
    return bool(before) and before[0].ended_at is None and ledger.is_sent(load.number)


def _remove(place: Path) -> None:
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise explain_disk(error, place) from None


def _join_rows(
    job: Job, folder: Path, ledger: Ledger, load: LoadEntry, started: datetime
) -> Iterator[tuple[Again, Transformed]]:
    """Yield the rows that are staged again: settled ones as events, unsettled ones as whatever they become now."""
    events = RowCursor(event_rows(folder, ledger, load, []))
    rejects = RowCursor(
        frame.with_columns(pl.lit(PENDING, pl.UInt8).alias("fate"))
        for frame in reject_rows(folder, ledger, load, [])
    )
    # A refused event is a reject, of which no other row is a duplicate; but it has its number among the repeats.
    leaves_out = [] if job.event.id.duplicates == "number" else [REFUSED]
    for again in transform_again(job, folder, ledger, load, started=started):
        taken = (cursor.take(again.file, again.last) for cursor in (events, rejects))
        known = [rows.select("row", "fate") for rows in taken if rows is not None]
        if known:
            rows = pl.concat(known).filter(~pl.col("fate").is_in(leaves_out))
            yield _cut(again, rows)


def _cut(again: Again, rows: pl.DataFrame) -> tuple[Again, Transformed]:
    unsettled = rows.filter(~is_settled())
    fate = pl.when(is_settled()).then("fate").otherwise(pl.lit(None, pl.UInt8)).alias(SETTLED)
    done, numbers = again.transformed, set(unsettled["row"])
    events = done.events.join(rows.select("row", fate), on="row", how="inner", maintain_order="left")
    rejects = done.rejects.join(unsettled, on="row", how="semi", maintain_order="left")
    malformed = tuple(record for record in again.malformed if record.row in numbers)
    skipped = unsettled.height - events[SETTLED].null_count() - rejects.height - len(malformed)
    return again._replace(malformed=malformed), Transformed(events, rejects, skipped)


def _mark_settled(
    place: Path, staged: Staged, *, sends_corrections: bool
) -> tuple[tuple[StagedPart, ...], int]:
    """Return the parts, with every event marked that must not be sent again, and how many events are settled."""

    def told(part: StagedPart) -> pl.DataFrame:
        return _with_flags(place, part, sends_corrections=sends_corrections)

    # Where an unsettled row stands before the delivered one that has its id by now, the later was taken for the
    # duplicate.
    is_behind = pl.col(SETTLED).eq_missing(DELIVERED) & pl.col("repeats")
    behind = pl.concat(
        [
            pl.Series("same", [], dtype=pl.String),
            *(told(part).filter(is_behind)["same"] for part in staged.parts),
        ]
    )
    parts, settled = [], 0
    for part in staged.parts:
        frame = told(part)
        is_kept = pl.col("repeats") | pl.col(SETTLED).is_not_null() | pl.col("same").is_in(behind.implode())
        flags = frame.select(is_kept).to_series().to_numpy()
        bits = np.packbits(flags, bitorder="little").tobytes()
        parts.append(replace(part, duplicates=bits, n_duplicate=count_bits(bits)))
        settled += frame.height - frame[SETTLED].null_count()
    return tuple(parts), settled


def _with_flags(place: Path, part: StagedPart, *, sends_corrections: bool) -> pl.DataFrame:
    """Return, for each row of a part, its earlier fate, whether it `repeats` another, and what makes two rows the
    `same`.
    """
    frame = read_part(events_path(place, part.number))
    is_by_content = sends_corrections and "content" in frame.columns
    same = pl.concat_str("id", pl.col("content").cast(pl.String)) if is_by_content else pl.col("id")
    bits = np.unpackbits(np.frombuffer(part.duplicates, np.uint8), count=part.events, bitorder="little")
    return frame.select(SETTLED, same.alias("same"), pl.Series("repeats", bits.astype(bool)))
