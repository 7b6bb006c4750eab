"""What a load's parts and the ledger say of events that an earlier run may have brought to the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etl.ledger.store import Ledger
from etl.stage.parts import load_folder
from etl.upload.load_parts import MOST_OF_OLD, LoadParts
from etl.upload.sending import LEAST_AT_ONCE, MOST_AT_ONCE, next_at_once
from etl.values.delivery import BEFORE_ALL, EventPlace
from tests.upload.destination import destination
from tests.workbench import call, write_job


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "CANARY-c0ffee")


@contextmanager
def begun(folder: Path, *flags: str, events: int, sent: int) -> Iterator[tuple[LoadParts, Path]]:
    """A job of which `sent` events were delivered; its ledger is open."""
    job = write_job(folder, events)
    with destination() as (one, _):
        assert call("run", "--quiet", "--limit", sent, *flags, "--endpoint", one.url, job).code == 0
        with Ledger.open_existing(next((folder / ".backfill").glob("docs@*"))) as ledger:
            yield LoadParts(ledger, 1, load_folder(ledger_folder(folder), 1)), job


def ledger_folder(folder: Path) -> Path:
    return next((folder / ".backfill").glob("docs@*"))


def test_a_run_that_was_told_to_stop_and_settled_all_it_took_leaves_nothing_uncertain(tmp_path: Path) -> None:
    with begun(tmp_path, events=100, sent=10) as (parts, _):
        assert parts.offered() == BEFORE_ALL
        assert parts.count_pending_through(parts.offered()) == 0
        assert parts.maybe_there() == []


def test_the_pending_events_up_to_the_mark_may_be_there(tmp_path: Path) -> None:
    with begun(tmp_path, events=100, sent=10) as (parts, _):
        parts.ledger.notes.offered.put(1, EventPlace(0, 30))
        assert parts.count_pending_through(parts.offered()) == 21
        assert [event.place for event in parts.maybe_there()] == [EventPlace(0, at) for at in range(10, 31)]


def test_of_an_older_version_all_that_it_can_have_had_under_way_is_taken_to_be_there(tmp_path: Path) -> None:
    with begun(tmp_path, events=MOST_OF_OLD + 100, sent=10) as (parts, _):
        with parts.ledger._session.writing() as connection:
            connection.execute("DELETE FROM meta WHERE key LIKE 'offered:%'")
        assert parts.count_pending_through(parts.offered()) == MOST_OF_OLD == 2_125
        assert parts.ledger.notes.offered.of(1) == EventPlace(0, MOST_OF_OLD + 9)


@pytest.mark.parametrize(
    ("at_once", "seconds", "expected"),
    [
        (LEAST_AT_ONCE, 0.1, 2 * LEAST_AT_ONCE),
        (MOST_AT_ONCE, 0.1, MOST_AT_ONCE),
        (256, 0.5, 256),
        (256, 2.0, 128),
        (LEAST_AT_ONCE, 20.0, LEAST_AT_ONCE),
    ],
)
def test_the_faster_events_go_the_more_are_handed_out_at_once(
    at_once: int, seconds: float, expected: int
) -> None:
    assert next_at_once(at_once, seconds) == expected
