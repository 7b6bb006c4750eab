"""Checks, when a ledger is opened, that what it says holds together. Changes nothing.

Reads every row but those of the tables that are checked late: of the refusals only the count is checked here.
"""

import sqlite3

from etl.ledger.bitmap import count_bits, is_well_formed, overlaps
from etl.ledger.entries import books_of_load
from etl.ledger.facts import LoadEntry, PartEntry
from etl.ledger.failure import Damage
from etl.ledger.tables import LOADS, PARTS, TABLES

__all__ = ["audit"]


def audit(connection: sqlite3.Connection) -> None:
    """Raise Damage where a row is not as written, a count is not that of its bits, or books don't balance."""
    for table in TABLES:
        if table is not PARTS and not table.is_checked_late:  # those of each load are read below
            for _ in table.select(connection):
                pass
    for load in list(LOADS.select(connection)):
        _audit_load(connection, load)


def _audit_load(connection: sqlite3.Connection, load: LoadEntry) -> None:
    refusals = dict(
        connection.execute(
            "SELECT part, count(*) FROM refusals WHERE load = ? GROUP BY part", (load.number,)
        ).fetchall()
    )
    n_parts = events = delivered = refused = 0
    for part in PARTS.select(connection, "WHERE load = ? ORDER BY number", (load.number,)):
        if not _is_sound(part) or refusals.pop(part.number, 0) != part.n_refused:
            raise Damage(f"load {load.number}, part {part.number}: its counts are not those of its events")
        n_parts += 1
        events += part.events - part.n_duplicate
        delivered += part.n_delivered
        refused += part.n_refused
    if load.state == "discarded":
        return
    books = books_of_load(load, delivered, refused)
    is_whole = n_parts == load.n_parts and events == load.events and not refusals
    if not is_whole or not books.balances or (load.state == "complete" and books.pending):
        raise Damage(f"load {load.number}: its books don't balance")


def _is_sound(part: PartEntry) -> bool:
    counted = (
        (part.duplicate, part.n_duplicate),
        (part.delivered, part.n_delivered),
        (part.refused, part.n_refused),
    )
    return (
        all(is_well_formed(bits, part.events) and count_bits(bits) == count for bits, count in counted)
        and not overlaps(part.delivered, part.refused)
        and not overlaps(part.delivered, part.duplicate)
        and not overlaps(part.refused, part.duplicate)
    )
