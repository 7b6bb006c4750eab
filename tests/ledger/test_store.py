from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl.errors import JobError, StateError
from etl.event import ID_SCHEME_VERSION
from etl.ledger.store import Ledger
from etl.values.books import Books
from etl.values.delivery import Settlement
from etl.values.staged import KeptFile, StagedLoad
from tests.ledger.staged import (
    delivered,
    everything,
    open_ledger,
    refusal,
    refused,
    source_file,
    staged_load,
    staged_part,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "docs") as ledger:
        yield ledger


def test_a_new_ledger_knows_its_job_and_nothing_else(ledger: Ledger) -> None:
    assert (ledger.job, ledger.endpoint, ledger.notes.created_at) == (
        "docs",
        "https://one.example",
        1_700_000_000.0,
    )
    assert (ledger.loads(), ledger.runs(), ledger.open_load(), ledger.mapping) == ((), (), None, None)
    assert (ledger.next_load_number, ledger.delivered_any(), ledger.id_scheme_version) == (1, False, None)
    assert ledger.books_of([]) == Books()


def test_a_recorded_load_is_read_back_as_it_was_staged(ledger: Ledger) -> None:
    files = (source_file("a.csv"), source_file("dir/b\udcff.csv"), source_file("s3://bucket/ü %?.csv"))
    parts = (staged_part(1, 100, [7, 8]), staged_part(2, 9))
    ledger.record_load(staged_load(1, *parts, skipped=4, rejected=3, files=files))
    (load,) = ledger.loads()
    assert (load.read, load.skipped, load.rejected, load.duplicate, load.events) == (116, 4, 3, 2, 107)
    assert (load.state, load.kind, load.staged_at, load.completed_at, load.ids_kept) == (
        "open",
        "files",
        1_700_000_000.25,
        None,
        False,
    )
    assert load.id_scheme_version == ledger.id_scheme_version == ID_SCHEME_VERSION
    assert load == ledger.open_load() == ledger.load(1)
    assert ledger.files(1) == files
    assert [part.number for part in ledger.parts(1)] == [1, 2]
    assert ledger.parts(1)[0].duplicate == parts[0].duplicates
    assert ledger.unsettled(1, 1) == [index for index in range(100) if index not in (7, 8)]
    assert ledger.books(1) == Books(read=116, rejected=3, duplicate=2, skipped=4, pending=107)


def test_settling_moves_events_from_pending_and_keeps_the_books(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 10, [0]), staged_part(2, 5), rejected=1))
    assert ledger.settle(1, [*delivered(1, 1, 2), *refused(2, 4), *delivered(2, 0)]) == (3, 1)
    assert ledger.books(1) == Books(read=16, delivered=3, rejected=2, duplicate=1, pending=10)
    assert ledger.unsettled(1, 1) == [3, 4, 5, 6, 7, 8, 9]
    assert ledger.unsettled(1, 2) == [1, 2, 3]
    assert ledger.delivered_any()


def test_settling_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 10)))
    batch = [*delivered(1, 1), *refused(1, 2)]
    ledger.settle(1, batch)
    before = everything(ledger)
    assert ledger.settle(1, batch) == (0, 0)
    assert everything(ledger) == before


def test_a_refused_event_that_is_delivered_later_is_no_longer_refused(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 10)))
    ledger.settle(1, refused(1, 2, 3))
    assert ledger.settle(1, delivered(1, 2)) == (1, -1)
    assert [found.index for found in ledger.refusals(1)] == [3]
    assert ledger.settle(1, refused(1, 2)) == (0, 0)
    assert ledger.books(1) == Books(read=10, delivered=1, rejected=1, pending=8)


def test_refusals_come_back_whole_and_in_order_over_many_pages(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 1_500), staged_part(2, 1_500)))
    batch = [*refused(2, *range(1_499, -1, -1)), *refused(1, *range(1_500))]
    ledger.settle(1, batch)
    assert list(ledger.refusals(1)) == sorted(batch, key=lambda s: (s.part, s.index))


def test_a_refusal_keeps_what_the_server_said_even_if_no_text_can_hold_it(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 10)))
    odd = refusal("bad \ud800 text", detail=None)
    plain = refusal("'; DROP TABLE loads; -- \x00 é", status=409)
    ledger.settle(1, [Settlement(1, 0, odd), Settlement(1, 1, plain)])
    found = [settlement.refusal for settlement in ledger.refusals(1)]
    assert found == [odd._replace(reason="bad ? text"), plain]


def test_a_failed_batch_leaves_nothing_behind(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 10)))
    with pytest.raises(KeyError, match="part 9"):
        ledger.settle(1, [*delivered(1, 1), *delivered(9, 1)])
    assert ledger.books(1).delivered == 0
    assert ledger.settle(1, delivered(1, 1)) == (1, 0)


def test_a_load_is_completed_only_when_nothing_is_pending(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 3)))
    ledger.settle(1, delivered(1, 0, 1))
    with pytest.raises(AssertionError, match="1 events pending"):
        ledger.complete_load(1, completed_at=5)
    ledger.settle(1, refused(1, 2))
    ledger.complete_load(1, completed_at=5)
    assert (ledger.load(1).state, ledger.load(1).completed_at) == ("complete", 5.0)
    ledger.complete_load(1, completed_at=6)
    assert ledger.load(1).completed_at == 5.0
    assert ledger.open_load() is None


def test_ids_are_kept_only_of_a_complete_load(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, rejected=2))
    with pytest.raises(AssertionError):
        ledger.keep_ids(1, [])
    ledger.complete_load(1, completed_at=5)
    ids = KeptFile("ids-00001.parquet", 7, "e" * 64)
    ledger.keep_ids(1, [ids])
    assert ledger.load(1).ids_kept
    assert ledger.kept_files(1) == (ids,)


def test_the_oldest_unfinished_load_comes_first(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        ledger.record_load(staged_load(number, staged_part(1, 1), mapping=f"m{number}"))
    ledger.settle(1, delivered(1, 0))
    ledger.complete_load(1, completed_at=5)
    assert ledger.open_load().number == 2
    assert ledger.mapping == "m3"
    assert ledger.next_load_number == 4
    assert ledger.books_of([1, 2, 3]) == Books(read=3, delivered=1, pending=2)


def test_a_discarded_load_is_gone_but_its_number_stays_taken(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 3), files=[source_file()]))
    ledger.settle(1, refused(1, 0))
    ledger.discard_load(1)
    assert (ledger.loads(), ledger.known_files(), list(ledger.refusals(1))) == ((), {}, [])
    assert ledger.next_load_number == 2


def test_a_load_with_delivered_events_is_never_discarded(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 3)))
    ledger.settle(1, delivered(1, 0))
    with pytest.raises(AssertionError):
        ledger.discard_load(1)
    assert ledger.load(1).state == "open"


def test_known_files_are_the_newest_of_each_path_and_not_those_of_retries(ledger: Ledger) -> None:
    old, new, other = source_file(sha256="1" * 64), source_file(sha256="2" * 64), source_file("b.csv")
    ledger.record_load(staged_load(1, files=[old, other]))
    ledger.record_load(staged_load(2, files=[new]))
    ledger.record_load(staged_load(3, kind="retry", files=[source_file(sha256="3" * 64)]))
    assert ledger.known_files() == {"a.csv": new, "b.csv": other}


@pytest.mark.parametrize(
    "load",
    [
        replace(staged_load(1, staged_part(1, 3)), read=4),
        replace(staged_load(1, staged_part(1, 3)), parts=(replace(staged_part(1, 3), n_duplicate=1),)),
        replace(staged_load(1, staged_part(1, 3)), parts=(replace(staged_part(1, 3), duplicates=b"\x08"),)),
        staged_load(1, staged_part(1, 65_537)),
        staged_load(1, staged_part(1, 3), staged_part(1, 3)),
        staged_load(2, staged_part(1, 3)),
    ],
    ids=["books", "duplicates", "bitmap", "too big", "same number", "not the next"],
)
def test_a_load_that_does_not_add_up_is_a_bug_and_not_recorded(ledger: Ledger, load: StagedLoad) -> None:
    with pytest.raises(AssertionError):
        ledger.record_load(load)
    assert ledger.loads() == ()


def test_runs_are_recorded_with_their_end(ledger: Ledger) -> None:
    ledger.record_load(staged_load(1, staged_part(1, 3)))
    first, second = ledger.start_run(1, started_at=10), ledger.start_run(None, started_at=20.5)
    ledger.end_run(
        replace(first, ended_at=15, exit_code=5, state="incomplete", delivered=2, attempts=9, retries=7)
    )
    ended, killed = ledger.runs()
    assert (ended.number, ended.load, ended.started_at, ended.ended_at) == (first.number, 1, 10.0, 15.0)
    assert (ended.exit_code, ended.state, ended.delivered, ended.attempts, ended.retries) == (
        5,
        "incomplete",
        2,
        9,
        7,
    )
    assert (killed.number, killed.load, killed.ended_at, killed.exit_code) == (
        second.number,
        None,
        None,
        None,
    )


def test_all_of_it_is_there_after_reopening(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "docs") as ledger:
        ledger.record_load(staged_load(1, staged_part(1, 100, [5]), files=[source_file()]))
        ledger.settle(1, [*delivered(1, 0, 1, 2), *refused(1, 3)])
        ledger.notes.reported = "one"
        ledger.notes.reported = "two"
        ledger.start_run(1, started_at=1)
        before = everything(ledger)
    with open_ledger(tmp_path / "docs") as ledger:
        assert everything(ledger) == before
        assert ledger.notes.reported == "two"


def test_an_existing_ledger_opens_without_knowing_the_job_and_a_missing_one_is_not_made(
    tmp_path: Path,
) -> None:
    assert Ledger.open_existing(tmp_path / "docs") is None
    assert not (tmp_path / "docs").exists()
    open_ledger(tmp_path / "docs").close()
    with Ledger.open_existing(tmp_path / "docs") as ledger:
        assert ledger.job == "docs"


def test_the_ledger_of_another_job_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path / "docs").close()
    with pytest.raises(StateError, match=r"ledger of job `other`, found that of `docs`"):
        open_ledger(tmp_path / "docs", job="other")


def test_the_endpoint_may_change_until_something_was_delivered(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "docs") as ledger:
        ledger.record_load(staged_load(1, staged_part(1, 3)))
    with open_ledger(tmp_path / "docs", endpoint="https://two.example") as ledger:
        assert ledger.endpoint == "https://two.example"
        ledger.settle(1, delivered(1, 0))
    with pytest.raises(JobError, match=r"https://two\.example, where this job has delivered"):
        open_ledger(tmp_path / "docs", endpoint="https://one.example")
    open_ledger(tmp_path / "docs", endpoint="https://two.example").close()


def test_a_closed_ledger_closes_again_and_does_nothing_else(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "docs")
    ledger.close()
    ledger.close()
    with pytest.raises(StateError, match="found it closed"):
        ledger.loads()
