"""What the reader makes of well-formed files, against Python's csv module, wherever the chunks end."""

import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read.sources import dialect, read_csv, source_at

WIDTHS = st.integers(1, 4)
CELLS = st.text(st.sampled_from("ab,;\"\n\r\t '\\#é€😀\ufeff\x1f|"), max_size=6)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
CHUNKS = st.integers(1, 40)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(WIDTHS)
    return draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12))


def write(rows: list[list[str]], ends: list[str], **options: Any) -> str:
    """The rows as text, each with a line end of its own choosing, and now and then a blank line between them."""
    text = ""
    for index, row in enumerate(rows):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n", **options).writerow(row)
        end = ends[index % len(ends)]
        text += out.getvalue().removesuffix("\n") + end + (end if len(end) == index % 3 else "")
    return text


def read_by_csv(text: str, **options: Any) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline=""), **options) if row]


@given(
    rows=tables(),
    ends=st.lists(LINE_ENDS, min_size=1, max_size=3),
    chunk=CHUNKS,
    quoting=st.sampled_from([0, 1]),
)
@settings(max_examples=150, deadline=None)
def test_rows_are_those_of_the_csv_module(
    rows: list[list[str]], ends: list[str], chunk: int, quoting: int
) -> None:
    # The writer leaves a lone CR bare in Python < 3.13 only where it isn't the line end; quote all then.
    text = write(
        rows,
        ends,
        quoting=csv.QUOTE_ALL if quoting or any("\r" in cell for row in rows for cell in row) else 0,
    )
    names = tuple(f"c{index}" for index in range(len(rows[0])))
    with folder() as place:
        source = source_at(place, text.encode())
        for size in (chunk, 4 << 20):
            got, malformed = read_csv(source, dialect(header=False, columns=names), size)
            text_read = text.removeprefix("\ufeff")
            assert not malformed
            assert [list(row[1:]) for row in got] == read_by_csv(text_read)
            assert [row[0] for row in got] == list(range(1, len(got) + 1))


@given(rows=tables(), chunk=CHUNKS, end=LINE_ENDS)
@settings(max_examples=80, deadline=None)
def test_escaped_rows_are_those_of_the_csv_module(rows: list[list[str]], chunk: int, end: str) -> None:
    options = {
        "escapechar": "\\",
        "quotechar": "'",
        "delimiter": ";",
        "doublequote": False,
        "quoting": csv.QUOTE_ALL,
    }
    text = write(rows, [end], **options)
    names = tuple(f"c{index}" for index in range(len(rows[0])))
    spec = dialect(header=False, columns=names, separator=";", quote="'", escape="\\")
    with folder() as place:
        source = source_at(place, text.encode())
        for size in (chunk, 4 << 20):
            got, malformed = read_csv(source, spec, size)
            assert not malformed
            assert [list(row[1:]) for row in got] == rows


@given(data=st.text(st.sampled_from('aé,"\n\r'), max_size=60), chunk=CHUNKS)
@settings(max_examples=200, deadline=None)
def test_whatever_the_text_is_chunks_change_nothing(data: str, chunk: int) -> None:
    spec = dialect(header=False, columns=("a", "b"))
    with folder() as place:
        source = source_at(place, data.encode() or b"\n")
        whole, small = read_csv(source, spec), read_csv(source, spec, chunk)
    assert whole == small


@given(data=st.binary(max_size=80), chunk=CHUNKS)
@settings(max_examples=100, deadline=None)
def test_whatever_the_bytes_are_every_line_with_something_on_it_is_accounted_for(
    data: bytes, chunk: int
) -> None:
    spec = dialect(header=False, columns=("a", "b"), quote="")
    with folder() as place:
        rows, malformed = read_csv(source_at(place, data or b"\n"), spec, chunk)
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").split(b"\n") if line]
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert sorted([row[0] for row in rows] + [record.row for record in malformed]) == list(
            range(1, len(lines) + 1)
        )


@pytest.mark.parametrize(
    "start", ["x^2", "x\x01", "x\x9c", "xÚ", "\x1f\x8b\x08", "(µ/ý", "\ufeff", "BZh91AY&SY", "PAR1"]
)
@pytest.mark.parametrize("chunk", [6, 4 << 20])
def test_rows_that_start_like_other_kinds_of_data_are_text(tmp_path: Path, start: str, chunk: int) -> None:
    """Polars decompresses what starts like compressed data, and drops a byte order mark."""
    data = f"a,b\n{start},1\n{start},2\n".encode()
    rows, malformed = read_csv(source_at(tmp_path, data), dialect(), chunk)
    assert (rows, malformed) == ([(1, start, "1"), (2, start, "2")], [])
