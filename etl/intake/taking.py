"""Picks the rejects to try again, from the ledger or from an edited file, and says why others are left.

Memory depends on how many rejects are tried again, never on the size of the source nor on how many others are there.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from etl.errors import InputError
from etl.intake.field_sources import field_origins
from etl.intake.mended import Mended, RowKey, read_mended
from etl.intake.records import parse_record
from etl.intake.taken_rows import TakenRow, TakenRows
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.rejects.damage import find_damage
from etl.rejects.spreadsheet import cell_text
from etl.state.place import JobPlace
from etl.state.rejects import PLACE, TAKEN_SCHEMA, Rejects, null_marker
from etl.typed import type_command

__all__ = ["RetryRequest", "Taken", "take_rejects"]

MOST_NOTES: Final = 20
EDITED: Final = "rejects.csv"
AS_EDITED: Final = "Where such a change was meant, take every cell as it came: --as-edited"


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Which rejects to try again: all, or those of an edited `file`, those with `code`, at most `limit`.

    `as_edited`: cells that look damaged by a spreadsheet are meant so. `corrections`: not rejects, but the rows that
    came again with another content than was delivered.
    """

    file: Path | None = None
    code: str | None = None
    limit: int | None = None
    as_edited: bool = False
    corrections: bool = False


@dataclass(slots=True)
class Taken:
    """The rejects to try again, and what to tell of the others: rows `left` out or `settled` before, cells `undone`."""

    rows: TakenRows = field(default_factory=lambda: TakenRows([]))
    left: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """Yield a screen of lines of each kind, and how to see the rest."""
        for lines, what in (
            (self.left, "rows were left out"),
            (self.undone, "cells were kept as they were"),
            (self.settled, "were settled before"),
        ):
            yield from lines[:MOST_NOTES]
            if len(lines) > MOST_NOTES:
                yield f"… and {len(lines) - MOST_NOTES:,} more {what}; all of them: --json"
        if self.undone:
            yield AS_EDITED


def take_rejects(job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest) -> Taken:
    """Return the open rejects that `request` means, with their values; raises `InputError` for a file that holds none.

    A reject that an earlier retry has taken up is not open: it is never taken twice.
    """
    taken = Taken()
    if request.file is None:
        taken.rows = _take_as_they_were(job, place, ledger, request, taken)
    else:
        mended = read_mended(request.file)
        rows, seen = _take_edited(job, place, ledger, request, mended, taken)
        taken.rows = TakenRows.of(rows)
        _note_unknown(taken, mended, seen, request, _closed_of(job, place, ledger, request, mended))
    return taken


def _take_as_they_were(
    job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest, taken: Taken
) -> TakenRows:
    """Return the rejects as they were, and note those that can't be taken so."""
    every = Rejects(job, place, ledger, code=request.code, corrections=request.corrections)
    frames, room = [], request.limit
    for frame in every.frames([*PLACE, "source"]):
        whole = frame.filter(pl.col("source").is_not_null())
        frames.append(whole if room is None else whole.head(min(room, whole.height)))
        if room is not None and (room := room - frames[-1].height) <= 0:
            break
        malformed = frame.filter(pl.col("source").is_null())
        why = _malformed_stays() if malformed.height else ""
        taken.left += [
            f"{file} row {row}: {why}" for file, row in malformed.select("file", "row").iter_rows()
        ]
    return TakenRows(frames)


def _malformed_stays() -> str:
    return (
        f"the record itself is malformed; mend it in an edited file: {type_command('rejects', '-o', EDITED)}, "
        f"then {type_command('retry', '--from', EDITED)}"
    )


def _take_edited(
    job: Job,
    place: JobPlace,
    ledger: Ledger,
    request: RetryRequest,
    mended: dict[RowKey, Mended],
    taken: Taken,
) -> tuple[list[TakenRow], set[RowKey]]:
    """Return the rejects as a person edited them, and which of those in the file are open; note what stays as it
    was.
    """
    rows: list[TakenRow] = []
    seen: set[RowKey] = set()
    causes = _Causes(job)
    for key, code, source, raw, cause in _open_rejects(job, place, ledger, request, mended):
        seen.add(key)
        if request.code is not None and code != request.code:
            continue
        if request.limit is not None and len(rows) >= request.limit:
            continue
        known = _Known(causes.of(*cause, source), request, taken.undone)
        row = _take_mended(job, key, source, raw, mended[key], known)
        if isinstance(row, str):
            taken.left.append(f"{key.file} row {key.row}: {row}")
        else:
            rows.append(row)
    return rows, seen


def _open_rejects(
    job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest, wanted: Collection[RowKey]
) -> Iterator[tuple[RowKey, str, dict[str, Any] | None, str | None, tuple[str, str]]]:
    columns = [*PLACE, "code", "source", "raw", "field", "column"]
    keys = pl.DataFrame(list(wanted), schema=TAKEN_SCHEMA, orient="row")
    for frame in Rejects(job, place, ledger, corrections=request.corrections).frames(columns):
        some = frame.join(keys, on=PLACE, how="semi", maintain_order="left")
        for load, file, row, code, source, raw, field_, column in some.iter_rows():
            values = None if source is None else json.loads(source)
            yield RowKey(load, file, row), code, values, raw, (field_ or "", column or "")


def _closed_of(
    job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest, wanted: Collection[RowKey]
) -> set[RowKey]:
    """Return which of the rejects there ever were, open or not."""
    keys = pl.DataFrame(list(wanted), schema=TAKEN_SCHEMA, orient="row")
    every = Rejects(job, place, ledger, with_closed=True, corrections=request.corrections)
    return {
        RowKey(*key)
        for frame in every.frames(PLACE)
        for key in frame.join(keys, on=PLACE, how="semi").iter_rows()
    }


class _Causes:
    """Which columns a reject was for: those that its field is made of. Whatever a person writes there is the mend."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._origins: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}

    def of(self, field_: str, column: str, source: dict[str, Any] | None) -> frozenset[str]:
        """Return the columns of a reject for `field_` and `column`, of a row with the columns of `source`."""
        names = tuple(source or ())
        if names not in self._origins:
            self._origins[names] = field_origins(self._job, names)
        found = {column, *self._origins[names].get(field_, ())}
        # A path like `user.id` is in the column `user`.
        return frozenset(found | {name.partition(".")[0] for name in found if name not in names})


class _Known(NamedTuple):
    """What is known of a mended reject: which columns caused it, what was asked for, and where to note undone cells."""

    causes: frozenset[str]
    request: RetryRequest
    undone: list[str]


def _take_mended(
    job: Job,
    key: RowKey,
    source: dict[str, Any] | None,
    raw: str | None,
    mended: Mended,
    known: _Known,
) -> TakenRow | str:
    if source is None:
        return _take_mended_record(job, key, raw, mended)
    values = dict(source)
    edited = set()
    for name, value in mended.values.items():
        before = source.get(name)
        if mended.is_exact:
            is_same = value == before and type(value) is type(before)
        else:
            is_same = value == cell_text(before, null_marker(job))
        if is_same:
            continue
        finding = None if name in known.causes else _find_damage(before, value, mended, known.request)
        if finding:
            stood, came = (cell_text(cell, "")[:60] for cell in (before, value))
            known.undone.append(
                f"{key.file} row {key.row}: column `{name}` was `{stood}` and came as `{came}` in line {mended.line} "
                f"({finding}): `{stood}` is kept"
            )
            continue
        values[name] = value if mended.is_exact else _retype(before, value)
        edited.add(name)
    if mended.is_exact and set(source) - set(mended.values):
        return (
            f"line {mended.line} lacks the column `{min(set(source) - set(mended.values))}`; write null where "
            "nothing stands"
        )
    return TakenRow(key, values, frozenset(edited))


def _find_damage(before: Any, value: Any, mended: Mended, request: RetryRequest) -> str | None:
    """Return what a spreadsheet did to the cell; in another file, only a number that lost digits is damage."""
    are_numbers = all(type(one) in (int, float) for one in (before, value))
    if request.as_edited or (mended.is_exact and not are_numbers):
        return None
    return find_damage(cell_text(before, ""), cell_text(value, ""))


def _take_mended_record(job: Job, key: RowKey, raw: str | None, mended: Mended) -> TakenRow | str:
    filled = {name: value for name, value in mended.values.items() if value not in (None, "")}
    if filled:
        return TakenRow(key, dict(mended.values), frozenset(mended.values))
    if mended.raw is None or mended.raw == raw:
        return (
            "the record is as malformed as it was; mend its text (`raw`) or fill in its columns in line "
            f"{mended.line}"
        )
    values = parse_record(job, key.file, mended.raw)
    return (
        f"line {mended.line}: {values}"
        if isinstance(values, str)
        else TakenRow(key, values, frozenset(values))
    )


def _retype(before: Any, cell: str) -> Any:
    """Return the value of an edited cell: of the kind that stood there, where that was not text."""
    if before is None or isinstance(before, str):
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell or None


def _note_unknown(
    taken: Taken,
    mended: dict[RowKey, Mended],
    seen: set[RowKey],
    request: RetryRequest,
    every: set[RowKey],
) -> None:
    for key in mended:
        where = f"{key.file} row {key.row}"
        if key not in seen and key in every:
            taken.settled.append(
                f"{where}: no open reject of load {key.load}; it was retried or dismissed before"
            )
        elif key not in seen:
            taken.left.append(
                f"{where}: no reject of load {key.load}; it is of another job, or was forgotten"
            )
    if not mended:
        raise InputError(
            f"Expected edited rejects, found none - {request.file}",
            f"Write them anew: {type_command('rejects', '-o', EDITED)}",
        )
