"""What stands around the rows of a real file: notes, a header in a comment, units, separators left out, spaces."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import InputError, JobError
from etl.job.load import parse_job
from etl.read.csv.reader import CsvReader
from etl.read.source import open_source

JOB = """name = "h"
[source]
paths = ["f.csv"]
[source.csv]
{keys}
[event]
type = {{ value = "t" }}
entityType = {{ value = "message" }}
messageId = "a"
createdAt = "b"
"""


def rows_of(folder: Path, text: str, keys: str, *, chunk_bytes: int | None = None) -> list[tuple[Any, ...]]:
    """The rows as they are read, rejects as the reason alone."""
    (folder / "f.csv").write_text(text, newline="")
    job = parse_job(JOB.format(keys=keys), folder / "j.toml")
    source = open_source(job)
    batches = (
        source.batches(0)
        if chunk_bytes is None
        else CsvReader(source.files[0], job.source.csv, chunk_bytes=chunk_bytes).batches()
    )
    found: dict[int, tuple[Any, ...]] = {}
    names: list[str] = []
    for batch in batches:
        names = [name for name in batch.frame.columns if not name.startswith("\x1f")]
        found |= {row[0]: row[1:] for row in batch.frame.select("\x1frow", *names).iter_rows()}
        found |= {record.row: (record.reason,) for record in batch.malformed}
    return [tuple(names), *(found[row] for row in sorted(found))]


ZEEK = "#separator \\x09\n#path\thttp\n#fields\ta\tb\n#types\tt\ts\n1\tx\n2\ty\n#close\t2014\n"


@pytest.mark.parametrize("chunk_bytes", [None, 3, 7, 64])
def test_a_header_in_a_comment(tmp_path: Path, chunk_bytes: int | None) -> None:
    keys = 'separator = "\\t"\ncomment = "#"\nheader_prefix = "#fields\\t"'
    assert rows_of(tmp_path, ZEEK, keys, chunk_bytes=chunk_bytes) == [("a", "b"), ("1", "x"), ("2", "y")]


@pytest.mark.parametrize("chunk_bytes", [None, 3, 64])
def test_units_below_the_header(tmp_path: Path, chunk_bytes: int | None) -> None:
    text = 'Report\n\na,b\n[m],"[s\n]"\n1,x\n2,y\n'
    found = rows_of(tmp_path, text, "skip_lines = 2\nskip_below_header = 1", chunk_bytes=chunk_bytes)
    assert found == [("a", "b"), ("1", "x"), ("2", "y")]


@pytest.mark.parametrize("chunk_bytes", [None, 3, 64])
def test_separators_left_out_at_the_end(tmp_path: Path, chunk_bytes: int | None) -> None:
    text = 'a,b,c\n1,x,y\n2\n"3,3",z\n4,x,y,z\n'
    filled = rows_of(tmp_path, text, 'short_records = "fill"', chunk_bytes=chunk_bytes)
    assert filled == [
        ("a", "b", "c"),
        ("1", "x", "y"),
        ("2", None, None),
        ("3,3", "z", None),
        ("expected 3 fields, found 4",),
    ]
    assert rows_of(tmp_path, text, "", chunk_bytes=chunk_bytes)[2:4] == [
        ("expected 3 fields, found 1",),
        ("expected 3 fields, found 2",),
    ]


@pytest.mark.parametrize("chunk_bytes", [None, 3, 64])
def test_spaces_after_separators(tmp_path: Path, chunk_bytes: int | None) -> None:
    text = 'a, "b", c\n1, "x, ""y""", z\n2,x,  y z\n3, "open, y\n4, b c, "d\ne"\n'
    assert rows_of(tmp_path, text, "skip_initial_space = true", chunk_bytes=chunk_bytes) == [
        ("a", "b", "c"),
        ("1", 'x, "y"', "z"),
        ("2", "x", "y z"),
        ("a quoted field that opens on this line is never closed",),
        ("4", "b c", "d\ne"),
    ]


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text('ab ,"\n', max_size=4).map(str.strip), min_size=3, max_size=3), min_size=1
    ),
    spaces=st.integers(0, 2),
)
def test_any_table_written_with_spaces_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], spaces: int
) -> None:
    def write(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    lines = ("," + " " * spaces).join(["a", "b", "c"]) + "\n"
    lines += "".join(("," + " " * spaces).join(map(write, row)) + "\n" for row in rows)
    found = rows_of(tmp_path_factory.mktemp("s"), lines, "skip_initial_space = true")
    assert found == [("a", "b", "c"), *(tuple(cell or None for cell in row) for row in rows)]


def test_a_prefix_that_no_line_has_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        rows_of(tmp_path, "a,b\n1,x\n", 'header_prefix = "#fields "')
    assert str(told.value) == (
        "Expected a header line that starts with `#fields `, found none - f.csv\n"
        "Check header_prefix under [source.csv], or leave it out where the header is a line of its own"
    )


@pytest.mark.parametrize("keys", ['header_prefix = "#"', "skip_below_header = 1"])
def test_keys_about_a_header_need_one(keys: str) -> None:
    text = JOB.format(keys=f'header = false\ncolumns = ["a", "b"]\n{keys}')
    with pytest.raises(JobError, match=r"which is about the header"):
        parse_job(text, Path("j.toml"))
