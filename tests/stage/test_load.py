import stat
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import StateError
from etl.stage.duplicates import DeliveredIds, DuplicateFinder
from etl.stage.kept import KeptFolder, retire_part
from etl.stage.load import LoadWriter
from etl.stage.parts import (
    events_path,
    explain_disk,
    load_folder,
    open_outgoing,
    read_part,
    refused_path,
    rejects_path,
    remove_parts,
    taken_path,
    write_part,
)
from etl.values.reject import RejectCode
from etl.values.rows import REJECT_SCHEMA, MalformedRecord, Transformed
from etl.values.staged import MAX_PART_BYTES, MAX_PART_EVENTS

BODY = '{"id":"%s","type":"t","entityType":"message","messageId":"m","createdAt":"2024-01-31T09:30:00.000Z"}'


def events(ids: list[str], first_row: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row": pl.Series(range(first_row, first_row + len(ids)), dtype=pl.UInt32),
            "id": ids,
            "body": [BODY % one for one in ids],
            "created_at": pl.Series([0] * len(ids), dtype=pl.Datetime("us", "UTC")),
            "type": "t",
            "entity_type": "search",
            "source": "{}",
        },
        schema_overrides={"id": pl.String, "body": pl.String},
    )


def transformed(ids: list[str], skipped: int = 0) -> Transformed:
    return Transformed(events(ids), pl.DataFrame(schema=REJECT_SCHEMA), skipped)


def test_a_load_is_in_its_place_with_its_counts_and_its_duplicates(tmp_path: Path) -> None:
    with LoadWriter(tmp_path, 1, numbers_repeats=False) as writer:
        writer.add(
            0,
            transformed(["a", "b", "a"], skipped=2),
            (MalformedRecord(4, 5, RejectCode.MALFORMED_RECORD, "cut", "x"),),
        )
        writer.add(1, transformed(["b", "c"]), ())
        writer.note_taken(pl.DataFrame({"load": [1], "file": ["a"], "row": [1]}))
        staged = writer.finish()
    assert (staged.read, staged.skipped, staged.rejected, staged.rows_of_file) == (8, 2, 1, {0: 6, 1: 2})
    (part,) = staged.parts
    flags = np.unpackbits(np.frombuffer(part.duplicates, np.uint8), bitorder="little")[: part.events]
    assert (flags.tolist(), part.n_duplicate) == ([0, 0, 1, 1, 0], 2)
    folder = load_folder(tmp_path, 1)
    assert read_part(rejects_path(folder, 0))["line"].to_list() == [5]
    assert taken_path(folder).exists()
    outgoing = open_outgoing(
        events_path(folder, 0), 0, [1, 4], size_bytes=part.size_bytes, sha256=part.sha256
    )
    assert list(chain.from_iterable(outgoing)) == [
        (0, 1, "b", (BODY % "b").encode()),
        (0, 4, "c", (BODY % "c").encode()),
    ]
    assert sorted(path.name for path in folder.iterdir()) == [
        "events-00000.parquet",
        "rejects-00000.parquet",
        "taken.parquet",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_parts_have_no_more_events_than_a_bitmap_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_PART_EVENTS == 65_536
    with LoadWriter(tmp_path, 1, numbers_repeats=False) as writer:
        for start in range(0, 150_000, 50_000):
            writer.add(0, transformed([str(n) for n in range(start, start + 50_000)]), ())
        staged = writer.finish()
    assert [part.events for part in staged.parts] == [65_536, 65_536, 18_928]


def test_parts_are_small_where_there_is_little_room(tmp_path: Path) -> None:
    with LoadWriter(tmp_path, 1, numbers_repeats=False, has_little_room=True) as writer:
        writer.add(0, transformed([str(n) for n in range(40_000)]), ())
        staged = writer.finish()
    assert [part.events for part in staged.parts] == [16_384, 16_384, 7_232]


def test_parts_take_no_more_bytes_than_memory_has_room_for(tmp_path: Path) -> None:
    mb, at_once = 1 << 20, MAX_PART_BYTES
    large = [n for n in range(100) if n % 3 == 0]
    frame = events([str(n) for n in range(100)]).with_columns(
        body=pl.Series(["b" * (2 * mb) if n in large else "b" for n in range(100)])
    )
    giant = events(["giant"]).with_columns(source=pl.lit("s" * (at_once + mb)))
    rejects = pl.DataFrame(schema=REJECT_SCHEMA)
    with LoadWriter(tmp_path, 1, numbers_repeats=False) as writer:
        for some in (frame[:60], frame[60:], giant, events(["last"])):
            writer.add(0, Transformed(some, rejects, 0), ())
        for row in (1, 2):
            writer.add(
                0,
                Transformed(frame[:0], rejects, 0),
                (MalformedRecord(row, row, RejectCode.MALFORMED_RECORD, "cut", "x" * 20 * mb),),
            )
        staged = writer.finish()
    folder = load_folder(tmp_path, 1)
    parts = [read_part(events_path(folder, part.number)) for part in staged.parts]
    assert pl.concat(parts)["id"].to_list() == [*map(str, range(100)), "giant", "last"]
    assert [part["id"].to_list() for part in parts[3:]] == [["giant"], ["last"]]
    assert all(part["body"].str.len_bytes().sum() <= at_once for part in parts[:3])
    assert [read_part(rejects_path(folder, number))["row"].to_list() for number in (0, 1)] == [[1], [2]]


def test_a_part_is_sent_a_few_megabytes_at_a_time(tmp_path: Path) -> None:
    frame = events([str(n) for n in range(40)]).with_columns(body=pl.lit("b" * (1 << 20)))
    kept = write_part(frame, tmp_path / "part")
    size, sha256 = kept.size_bytes, kept.sha256
    wanted = [0, 1, 17, 18, 19, 39]
    groups = [
        list(some) for some in open_outgoing(tmp_path / "part", 0, wanted, size_bytes=size, sha256=sha256)
    ]
    assert [index for some in groups for _, index, _, _ in some] == wanted
    assert [event_id for some in groups for _, _, event_id, _ in some] == list(map(str, wanted))
    assert len(groups) == 3, "what is settled isn't unpacked"
    every = open_outgoing(tmp_path / "part", 0, list(range(40)), size_bytes=size, sha256=sha256)
    assert max(sum(len(body) for *_, body in some) for some in every) <= 8 << 20


def test_an_error_leaves_nothing_and_a_leftover_is_removed(tmp_path: Path) -> None:
    def fail() -> None:
        with LoadWriter(tmp_path, 1, numbers_repeats=False) as writer:
            writer.add(0, transformed(["a"]), ())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list((tmp_path / "loads").iterdir()) == []
    (tmp_path / "loads" / ".staging-000001").mkdir()
    (tmp_path / "loads" / "000001").mkdir()
    (tmp_path / "loads" / "000001" / "events-00007.parquet").write_bytes(b"old")
    with LoadWriter(tmp_path, 1, numbers_repeats=False) as writer:
        writer.add(0, transformed(["a"]), ())
        writer.finish()
    assert [path.name for path in load_folder(tmp_path, 1).iterdir()] == ["events-00000.parquet"]


def test_repeats_are_numbered_each_within_its_file(tmp_path: Path) -> None:
    with LoadWriter(tmp_path, 1, numbers_repeats=True) as writer:
        writer.add(0, transformed(["a" * 36, "b" * 36, "a" * 36, "a" * 36]), ())
        writer.add(1, transformed(["a" * 36]), ())
        staged = writer.finish()
    ids = read_part(events_path(load_folder(tmp_path, 1), 0))["id"].to_list()
    assert len(set(ids)) == 4
    assert ids[0] == ids[4] == "a" * 36
    assert staged.parts[0].n_duplicate == 1, "the same event in two files is one event"


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=1, max_size=6))
def test_duplicates_are_exactly_the_rows_whose_id_an_earlier_row_has(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    series = [pl.DataFrame({"id": part}) for part in parts]
    finder = DuplicateFinder(tmp_path_factory.mktemp("ids") / "hashes", lambda part: series[part])
    for one in series:
        finder.add(one)
    flags, digest = finder.find()
    seen: set[str] = set()
    expected = []
    for part in parts:
        expected.append([one in seen or one in part[:index] for index, one in enumerate(part)])
        seen.update(part)
    assert [list(map(bool, flag)) for flag in flags] == expected
    assert digest.endswith(f":{len(seen)}")


PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), min_size=1, max_size=6)


@given(st.lists(PAIRS, max_size=3), st.lists(PAIRS, min_size=1, max_size=4), st.booleans())
def test_rows_with_one_id_and_another_content_are_told_and_at_most_one_goes(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[list[tuple[str, int]]],
    parts: list[list[tuple[str, int]]],
    sends: bool,
) -> None:
    def frame(part: list[tuple[str, int]]) -> pl.DataFrame:
        return pl.DataFrame(part, schema={"id": pl.String, "content": pl.UInt64}, orient="row")

    # What was delivered from one part has each id once.
    before = [list(dict(part).items()) for part in before]
    delivered = dict(pair for part in before for pair in part)
    finder = DuplicateFinder(
        tmp_path_factory.mktemp("ids") / "hashes",
        lambda part: frame(parts[part]),
        [DeliveredIds(partial(frame, part)) for part in before],
        sends_corrections=sends,
    )
    for part in parts:
        finder.add(frame(part))
    flags, _ = finder.find()
    rows = [(row, pair) for part, pairs in enumerate(parts) for row, pair in enumerate(pairs)]
    places = [(part, row) for part, pairs in enumerate(parts) for row in range(len(pairs))]
    goes = {place for place in places if not flags[place[0]][place[1]]}
    told = {
        (part, index): (newest, as_sent) for part, index, _, newest, as_sent in finder.differing.iter_rows()
    }
    for key in {pair[0] for _, pair in rows}:
        own = [
            (place, parts[place[0]][place[1]][1]) for place in places if parts[place[0]][place[1]][0] == key
        ]
        chosen = own[-1] if sends else own[0]
        corrects = sends and key in delivered and chosen[1] != delivered[key]
        assert {place for place, _ in own} & goes == (
            {chosen[0]} if corrects or key not in delivered else set()
        )
        now = chosen[1] if corrects or key not in delivered else delivered[key]
        differing = {content for _, content in own if content not in (delivered.get(key, now), now)}
        assert {parts[part][row][1] for part, row in told if (part, row) in dict(own)} == (
            differing | ({now} if corrects else set())
        )
        assert all(told[place][0] == (content == own[-1][1]) for place, content in own if place in told)
        assert {place for place in told if told[place][1] and place in dict(own)} == (
            {chosen[0]} if corrects else set()
        )


def test_what_an_older_version_delivered_without_digests_is_unknown_and_no_correction(tmp_path: Path) -> None:
    own = pl.DataFrame({"id": ["a", "b"], "content": [1, 2]}, schema_overrides={"content": pl.UInt64})
    for sends in (False, True):
        finder = DuplicateFinder(
            tmp_path / "hashes",
            lambda _: own,
            [DeliveredIds(lambda: pl.DataFrame({"id": ["a", "z"]}))],
            sends_corrections=sends,
        )
        finder.add(own)
        flags, _ = finder.find()
        assert [list(map(bool, flag)) for flag in flags] == [[True, False]]
        assert (finder.unknown, finder.differing.height) == (1, 0)


def test_ids_that_are_only_those_of_now_are_duplicates_and_counted_once_each(tmp_path: Path) -> None:
    parts = [
        pl.DataFrame({"id": ids, "content": contents}, schema_overrides={"content": pl.UInt64})
        for ids, contents in ((["a", "b"], [1, 2]), (["b", "c", "d"], [9, 3, 4]))
    ]
    delivered = pl.DataFrame({"id": ["c"], "content": [3]}, schema_overrides={"content": pl.UInt64})
    renamed = pl.DataFrame(
        {"id": ["b", "c", "d"], "content": [2, 3, 5]}, schema_overrides={"content": pl.UInt64}
    )
    for sends in (False, True):
        finder = DuplicateFinder(
            tmp_path / "hashes",
            parts.__getitem__,
            [DeliveredIds(lambda: delivered), DeliveredIds(lambda: renamed, are_renamed=True)],
            sends_corrections=sends,
        )
        for part in parts:
            finder.add(part)
        flags, _ = finder.find()
        assert [list(map(bool, flag)) for flag in flags] == [[False, True], [True] * 3]
        assert finder.came_again == (2, 2, (0, 1)), "b and d; c was delivered as itself as well"
        assert (finder.unknown, finder.differing.height) == (0, 0)


def test_a_retired_part_keeps_its_ids_and_what_was_refused(tmp_path: Path) -> None:
    part = write_part(
        events(["a", "b", "c"]).with_columns(pl.lit(0, pl.UInt32).alias("file")), events_path(tmp_path, 0)
    )
    for _ in range(2):
        kept = retire_part(KeptFolder(tmp_path, [part], is_listed=True), 0, [1])
    remove_parts(tmp_path)
    remove_parts(tmp_path)
    folder = KeptFolder(tmp_path, kept, is_listed=True)
    assert folder.read_ids(0, ["id"])["id"].to_list() == ["a", "b", "c"]
    assert folder.read(refused_path(tmp_path, 0)).select("index", "row", "id").rows() == [(1, 2, "b")]
    assert not events_path(tmp_path, 0).exists()


def test_a_part_that_changed_or_is_gone_is_refused(tmp_path: Path) -> None:
    part = write_part(events(["a"]), tmp_path / "part")
    (tmp_path / "part").write_bytes(b"x" * part.size_bytes)
    for path, found in ((tmp_path / "part", "changed"), (tmp_path / "gone", "gone")):
        with pytest.raises(StateError) as caught:
            open_outgoing(path, 0, [0], size_bytes=part.size_bytes, sha256=part.sha256)
        assert (
            caught.value.problem == f"Expected the staged part as it was written, found it {found} - {path}"
        )
    with pytest.raises(StateError, match="Expected a part that can be written and read"):
        read_part(tmp_path / "part")


def test_a_kept_file_is_checked_before_it_is_believed(tmp_path: Path) -> None:
    path = rejects_path(tmp_path, 0)
    part = write_part(pl.DataFrame({"row": [1]}), path)
    kept = KeptFolder(tmp_path, [part], is_listed=True)
    path.rename(tmp_path / "aside")
    assert kept.has(path)
    with pytest.raises(StateError, match="found it gone"):
        kept.read(path)
    write_part(pl.DataFrame({"row": [2]}), path)  # as sound as the first, and another
    with pytest.raises(StateError, match="found it changed"):
        kept.read(path)


def test_what_the_ledger_never_knew_is_taken_as_it_is(tmp_path: Path) -> None:
    path = rejects_path(tmp_path, 0)
    write_part(pl.DataFrame({"row": [1]}), path)
    assert KeptFolder(tmp_path, [], is_listed=False).has(path)
    assert KeptFolder(tmp_path, [], is_listed=False).read(path)["row"].to_list() == [1]
    assert not KeptFolder(tmp_path, [], is_listed=True).has(path)


def test_a_full_disk_is_told_from_the_text_of_a_library_too() -> None:
    told = explain_disk(pl.exceptions.ComputeError("No space left on device (os error 28)"), Path("p"))
    assert told.problem == "Expected room to write, found the disk full - p"
    assert "safe" in told.fix
    assert explain_disk(OSError("1000 requested and 0 written"), Path("p")).problem == told.problem
