"""Gathers the rejects of a job: those of staging are in parts, the server's refusals in the ledger."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.private import replace_private
from etl.rejects.fixes import describe_cause, explain_fixes
from etl.rejects.report import (
    REPORT_SCHEMA,
    add_fixes,
    original_columns,
    write_csv,
    write_jsonl,
    write_parquet,
)
from etl.rejects.tally import CauseTally
from etl.stage.kept import KeptFolder
from etl.stage.parts import events_path, explain_disk, refused_path, rejects_path, taken_path
from etl.state.corrections import all_corrections, open_corrections
from etl.state.kept_load import kept_folder
from etl.state.place import JobPlace
from etl.values.delivery import Settlement
from etl.values.rows import REJECT_SCHEMA

__all__ = [
    "PLACE",
    "TAKEN_SCHEMA",
    "Rejects",
    "add_counts",
    "count_open",
    "count_rejects",
    "describe_rejects",
    "dismissed_rows",
    "note_open",
    "null_marker",
    "open_reject_frames",
    "reject_frames",
    "taken_rows",
]

REFUSALS_AT_ONCE: Final = 4096
OpenCounts = dict[int, dict[str, int]]
# What tells one reject from another.
PLACE: Final = ("load", "file", "row")
TAKEN_SCHEMA: Final = {name: REPORT_SCHEMA[name] for name in PLACE}


def reject_frames(
    folder: Path, ledger: Ledger, loads: Iterable[int], columns: Sequence[str] = tuple(REPORT_SCHEMA)
) -> Iterator[pl.DataFrame]:
    """Yield the rejects of `loads` as frames of `REPORT_SCHEMA`, or some `columns` of it: first those of staging, then
    the server's.

    Those that a retry has taken up since are among them. Only what the columns need is read.
    """
    cleared = ledger.cleared_through
    for load in loads:
        if load <= cleared:
            continue
        names = [file.path for file in ledger.files(load)]
        kept = kept_folder(folder, ledger, load)
        if ledger.load(load).rejected:  # those of a load that another took over are that one's now
            yield from _staging_rejects(kept, names, load, columns)
        yield from _server_rejects(kept, ledger, names, load, columns)


def open_reject_frames(
    folder: Path, ledger: Ledger, loads: Iterable[int], columns: Sequence[str] = tuple(REPORT_SCHEMA)
) -> Iterator[pl.DataFrame]:
    """Yield the open rejects of `loads`, neither dismissed nor taken up by a retry, or some `columns` and where they
    are.
    """
    columns = list(dict.fromkeys([*PLACE, *columns]))
    closed = pl.concat([taken_rows(folder, ledger), dismissed_rows(ledger).select(PLACE)])
    for frame in reject_frames(folder, ledger, loads, columns):
        left = frame.join(closed, on=PLACE, how="anti", maintain_order="left") if closed.height else frame
        if left.height:
            yield left


def taken_rows(folder: Path, ledger: Ledger) -> pl.DataFrame:
    """Return `load`, `file` and `row` of the rejects that retries have taken up."""
    empty = pl.DataFrame(schema=TAKEN_SCHEMA)
    cleared = ledger.cleared_through
    # What a cleared retry took is cleared, too: it was of loads before it.
    retries = [
        kept_folder(folder, ledger, load.number)
        for load in ledger.loads()
        if load.kind == "retry" and load.number > cleared
    ]
    return pl.concat([empty, *(kept.read(taken_path(kept.folder)) for kept in retries)])


def dismissed_rows(ledger: Ledger) -> pl.DataFrame:
    """Return `load`, `file` and `row` of the rejects that were dismissed, and why: `dismissed`."""
    rows = ledger.dismissals.rows()
    reasons = {decision.number: decision.reason for decision in ledger.dismissals.decisions()}
    names = {load: [file.path for file in ledger.files(load)] for load in {row.load for row in rows}}
    told = [(row.load, names[row.load][row.file], row.row, reasons[row.dismissal]) for row in rows]
    return pl.DataFrame(told, schema=TAKEN_SCHEMA | {"dismissed": pl.String()}, orient="row")


def count_open(folder: Path, ledger: Ledger) -> OpenCounts:
    """Return how many open rejects of each code there are in each load that has any.

    Where none has come or gone since they were last noted, no reject is read.
    """
    noted = ledger.notes.open_rejects
    return noted[1] if noted is not None and noted[0] == describe_rejects(ledger) else _count(folder, ledger)


def note_open(folder: Path, ledger: Ledger) -> OpenCounts:
    """Return what `count_open` does, and note it for those who ask next."""
    counts, state = count_open(folder, ledger), describe_rejects(ledger)
    noted = ledger.notes.open_rejects
    if noted is None or noted[0] != state:
        ledger.notes.open_rejects = (state, counts)
    return counts


def describe_rejects(ledger: Ledger) -> str:
    """Return a text that changes whenever the rejects change."""
    loads = ledger.loads()
    newest = loads[-1].number if loads else 0
    rejected = ledger.books_of(load.number for load in loads).rejected
    decisions, dismissed = len(ledger.dismissals.decisions()), ledger.dismissals.count()
    return (
        f"loads {newest}, rejected {rejected}, dismissed {dismissed} by {decisions}, cleared "
        f"{ledger.cleared_through}"
    )


def _count(folder: Path, ledger: Ledger) -> OpenCounts:
    loads = [load.number for load in ledger.loads() if ledger.books(load.number).rejected]
    counts: OpenCounts = {}
    for frame in open_reject_frames(folder, ledger, loads, ["code"]):
        load = counts.setdefault(frame["load"][0], {})
        for code, count in frame["code"].value_counts().iter_rows():
            load[code] = load.get(code, 0) + count
    return counts


def add_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of counts by code, most first."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def count_rejects(frames: Iterable[pl.DataFrame]) -> dict[str, int]:
    """Return how many rejects there are of each code, most first."""
    return add_counts(dict(frame["code"].value_counts().iter_rows()) for frame in frames)


class Rejects:
    """The rejects of a job, or only those with `code` or of `load`; each look reads them anew.

    Those that were retried or dismissed are left out, unless `with_closed`: then they are among them, `dismissed`
    saying why. `corrections`: instead of the rejects, the rows that came again with another content than was delivered.
    """

    def __init__(
        self,
        job: Job,
        place: JobPlace,
        ledger: Ledger,
        *,
        code: str | None = None,
        load: int | None = None,
        with_closed: bool = False,
        corrections: bool = False,
    ) -> None:
        self._corrections = corrections
        self.job, self._place, self._ledger = job, place, ledger
        self._code, self._with_closed = code, with_closed
        self._loads = [entry.number for entry in ledger.loads() if load is None or entry.number == load]

    @property
    def word(self) -> str:
        """Return what one of them is called."""
        return "correction" if self._corrections else "reject"

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns of the frames."""
        return REPORT_SCHEMA | {"dismissed": pl.String()} if self._with_closed else REPORT_SCHEMA

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield them as frames of `schema`, or of some `columns` of it; raises `StateError` where a part can't be
        read.
        """
        wanted = list(self.schema) if columns is None else list(columns)
        for frame in self._find([*wanted, "code"]):
            some = frame if self._code is None else frame.filter(pl.col("code") == self._code)
            if some.height:
                yield some.select(wanted)

    def told(self) -> Iterator[pl.DataFrame]:
        """Yield them as `frames` does, each with the fix of its cause; a cause is counted over all of them first."""
        if self._corrections:
            yield from self.frames()
            return
        tally = CauseTally()
        for frame in self.frames():
            tally.add(frame)
        fixes = explain_fixes(describe_cause(self.job, cause, cause.rows) for cause in tally.causes())
        for frame in self.frames():
            yield add_fixes(frame, fixes)

    def write(self, form: str, out: BinaryIO) -> int:
        """Write them to `out` as jsonl, csv or parquet; return how many."""
        if form == "jsonl":
            return write_jsonl(self.told(), out)
        if form == "parquet":
            return write_parquet(self.told(), out, self.schema)
        columns = original_columns(self.frames())
        return write_csv(self.told(), columns, out, self.schema, null_marker=null_marker(self.job))

    def write_file(self, form: str, path: Path) -> int:
        """Write them to the file at `path`, as a whole and readable by the owner alone; return how many.

        Raises `StateError` where the disk won't have it.
        """
        try:
            with replace_private(path, durable=False) as out:
                written = self.write(form, out)
        except OSError as error:
            raise explain_disk(error, path) from None
        return written

    def _find(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        folder, ledger, loads = self._place.folder, self._ledger, self._loads
        if self._corrections:
            if self._with_closed:
                every = all_corrections(folder, ledger, loads)
            else:
                every = open_corrections(folder, ledger, taken_rows(folder, ledger), loads)
            yield _conform(every, self.schema)
        elif self._with_closed:
            dismissed = dismissed_rows(ledger)
            kept = dict.fromkeys([*PLACE, *(name for name in columns if name in REPORT_SCHEMA)])
            for frame in reject_frames(folder, ledger, loads, list(kept)):
                yield frame.join(dismissed, on=PLACE, how="left", maintain_order="left")
        else:
            yield from open_reject_frames(folder, ledger, loads, columns)


def null_marker(job: Job) -> str:
    """Return the job's own text for a null, which a spreadsheet report writes so that it reads as a null again."""
    return "" if "" in job.source.csv.null_values else next(iter(job.source.csv.null_values), "")


def _staging_rejects(
    kept: KeptFolder, names: list[str], load: int, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    number, schema = 0, {name: REPORT_SCHEMA[name] for name in columns}
    wanted = [name for name in REJECT_SCHEMA if name in schema]
    while kept.has(path := rejects_path(kept.folder, number)):
        frame = kept.read(path, ["file"], if_there=wanted)
        yield _conform(frame.with_columns(pl.lit(load).alias("load"), _file_names(names)), schema)
        number += 1


def _file_names(names: list[str]) -> pl.Expr:
    """Return the names of files for their positions."""
    return pl.col("file").replace_strict(list(range(len(names))), names, return_dtype=pl.String)


def _server_rejects(
    kept: KeptFolder, ledger: Ledger, names: list[str], load: int, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    refusals = ledger.refusals(load)
    while settlements := list(islice(refusals, REFUSALS_AT_ONCE)):
        for part in dict.fromkeys(settlement.part for settlement in settlements):
            some = [settlement for settlement in settlements if settlement.part == part]
            found = _join_events(kept, names, load, part, some, has_source="source" in columns)
            yield found.select(columns)


def _join_events(
    kept: KeptFolder,
    names: list[str],
    load: int,
    part: int,
    settlements: Sequence[Settlement],
    *,
    has_source: bool,
) -> pl.DataFrame:
    columns = ["file", "row", "id", *(["source"] if has_source else [])]
    retired = refused_path(kept.folder, part)
    if kept.has(retired):
        events = kept.read(retired, ["index", *columns])
    else:
        events = kept.read(events_path(kept.folder, part), columns).with_row_index("index")
    indices = pl.DataFrame(
        {"index": [settlement.index for settlement in settlements]}, schema={"index": pl.UInt32}
    )
    rows = indices.join(
        events.with_columns(pl.col("index").cast(pl.UInt32)), on="index", how="left", maintain_order="left"
    )
    refusals = [settlement.refusal for settlement in settlements if settlement.refusal is not None]
    return _conform(
        rows.with_columns(
            pl.lit(load).alias("load"),
            _file_names(names),
            pl.Series("code", [refusal.code.value for refusal in refusals]),
            pl.Series("reason", [refusal.reason for refusal in refusals]),
            pl.Series("status", [refusal.status for refusal in refusals]),
            pl.Series("server_code", [refusal.server_code for refusal in refusals], dtype=pl.String),
            pl.Series("detail", [refusal.detail for refusal in refusals], dtype=pl.String),
            pl.Series("request_id", [refusal.request_id for refusal in refusals], dtype=pl.String),
            pl.Series("attempts", [refusal.attempts for refusal in refusals]),
            pl.Series("first_at", [_iso(refusal.first_at) for refusal in refusals]),
            pl.Series("last_at", [_iso(refusal.last_at) for refusal in refusals]),
        )
    )


def _conform(frame: pl.DataFrame, schema: Mapping[str, pl.DataType] = REPORT_SCHEMA) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
