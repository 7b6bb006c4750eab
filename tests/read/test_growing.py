"""Files that are still being written: where their whole lines end, and when what follows is new."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import InputError
from etl.job.model import Job
from etl.read.files import SourcePath
from etl.read.growing import QUIET_SECONDS, NoWholeLine, can_grow, find_whole_lines, rows_can_follow
from etl.read.source import open_source
from etl.values.staged import SourceFile
from tests.read.sources import gather, job_over, source_at

WRITTEN_AT = 1_700_000_000.0
JUST_AFTER = WRITTEN_AT + QUIET_SECONDS
LONG_AFTER = JUST_AFTER + 1


def written(folder: Path, data: bytes, name: str = "rows.csv") -> SourcePath:
    file = source_at(folder, data, name)
    os.utime(file.path, (WRITTEN_AT, WRITTEN_AT))
    return file


def job_of(folder: Path, name: str = "rows.csv", **csv: Any) -> Job:
    return job_over(folder, name, mode="incremental", csv=csv)


def end_of(
    folder: Path, data: bytes, now: float = JUST_AFTER, name: str = "rows.csv", **csv: Any
) -> int | None:
    files, waiting = find_whole_lines([written(folder, data, name)], job_of(folder, name, **csv), now)
    return [*files, *waiting][0].end


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"a,b\n1,2\n", 8),
        (b"a,b\n1,2\n3", 8),
        (b"a,b\r\n1,2\r\n3,4\r", 10),
        (b"a,b\n" + b"x" * 200_000, 4),
        (b"a,b\n" + b"x" * 65_531 + b"\n" + b"y" * 65_536, 65_536),
        (b"a,b", 0),
        (b"", 0),
    ],
)
def test_of_a_file_that_was_just_written_to_only_whole_lines_count(
    tmp_path: Path, data: bytes, end: int
) -> None:
    assert end_of(tmp_path, data) == end


def test_after_ten_quiet_minutes_a_last_line_without_its_end_counts_too(tmp_path: Path) -> None:
    assert end_of(tmp_path, b"a,b\n1,2\n3,4", LONG_AFTER) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "shift_jis"])
def test_a_line_end_is_that_of_the_encoding_wherever_its_bytes_stand(tmp_path: Path, encoding: str) -> None:
    # U+0A0A, U+0D0A and U+010A hold the byte of a line end in each half; the files name no EBCDIC letter but these.
    text = "a,b\n1,2\n" if encoding in ("cp037", "shift_jis") else "a,b\n\u0a0a,\u0d0a\n"
    whole = text.encode(encoding)
    half = whole + "\u0a0a3"[(encoding in ("cp037", "shift_jis")) :].encode(
        "utf-16-le" if encoding == "utf-16" else "utf-32-le" if encoding == "utf-32" else encoding
    )
    assert end_of(tmp_path, half, encoding=encoding) == len(whole)
    assert end_of(tmp_path, half[:-1], encoding=encoding) == len(whole)


def test_a_byte_order_mark_says_the_encoding_where_the_job_says_nothing(tmp_path: Path) -> None:
    whole = "a,b\n\u0a0a,2\n".encode("utf-16")
    assert end_of(tmp_path, whole + "\u0a0a".encode("utf-16-le")) == len(whole)
    assert end_of(tmp_path, b'{"a":1}\n{"a"', name="rows.ndjson", encoding="utf-16") == 8


@pytest.mark.parametrize(
    ("name", "compression", "etag", "grows"),
    [
        ("rows.csv", None, None, True),
        ("rows.ndjson", None, None, True),
        ("rows.csv.gz", "gzip", None, False),
        ("rows.parquet", None, None, False),
        ("rows.csv", None, "abc", False),
    ],
)
def test_only_plain_text_on_a_local_disk_can_grow(
    name: str, compression: str | None, etag: str | None, grows: bool
) -> None:
    file = SourcePath(name, Path(name), name.split(".")[1], compression, etag=etag)
    assert can_grow(file) is grows


def test_files_without_a_whole_line_wait_and_the_others_are_read(tmp_path: Path) -> None:
    written(tmp_path, b"a\n1\n", "one.csv")
    written(tmp_path, b"a", "two.csv")
    job = job_over(tmp_path, "*.csv", mode="incremental")
    source = open_source(job, now=JUST_AFTER)
    assert [file.name for file in source.files] == ["one.csv"]
    assert [file.name for file in source.waiting] == ["two.csv"]
    (tmp_path / "one.csv").unlink()
    with pytest.raises(NoWholeLine, match=r"found one that is still being written - two\.csv"):
        open_source(job, now=JUST_AFTER)


def test_an_empty_file_waits_in_an_incremental_job_alone(tmp_path: Path) -> None:
    written(tmp_path, b"a\n1\n", "one.csv")
    written(tmp_path, b"", "two.csv")
    source = open_source(job_over(tmp_path, "*.csv", mode="incremental"), now=LONG_AFTER)
    assert [file.name for file in source.waiting] == ["two.csv"]
    with pytest.raises(InputError, match="found an empty file"):
        open_source(job_over(tmp_path, "*.csv"))


def test_a_quoted_record_that_is_half_written_stays_unread(tmp_path: Path) -> None:
    whole = b'a,b\n1,"x\ny"\n'
    for half in (b'2,"left\n', b'2,"left\nopen\n', b'2,"left""\n'):
        written(tmp_path, whole + half)
        source = open_source(job_of(tmp_path), now=JUST_AFTER)
        assert gather(source.batches(0)) == ([(1, "1", "x\ny")], [])
        assert source.read_size(0) == len(whole)


def test_what_stays_unread_is_counted_in_bytes_of_the_file(tmp_path: Path) -> None:
    whole = "a,b\n1,\u00e9\n".encode("latin-1")
    written(tmp_path, whole + ('2,"' + 500 * "\u00e9" + "\n").encode("latin-1"))
    source = open_source(job_of(tmp_path, encoding="latin-1"), now=JUST_AFTER)
    assert gather(source.batches(0)) == ([(1, "1", "\u00e9")], [])
    assert source.read_size(0) == len(whole)


def staged_of(data: bytes, rows: int) -> SourceFile:
    return SourceFile("rows.csv", len(data), 0, hashlib.sha256(data).hexdigest(), rows)


@pytest.mark.parametrize(
    ("before", "rows", "added", "follows"),
    [
        (b"a,b\n1,2\n", 1, b"3,4\n", True),
        (b"a,b\n1,2", 1, b"\n3,4\n", True),
        (b"a,b\r\n1,2", 1, b"\r\n3,4\r\n", True),
        (b"a,b\r\n1,2\r", 1, b"\n3,4\r\n", True),
        (b"a,b\n", 0, b"3,4\n", True),
        (b"a,b\n1,2\n\n\n", 1, b"\n3,4\n", True),
        (b'a,b\n1,"x\ny"\n', 1, b"3,4\n", True),
        (b'a,b\n1,"x ""q"" y"\n', 1, b"3,4\n", True),
        # Half a line that was taken for a whole one has gone on.
        (b"a,b\n1,2", 1, b"5\n3,4\n", False),
        # A quote that was open when it was staged, and is closed since: one record where there were two malformed ones.
        (b'a,b\n1,"half\nof it\n', 2, b'rest"\n3,4\n', False),
        (b'a,b\n1,"half', 1, b'\nrest"\n', False),
    ],
)
def test_rows_can_follow_where_the_staged_ones_end_with_a_line(
    tmp_path: Path, before: bytes, rows: int, added: bytes, follows: bool
) -> None:
    file = written(tmp_path, before + added)
    assert rows_can_follow(file, job_of(tmp_path), staged_of(before, rows)) is follows


def test_rows_can_follow_in_other_encodings_and_formats(tmp_path: Path) -> None:
    before, added = "a,b\n1,2\n".encode("utf-16"), "3,4\n".encode("utf-16-le")
    file, job = written(tmp_path, before + added), job_of(tmp_path, encoding="utf-16")
    assert rows_can_follow(file, job, staged_of(before, 1))
    assert not rows_can_follow(file, job, staged_of(before + added[:2], 2))
    lines = b'{"a":"half'
    file = written(tmp_path, lines + b' more"}\n', "rows.ndjson")
    assert not rows_can_follow(file, job_of(tmp_path, "rows.ndjson"), staged_of(lines, 1))
    file = written(tmp_path, lines + b'\n{"a":1}\n', "rows.ndjson")
    assert rows_can_follow(file, job_of(tmp_path, "rows.ndjson"), staged_of(lines, 1))


CELL = st.text(st.sampled_from('ab"\n\r,é\u0a0a'), max_size=6)


@given(st.lists(st.tuples(CELL, CELL), max_size=5), st.data())
def test_whatever_is_cut_off_the_rows_read_are_those_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "cut"
    folder.mkdir(exist_ok=True)
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16-le", "latin-1"]))
    text = "a,b\n" + "".join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in pair) + "\n" for pair in cells
    )
    whole = text.encode(encoding, "replace")
    cut = data.draw(st.integers(0, len(whole)))
    job = job_of(folder, encoding=encoding, null_values=())
    written(folder, whole)
    rows, malformed = gather(open_source(job, now=LONG_AFTER).batches(0))
    assert len(rows) == len(cells)
    assert not malformed
    written(folder, whole[:cut])
    try:
        source = open_source(job, now=JUST_AFTER)
    except NoWholeLine:
        return
    some, malformed = gather(source.batches(0))
    assert (some, malformed) == (rows[: len(some)], [])
    assert source.read_size(0) == len((text.encode(encoding, "replace"))[: source.read_size(0)])
    file = written(folder, whole)
    staged = whole[: source.read_size(0)]
    assert rows_can_follow(file, job, staged_of(staged, len(some)))
