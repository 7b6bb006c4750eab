"""Dismisses rejects that nobody will mend, and reopens them. The books stay; reports leave dismissed rejects out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from etl.errors import JobError
from etl.job.line_numbers import nearest_name
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.state.place import JobPlace
from etl.state.rejects import PLACE, Rejects, add_counts, count_open, count_rejects, taken_rows
from etl.state.reports import refresh_reports
from etl.typed import type_command

__all__ = ["DismissRequest", "Dismissed", "dismiss_rejects", "restore_rejects"]


@dataclass(frozen=True, slots=True)
class DismissRequest:
    """Which rejects are meant: by `codes` and `rows`, where given, of one file and of one load."""

    codes: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    file: str | None = None
    load: int | None = None


@dataclass(frozen=True, slots=True)
class Dismissed:
    """What a dismissal changed, by code: rejects that changed, that were so before, that are still open."""

    changed: dict[str, int]
    before: int
    open_rejects: dict[str, int]


def dismiss_rejects(
    job: Job,
    place: JobPlace,
    ledger: Ledger,
    request: DismissRequest,
    reason: str,
    *,
    wall_clock: Callable[[], float],
) -> Dismissed:
    """Dismiss the open rejects that `request` means, for `reason`; raises `JobError` where it names what isn't a
    reject.
    """
    found = _find(job, place, ledger, request)
    opened = found.filter(~pl.col("is_dismissed"))
    if opened.height:
        ledger.dismissals.add(_keys(ledger, opened), at=wall_clock(), reason=reason)
        refresh_reports(job, place, ledger)
    return _conclude(place, ledger, opened, before=found.height - opened.height)


def restore_rejects(job: Job, place: JobPlace, ledger: Ledger, request: DismissRequest) -> Dismissed:
    """Open the dismissed rejects again that `request` means; raises `JobError` where it names what isn't a reject."""
    found = _find(job, place, ledger, request)
    closed = found.filter("is_dismissed")
    if closed.height:
        ledger.dismissals.remove(_keys(ledger, closed))
        refresh_reports(job, place, ledger)
    return _conclude(place, ledger, closed, before=found.height - closed.height)


def _conclude(place: JobPlace, ledger: Ledger, changed: pl.DataFrame, *, before: int) -> Dismissed:
    left = add_counts(count_open(place.folder, ledger).values())
    return Dismissed(count_rejects([changed]), before, left)


def _find(job: Job, place: JobPlace, ledger: Ledger, request: DismissRequest) -> pl.DataFrame:
    """Return the rejects that `request` means, open or dismissed, as `load`, `file`, `row`, `code` and
    `is_dismissed`.
    """
    rejects = Rejects(job, place, ledger, load=request.load, with_closed=True)
    taken = taken_rows(place.folder, ledger)
    columns = [*PLACE, "code", "dismissed"]
    nothing = pl.DataFrame(schema={name: rejects.schema[name] for name in columns})
    # A reject that a retry took up is told by that retry's own load.
    every = [frame.join(taken, on=PLACE, how="anti") for frame in (nothing, *rejects.frames(columns))]
    found = pl.concat(
        frame.select(*PLACE, "code", pl.col("dismissed").is_not_null().alias("is_dismissed"))
        for frame in every
    )
    if request.file is not None:
        found = _of_file(found, request.file)
    if request.rows:
        found = _of_rows(found, request.rows)
    return found.filter(pl.col("code").is_in(request.codes)) if request.codes else found


def _of_file(found: pl.DataFrame, file: str) -> pl.DataFrame:
    names = found["file"].unique().to_list()
    if file not in names:
        guess = nearest_name(file, names)
        raise JobError(
            f"Expected a file that has rejects, found `{file}` - --file",
            f"Did you mean {guess}?"
            if guess
            else f"See which there are: {type_command('rejects', '--by', 'file')}",
        )
    return found.filter(pl.col("file") == file)


def _of_rows(found: pl.DataFrame, rows: tuple[int, ...]) -> pl.DataFrame:
    """Return those at `rows`; raises `JobError` for a row that has no reject, or has one in more than one place."""
    some = found.filter(pl.col("row").is_in(rows))
    for row in rows:
        places = [
            f"{file} (load {load})" for load, file in some.filter(row=row).select("load", "file").iter_rows()
        ]
        if not places:
            raise JobError(
                f"Expected a row that is rejected, found none such: row {row} - --row",
                f"See which rows are: {type_command('rejects')}; one that was retried is a reject no more",
            )
        if len(places) > 1:
            raise JobError(
                f"Expected one reject at row {row}, found {len(places)}: {', '.join(places[:5])} - --row",
                "Say which is meant: --file FILE, --load N",
            )
    return some


def _keys(ledger: Ledger, rows: pl.DataFrame) -> Iterator[tuple[int, int, int]]:
    positions: dict[int, dict[str, int]] = {}
    for load, file, row in rows.select(PLACE).iter_rows():
        if load not in positions:
            positions[load] = {source.path: at for at, source in enumerate(ledger.files(load))}
        yield load, positions[load][file], row
