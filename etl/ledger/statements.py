"""What the ledger reads and writes as a whole, inside a transaction that the caller has open."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from etl.ledger.bitmap import count_bits, unset_bits
from etl.ledger.entries import books_of_load, staged_entry, staged_part_entry
from etl.ledger.facts import LoadEntry, PartEntry
from etl.ledger.part_change import settle_part
from etl.ledger.tables import FILES, KEPT, LOADS, PARTS, REFUSALS
from etl.values.books import Books
from etl.values.delivery import Refusal, Settlement
from etl.values.staged import StagedLoad


def next_number(connection: sqlite3.Connection, table: str) -> int:
    """Return one more than the highest number in `table`."""
    number: int = connection.execute(f"SELECT coalesce(max(number), 0) + 1 FROM {table}").fetchone()[0]  # noqa: S608
    return number


def insert_load(connection: sqlite3.Connection, load: StagedLoad, *, settled_before: int = 0) -> None:
    """Add a staged load, its files and its parts; `settled_before` of its rows count in the load before it alone."""
    if load.number != next_number(connection, "loads"):
        raise AssertionError(f"load {load.number} is not the next one")
    entry = staged_entry(load)
    counted = replace(entry, read=entry.read - settled_before, duplicate=entry.duplicate - settled_before)
    LOADS.insert(connection, [counted])
    for position, file in enumerate(load.files):
        FILES.insert(connection, [file], load.number, position)
    PARTS.insert(connection, map(staged_part_entry, load.parts), load.number)
    KEPT.insert(connection, load.kept, load.number)


def read_load(connection: sqlite3.Connection, number: int) -> LoadEntry:
    """Return load `number`; KeyError if there is none."""
    load = next(LOADS.select(connection, "WHERE number = ?", (number,)), None)
    if load is None:
        raise KeyError(f"load {number}")
    return load


def discard_load(connection: sqlite3.Connection, entry: LoadEntry) -> None:
    """Remove what belongs to a load; its number stays taken."""
    for table in ("refusals", "dismissed", "parts", "files", "kept"):
        connection.execute(f"DELETE FROM {table} WHERE load = ?", (entry.number,))  # noqa: S608 - our own names
    LOADS.update(connection, replace(entry, state="discarded"))


def end_early(connection: sqlite3.Connection, number: int, *, completed_at: float) -> None:
    """Close an open load with what is settled of it and what was skipped; its other rows leave its books."""
    settled = 0
    for part in read_parts(connection, number):
        unsent = unset_bits(part.events, part.delivered, part.refused)
        PARTS.update(connection, replace(part, duplicate=unsent, n_duplicate=count_bits(unsent)), number)
        settled += part.n_delivered + part.n_refused
    load = read_load(connection, number)
    counted = replace(load, read=load.skipped + settled, rejected=0, duplicate=0, events=settled)
    LOADS.update(connection, replace(counted, state="complete", completed_at=completed_at))


def read_parts(connection: sqlite3.Connection, load: int) -> tuple[PartEntry, ...]:
    """Return the parts of a load in order."""
    return tuple(PARTS.select(connection, "WHERE load = ? ORDER BY number", (load,)))


def read_part(connection: sqlite3.Connection, load: int, number: int) -> PartEntry:
    """Return one part; KeyError if there is none."""
    part = next(PARTS.select(connection, "WHERE load = ? AND number = ?", (load, number)), None)
    if part is None:
        raise KeyError(f"load {load}, part {number}")
    return part


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
            PARTS.update(connection, after, load)
        REFUSALS.insert(
            connection, (Settlement(number, index, added[index]) for index in sorted(added)), load
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
