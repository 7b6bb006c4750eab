"""The tables of the ledger, each declared from the value that its rows are. `migrations` makes them in the file.

A new column is a new field of the value, and a migration that adds it.
"""

from typing import NamedTuple

from etl.ledger.facts import Dismissal, DismissedRow, Ending, LoadEntry, PartEntry, ProvedPart, RunEntry
from etl.ledger.table import PATH, Table
from etl.values.delivery import Settlement
from etl.values.staged import KeptFile, SourceFile
from etl.values.verification import EventDifference, Verification

__all__ = [
    "DIFFERENCES",
    "DISMISSALS",
    "DISMISSED",
    "ENDINGS",
    "FILES",
    "KEPT",
    "LOADS",
    "META",
    "PARTS",
    "PROVED",
    "REFUSALS",
    "RUNS",
    "TABLES",
    "VERIFICATIONS",
    "NotedText",
]


class NotedText(NamedTuple):
    """A row of `meta`, as `etl.ledger.notes` writes and reads them."""

    key: str
    value: str


META = Table("meta", NotedText)
LOADS = Table("loads", LoadEntry)
FILES = Table("files", SourceFile, 2, under=("load", "position"), special={"path": PATH})
PARTS = Table("parts", PartEntry, 2, under=("load",))
KEPT = Table("kept", KeptFile, 2, under=("load",))
REFUSALS = Table("refusals", Settlement, 3, under=("load",), called={"index": "idx"}, is_checked_late=True)
RUNS = Table("runs", RunEntry, apart=("ending",))
ENDINGS = Table("endings", Ending, under=("run",))
DISMISSALS = Table("dismissals", Dismissal)
DISMISSED = Table("dismissed", DismissedRow, 3, is_checked_late=True)
PROVED = Table("proved", ProvedPart, 2, under=("load",))
DIFFERENCES = Table(
    "differences", EventDifference, 3, under=("load",), called={"index": "idx"}, is_checked_late=True
)
VERIFICATIONS = Table("verifications", Verification, called={"lag_seconds": "lag_s"})

TABLES = (
    *(META, LOADS, FILES, PARTS, KEPT, REFUSALS, RUNS, ENDINGS, DISMISSALS, DISMISSED),
    *(PROVED, DIFFERENCES, VERIFICATIONS),
)
