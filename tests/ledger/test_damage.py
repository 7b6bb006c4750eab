"""A damaged ledger is refused with the way out. It is never believed."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from etl.errors import StateError
from etl.ledger.store import Ledger
from tests.ledger.staged import (
    delivered,
    everything,
    open_ledger,
    refused,
    source_file,
    staged_load,
    staged_part,
)


def make_ledger(folder: Path) -> tuple[tuple[object, ...], bytes]:
    with open_ledger(folder) as ledger:
        ledger.record_load(
            staged_load(1, staged_part(1, 3_000, [1, 2]), staged_part(2, 30_000), files=[source_file()])
        )
        ledger.record_load(staged_load(2, staged_part(1, 40), skipped=3, mapping="mapping-2"))
        ledger.settle(
            1, [*delivered(1, *range(5, 900)), *delivered(2, *range(20_000)), *refused(2, 21_000, 21_001)]
        )
        ledger.settle(2, delivered(1, *range(40)))
        ledger.complete_load(2, completed_at=77.0)
        ledger.notes.reported = "something"
        run = ledger.start_run(1, started_at=1.5)
        ledger.end_run(replace(run, ended_at=2.5, exit_code=0, state="incomplete", delivered=1, attempts=1))
        before = everything(ledger)
    assert not (folder / "ledger.db-wal").exists()
    return before, (folder / "ledger.db").read_bytes()


def read_everything(folder: Path) -> tuple[object, ...]:
    with Ledger.open_existing(folder) as ledger:
        return everything(ledger)


def test_a_flipped_bit_is_refused_or_harmless_and_never_believed(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    before, sound = make_ledger(folder)
    rng = random.Random(11)
    noticed = 0
    for offset in (*range(100), *rng.sample(range(100, len(sound)), 500)):
        damaged = bytearray(sound)
        damaged[offset] ^= 1 << rng.randrange(8)
        (folder / "ledger.db").write_bytes(damaged)
        try:
            found = read_everything(folder)
        except StateError as error:
            noticed += str(folder) in str(error)
        else:
            assert found == before, offset
    assert noticed > 100  # most of the others hit space that no row uses


def test_each_flipped_bit_of_a_bitmap_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    _, sound = make_ledger(folder)
    run = b"\xff" * 1_000  # only the delivered bitmap of part 2 has so many in a row
    start = sound.index(run)
    for offset in range(start, start + 1_000, 50):
        damaged = bytearray(sound)
        damaged[offset] ^= 1 << (offset % 8)
        (folder / "ledger.db").write_bytes(damaged)
        with pytest.raises(StateError, match=r"a row of `parts` is not as it was written") as caught:
            read_everything(folder)
        assert "backfill reset" in caught.value.fix


def test_a_damaged_name_of_a_table_is_noticed_and_leaves_nothing_open(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    before, sound = make_ledger(folder)
    for name in (b"CREATE TABLE refusals", b"REFERENCES loads", b"WITHOUT ROWID"):
        damaged = bytearray(sound)
        damaged[sound.index(name)] ^= 0x80
        (folder / "ledger.db").write_bytes(damaged)
        with pytest.raises(StateError, match="damaged"):
            read_everything(folder)
        (folder / "ledger.db").write_bytes(sound)
        assert read_everything(folder) == before


def test_a_ledger_cut_short_by_a_page_or_more_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    _, sound = make_ledger(folder)
    for size in (0, 1, 15, 16, 100, 4_095, *range(4_096, len(sound), 4_096)):
        (folder / "ledger.db").write_bytes(sound[:size])
        with pytest.raises(StateError) as caught:
            read_everything(folder)
        assert "damaged" in caught.value.problem, size


def test_another_file_in_its_place_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    make_ledger(folder)
    (folder / "ledger.db").write_text("this is not a database, and it is long enough to be looked at\n" * 100)
    with pytest.raises(StateError, match="damaged"):
        open_ledger(folder)


def test_a_damaged_wal_sends_again_but_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    ledger = open_ledger(folder)
    ledger.record_load(staged_load(1, staged_part(1, 1_000)))
    for at in range(0, 500, 50):
        ledger.settle(1, delivered(1, *range(at, at + 50)))
    files = {name: (folder / name).read_bytes() for name in ("ledger.db", "ledger.db-wal")}
    ledger.close()
    wal = bytearray(files["ledger.db-wal"])
    wal[len(wal) // 2] ^= 1
    again = tmp_path / "again"
    again.mkdir()
    (again / "ledger.db").write_bytes(files["ledger.db"])
    (again / "ledger.db-wal").write_bytes(wal)
    with open_ledger(again) as ledger:
        books = ledger.books(1)
        assert books.balances
        assert 0 < books.delivered < 500
        assert books.delivered + books.pending == 1_000


def test_a_ledger_that_is_gone_while_its_loads_are_there_is_no_fresh_start(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    make_ledger(folder)
    (folder / "loads" / "000001").mkdir(parents=True)
    (folder / "ledger.db").unlink()
    for opening in (lambda: open_ledger(folder), lambda: Ledger.open_existing(folder)):
        with pytest.raises(StateError, match="missing, though its loads are there"):
            opening()
    assert not (folder / "ledger.db").exists()
