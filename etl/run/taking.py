"""Picks the rejects to try again, from the ledger or from an edited file, and says which are left as they are, and why.

Memory depends on how many rejects are tried again, never on the size of the source.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from etl.errors import InputError
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.report.damage import find_damage
from etl.report.spreadsheet import cell_text
from etl.run.mended import Mended, RowKey, read_mended
from etl.run.place import JobPlace
from etl.run.records import parse_record
from etl.run.rejected import Rejects, null_marker

__all__ = ["RetryRequest", "Taken", "TakenRow", "take_rejects"]

MOST_NOTES: Final = 20


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Which rejects to try again: all, or those of an edited `file`, those with `code`, at most `limit`.

    `as_edited`: cells that look damaged by a spreadsheet are meant so. `corrections`: not rejects, but the rows that came
    again with another content than was delivered.
    """

    file: Path | None = None
    code: str | None = None
    limit: int | None = None
    as_edited: bool = False
    corrections: bool = False


@dataclass(frozen=True, slots=True)
class TakenRow:
    """One reject to try again: where it is from, its original columns as they are now, and which of them were edited."""

    key: RowKey
    values: dict[str, Any]
    edited: frozenset[str] = frozenset()


@dataclass(slots=True)
class Taken:
    """The rejects to try again, and what a person should know of the others."""

    rows: list[TakenRow] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """Yield a line for each reject that is left, and for no more than a screen of them."""
        yield from self.left[:MOST_NOTES]
        if len(self.left) > MOST_NOTES:
            yield f"… and {len(self.left) - MOST_NOTES:,} more are left as they are"


def take_rejects(job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest) -> Taken:
    """Return the open rejects that `request` means, with their values; raises `InputError` for a file that holds none.

    A reject that an earlier retry has taken up is not open: it is never taken twice.
    """
    mended = read_mended(request.file) if request.file is not None else None
    taken, seen = Taken(), set()
    for key, code, source, raw in _open_rejects(job, place, ledger, request):
        seen.add(key)
        if (mended is not None and key not in mended) or (request.code is not None and code != request.code):
            continue
        if request.limit is not None and len(taken.rows) >= request.limit:
            continue
        row = (
            _take_stored(key, source)
            if mended is None
            else _take_mended(job, key, source, raw, mended[key], request)
        )
        if isinstance(row, str):
            taken.left.append(f"{key.file} row {key.row}: {row}")
        else:
            taken.rows.append(row)
    if mended is not None:
        _note_unknown(taken, mended, seen, request)
    return taken


def _open_rejects(
    job: Job, place: JobPlace, ledger: Ledger, request: RetryRequest
) -> Iterator[tuple[RowKey, str, dict[str, Any] | None, str | None]]:
    for frame in Rejects(job, place, ledger, corrections=request.corrections).frames():
        for load, file, row, code, source, raw in frame.select(
            "load", "file", "row", "code", "source", "raw"
        ).iter_rows():
            yield RowKey(load, file, row), code, None if source is None else json.loads(source), raw


def _take_stored(key: RowKey, source: dict[str, Any] | None) -> TakenRow | str:
    if source is None:
        return "the record itself is malformed; mend it in an edited file: backfill rejects JOB -o FILE, then retry --from FILE"
    return TakenRow(key, source)


def _take_mended(
    job: Job,
    key: RowKey,
    source: dict[str, Any] | None,
    raw: str | None,
    mended: Mended,
    request: RetryRequest,
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
        finding = None if request.as_edited else find_damage(cell_text(before, ""), cell_text(value, ""))
        if finding:
            return (
                f"column `{name}` was `{cell_text(before, '')[:60]}` and is `{cell_text(value, '')[:60]}` in line {mended.line}: {finding}. "
                "Put the cell back, or say --as-edited if it is meant so"
            )
        values[name] = value if mended.is_exact else _retype(before, value)
        edited.add(name)
    if mended.is_exact and set(source) - set(mended.values):
        return f"line {mended.line} lacks the column `{min(set(source) - set(mended.values))}`; write null where nothing stands"
    return TakenRow(key, values, frozenset(edited))


def _take_mended_record(job: Job, key: RowKey, raw: str | None, mended: Mended) -> TakenRow | str:
    filled = {name: value for name, value in mended.values.items() if value not in (None, "")}
    if filled:
        return TakenRow(key, dict(mended.values), frozenset(mended.values))
    if mended.raw is None or mended.raw == raw:
        return f"the record is as malformed as it was; mend its text (`raw`) or fill in its columns in line {mended.line}"
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
    taken: Taken, mended: dict[RowKey, Mended], seen: set[RowKey], request: RetryRequest
) -> None:
    unknown = [key for key in mended if key not in seen]
    if len(unknown) == len(mended) and not any(key in seen for key in mended) and not seen:
        taken.left.append("no reject of this job is open: all were retried or dismissed before")
        return
    for key in unknown:
        taken.left.append(
            f"{key.file} row {key.row}: no open reject of load {key.load}; it was retried or dismissed before, or is of another job"
        )
    if not mended:
        raise InputError(
            f"Expected edited rejects, found none - {request.file}",
            "Write them anew with: backfill rejects JOB -o FILE",
        )
