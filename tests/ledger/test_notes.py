"""What a ledger notes beside its tables comes back with its type, and as the versions before it wrote it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl.ledger.notes import Note, NotedFilter, NotePerLoad, Notes, ReceiptMark
from etl.ledger.store import Ledger
from etl.values.canary import Canary, SecondEvent, SecondEventEffect
from etl.values.delivery import BEFORE_ALL, EventPlace
from etl.values.extent import Span, Watermark
from etl.values.outcome import CorrectionCounts
from etl.values.remapped import RowChange
from etl.values.renamed import CameAgain, Renamed
from tests.ledger.staged import open_ledger

MAY = datetime(2024, 5, 1, tzinfo=UTC)
# Each fact as released versions have it in their ledgers.
OF_A_JOB: dict[str, tuple[str, Any]] = {
    "job": ("docs", "docs"),
    "endpoint": ("https://one.example", "https://one.example"),
    "created_at": ("1700000000.0", 1_700_000_000.0),
    "state_id": ("5f0e", "5f0e"),
    "job_file": ("../../docs.toml", "../../docs.toml"),
    "listed_from": ("3", 3),
    "sending_load": ("4", 4),
    "told_through": ("2", 2),
    "cleared_through": ("1", 1),
    "accepted_mapping": ("2:abc.def", "2:abc.def"),
    "reported": ("loads 2, rejected 0", "loads 2, rejected 0"),
    "newest_receipt": ('{"number": 2, "sha256": "0a"}', ReceiptMark(2, "0a")),
    "receipts_through": ("1", 1),
    "open_rejects": (
        '["loads 2, rejected 1", {"1": {"unmapped_value": 1}}]',
        ("loads 2, rejected 1", {1: {"unmapped_value": 1}}),
    ),
    "ids_a_query": ("50", 50),
    "second_event": (
        '["keeps two", 1700000000.5]',
        SecondEvent(SecondEventEffect.KEEPS_TWO, 1_700_000_000.5),
    ),
    "asks": ("1", 1),
}
OF_A_LOAD: dict[str, list[tuple[str, Any]]] = {
    "watermark": [
        ('{"column": "at", "number": 5.0, "micros": null}', Watermark("at", 5.0, None)),
        ('{"column": "n", "number": null, "micros": 1000000}', Watermark("n", None, 1_000_000)),
    ],
    "span": [
        ('["2024-05-01T00:00:00+00:00", null]', Span(MAY, None)),
        ("[null, null]", Span()),
    ],
    "filter": [("null", NotedFilter(None)), ('"a > 1"', NotedFilter("a > 1"))],
    "corrections": [
        (
            '{"found": 3, "sent": 1, "rejected": 1, "unknown": 0, "first": "a.csv row 2"}',
            CorrectionCounts(3, 1, 1, 0, "a.csv row 2"),
        )
    ],
    "renamed": [
        (
            '{"mapping": "2:abc.def", "delivered": 3, "new_id": 2, "new_content": 1, "gone": 0, "unknown": 0, '
            '"example": ["a.csv", 1, "old", "new"], "parts": 1, "problem": ""}',
            Renamed("2:abc.def", 3, 2, 1, 0, 0, RowChange("a.csv", 1, "old", "new"), 1),
        ),
        (
            '{"mapping": "2:abc.def", "delivered": 3, "new_id": 0, "new_content": 0, "gone": 0, "unknown": 0, '
            '"example": null, "parts": 0, "problem": "it is gone"}',
            Renamed("2:abc.def", 3, problem="it is gone"),
        ),
    ],
    "came_again": [
        (
            '{"events": 3, "changed": 1, "example": ["a.csv", 1, "old", "new"]}',
            CameAgain(3, 1, RowChange("a.csv", 1, "old", "new")),
        ),
        ('{"events": 3, "changed": 0, "example": null}', CameAgain(3)),
    ],
    "looked_for": [("0", 0), ("-1", -1), ("3", 3)],
    "offered": [("3:1023", EventPlace(3, 1023)), ("-1:-1", BEFORE_ALL)],
    "canary": [
        (
            '{"places": [[0, 7], [3, 1]], "state": "open"}',
            Canary((EventPlace(0, 7), EventPlace(3, 1)), "open"),
        )
    ],
    "takes_over": [("7", 7)],
}


def text_of(ledger_folder: Path, key: str) -> str:
    with closing(sqlite3.connect(ledger_folder / "ledger.db")) as connection:
        text: str = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]
        return text


def test_every_note_is_pinned_here() -> None:
    declared = vars(Notes).items()
    assert {name for name, note in declared if isinstance(note, Note)} == set(OF_A_JOB)
    assert {name for name, note in declared if isinstance(note, NotePerLoad)} == set(OF_A_LOAD)


@pytest.mark.parametrize(("name", "text", "value"), [(name, *pair) for name, pair in OF_A_JOB.items()])
def test_a_fact_of_a_job_is_kept_as_it_always_was(
    tmp_path: Path, name: str, text: str, value: object
) -> None:
    with open_ledger(tmp_path / "docs") as ledger:
        setattr(ledger.notes, name, value)
        assert getattr(ledger.notes, name) == value
    assert text_of(tmp_path / "docs", name) == text


@pytest.mark.parametrize(
    ("name", "text", "value"), [(name, *pair) for name, pairs in OF_A_LOAD.items() for pair in pairs]
)
def test_a_fact_of_a_load_is_kept_as_it_always_was(
    tmp_path: Path, name: str, text: str, value: object
) -> None:
    with open_ledger(tmp_path / "docs") as ledger:
        getattr(ledger.notes, name).put(12, value)
        assert getattr(ledger.notes, name).of(12) == value
        assert getattr(ledger.notes, name).of(1) is None
    assert text_of(tmp_path / "docs", f"{name}:{12}") == text


def test_what_was_never_noted_is_none_and_the_last_note_counts(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "docs") as ledger:
        assert (ledger.notes.sending_load, ledger.cleared_through, ledger.is_sent(1)) == (None, 0, False)
        ledger.begin_sending(2)
        ledger.begin_sending(1)
    with Ledger.open_existing(tmp_path / "docs") or pytest.fail("gone") as ledger:
        assert (ledger.notes.sending_load, ledger.is_sent(2), ledger.is_sent(3)) == (2, True, False)
