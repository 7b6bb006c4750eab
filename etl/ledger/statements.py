"""The SQL of the ledger: reads and writes of rows, inside a transaction that the caller has open."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from etl.ledger.bitmap import count_bits, unset_bits
from etl.ledger.entries import (
    books_of_load,
    ending_row,
    file_of,
    file_row,
    load_of,
    load_row,
    part_of,
    part_row,
    refusal_of,
    refusal_row,
    run_of,
    run_row,
    staged_entry,
    staged_part_entry,
)
from etl.ledger.facts import LoadEntry, PartEntry, RunEntry
from etl.ledger.part_change import settle_part
from etl.ledger.tables import ENDINGS, FILES, KEPT, LOADS, PARTS, REFUSALS, RUNS
from etl.values.books import Books
from etl.values.delivery import Refusal, Settlement
from etl.values.staged import KeptFile, SourceFile, StagedLoad

REFUSALS_PER_PAGE = 1_000


def next_number(connection: sqlite3.Connection, table: str) -> int:
    """Return one more than the highest number in `table` (loads or runs)."""
    number: int = connection.execute(f"SELECT coalesce(max(number), 0) + 1 FROM {table}").fetchone()[0]  # noqa: S608
    return number


def insert_load(connection: sqlite3.Connection, load: StagedLoad, *, settled_before: int = 0) -> None:
    """Add a staged load, its files and its parts; `settled_before` of its rows count in the load before it alone."""
    entry = staged_entry(load)
    counted = replace(entry, read=entry.read - settled_before, duplicate=entry.duplicate - settled_before)
    LOADS.insert(connection, [load_row(counted)])
    FILES.insert(connection, [file_row(load.number, at, file) for at, file in enumerate(load.files)])
    for part in load.parts:
        PARTS.insert(connection, [part_row(load.number, staged_part_entry(part))])
    insert_kept(connection, load.number, load.kept)


def insert_kept(connection: sqlite3.Connection, load: int, files: Iterable[KeptFile]) -> None:
    """Add files of a load's folder."""
    KEPT.insert(connection, [(load, file.name, file.size_bytes, file.sha256) for file in files])


def read_kept(connection: sqlite3.Connection, load: int) -> tuple[KeptFile, ...]:
    """Return the files of a load's folder besides its parts of events, by name."""
    return tuple(
        KeptFile(*row[1:]) for row in KEPT.select(connection, "WHERE load = ? ORDER BY name", (load,))
    )


def read_loads(connection: sqlite3.Connection) -> list[LoadEntry]:
    """Return the loads that were not discarded, in order."""
    return [load_of(row) for row in LOADS.select(connection, "WHERE state <> 'discarded' ORDER BY number")]


def read_load(connection: sqlite3.Connection, number: int) -> LoadEntry:
    """Return load `number`; KeyError if there is none."""
    row = next(LOADS.select(connection, "WHERE number = ?", (number,)), None)
    if row is None:
        raise KeyError(f"load {number}")
    return load_of(row)


def update_load(connection: sqlite3.Connection, entry: LoadEntry) -> None:
    """Replace the row of a load."""
    LOADS.update(connection, load_row(entry))


def discard_load(connection: sqlite3.Connection, entry: LoadEntry) -> None:
    """Remove what belongs to a load; its number stays taken."""
    for table in ("refusals", "dismissed", "parts", "files", "kept"):
        connection.execute(f"DELETE FROM {table} WHERE load = ?", (entry.number,))  # noqa: S608 - our own names
    update_load(connection, replace(entry, state="discarded"))


def end_early(connection: sqlite3.Connection, number: int, *, completed_at: float) -> None:
    """Close an open load with what is settled of it and what was skipped; its other rows leave its books."""
    settled = 0
    for part in read_parts(connection, number):
        unsent = unset_bits(part.events, part.delivered, part.refused)
        PARTS.update(
            connection, part_row(number, replace(part, duplicate=unsent, n_duplicate=count_bits(unsent)))
        )
        settled += part.n_delivered + part.n_refused
    load = read_load(connection, number)
    counted = replace(load, read=load.skipped + settled, rejected=0, duplicate=0, events=settled)
    update_load(connection, replace(counted, state="complete", completed_at=completed_at))


def read_files(connection: sqlite3.Connection, load: int) -> tuple[SourceFile, ...]:
    """Return the files of a load in order."""
    rows = FILES.select(connection, "WHERE load = ? ORDER BY position", (load,))
    return tuple(file_of(row) for row in rows)


def read_known_files(connection: sqlite3.Connection) -> dict[str, SourceFile]:
    """Return the newest entry of each path among the loads of files."""
    loads = {load.number for load in read_loads(connection) if load.kind == "files"}
    rows = FILES.select(connection, "ORDER BY load, position")
    return {file.path: file for file in (file_of(row) for row in rows if row[0] in loads)}


def iterate_parts(connection: sqlite3.Connection, load: int) -> Iterator[PartEntry]:
    """Yield the parts of a load in order."""
    return map(part_of, PARTS.select(connection, "WHERE load = ? ORDER BY number", (load,)))


def read_parts(connection: sqlite3.Connection, load: int) -> tuple[PartEntry, ...]:
    """Return the parts of a load in order."""
    return tuple(iterate_parts(connection, load))


def read_part(connection: sqlite3.Connection, load: int, number: int) -> PartEntry:
    """Return one part; KeyError if there is none."""
    row = next(PARTS.select(connection, "WHERE load = ? AND number = ?", (load, number)), None)
    if row is None:
        raise KeyError(f"load {load}, part {number}")
    return part_of(row)


def settle(
    connection: sqlite3.Connection, load: int, settlements: Sequence[tuple[int, int, Refusal | None]]
) -> tuple[int, int]:
    """Apply a batch; return by how many the delivered and the refused grew."""
    by_part: defaultdict[int, list[tuple[int, int, Refusal | None]]] = defaultdict(list)
    for settlement in settlements:
        by_part[settlement[0]].append(settlement)
    delivered = refused = 0
    for number, batch in by_part.items():
        before = read_part(connection, load, number)
        after, added, voided = settle_part(before, batch)
        delivered += after.n_delivered - before.n_delivered
        refused += after.n_refused - before.n_refused
        if after != before:
            PARTS.update(connection, part_row(load, after))
        REFUSALS.insert(
            connection, [refusal_row(load, number, index, added[index]) for index in sorted(added)]
        )
        connection.executemany(
            "DELETE FROM refusals WHERE load = ? AND part = ? AND idx = ?",
            [(load, number, index) for index in voided],
        )
    return delivered, refused


def read_books(connection: sqlite3.Connection, load: int) -> Books:
    """Return the books of a load; KeyError if there is none."""
    delivered, refused = connection.execute(
        "SELECT coalesce(sum(n_delivered), 0), coalesce(sum(n_refused), 0) FROM parts WHERE load = ?", (load,)
    ).fetchone()
    return books_of_load(read_load(connection, load), delivered, refused)


def read_refusals(connection: sqlite3.Connection, load: int, after: tuple[int, int]) -> list[Settlement]:
    """Return a page of refusals past the place (part, index) `after`."""
    where = "WHERE load = ? AND (part, idx) > (?, ?) ORDER BY part, idx LIMIT ?"
    return [refusal_of(row) for row in REFUSALS.select(connection, where, (load, *after, REFUSALS_PER_PAGE))]


def has_delivered(connection: sqlite3.Connection) -> bool:
    """Whether some part has a delivered event."""
    return connection.execute("SELECT 1 FROM parts WHERE n_delivered > 0 LIMIT 1").fetchone() is not None


def insert_run(connection: sqlite3.Connection, entry: RunEntry) -> None:
    """Add a run."""
    RUNS.insert(connection, [run_row(entry)])


def read_run(connection: sqlite3.Connection, number: int) -> RunEntry:
    """Return run `number`; KeyError if there is none."""
    row = next(RUNS.select(connection, "WHERE number = ?", (number,)), None)
    if row is None:
        raise KeyError(f"run {number}")
    return run_of(row)


def update_run(connection: sqlite3.Connection, entry: RunEntry) -> None:
    """Replace the row of a run, and what it said when it ended."""
    RUNS.update(connection, run_row(entry))
    ENDINGS.delete(connection, (entry.number,))
    ENDINGS.insert(connection, [ending_row(entry)])


def read_runs(connection: sqlite3.Connection) -> tuple[RunEntry, ...]:
    """Return the runs in order."""
    endings = {row[0]: row for row in ENDINGS.select(connection)}
    rows = RUNS.select(connection, "ORDER BY number")
    return tuple(run_of(row, endings.get(row[0], ())) for row in rows)
