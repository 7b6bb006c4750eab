"""Dialects, headers, encodings and compressions."""

import bz2
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from etl.errors import InputError, JobError
from etl.job.model import CsvDialect
from etl.read.csv.reader import CsvReader
from etl.read.source import open_source
from tests.read.sources import dialect, gather, job_over, read_csv, source_at

TEXT = "name,said\nJosé,“é”\n€uro,naïve\n"
ROWS = [(1, "José", "“é”"), (2, "€uro", "naïve")]


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


def read_job(folder: Path, *paths: str, **source: Any) -> list[tuple[Any, ...]]:
    opened = open_source(job_over(folder, *paths, **source))
    return [row for index in range(len(opened.files)) for row in gather(opened.batches(index))[0]]


@pytest.mark.parametrize(
    ("spec", "data", "expected"),
    [
        ({"separator": "|"}, b"a|b\n1|2\n", ("1", "2")),
        ({"quote": "'"}, b"a,b\n'x,''y',\"z\n", ("x,'y", '"z')),
        ({"quote": ""}, b'a,b\n"x,5" disc\n', ('"x', '5" disc')),
        ({"escape": "\\"}, b'a,b\n"say \\"hi\\", \\\\",x\\,y\n', ('say "hi", \\', "x,y")),
        ({"escape": "\\", "quote": ""}, b"a\tb\nx\\\ty\tz\n", ("x\ty", "z")),
        ({"comment": "//"}, b'// made today\na,b\n// "1,2\n/1,2\n', ("/1", "2")),
        ({"skip_lines": 2}, b'Report, "of"\n\na,b\n1,2\n', ("1", "2")),
        ({"skip_lines": 1, "header": False, "columns": ("a", "b")}, b"Report\n1,2\n", ("1", "2")),
        ({"columns": ("x", "y")}, b"a,b\n1,2\n", ("1", "2")),
        ({"null_values": ("", "NULL")}, b'a,b\nNULL,""\n', (None, None)),
        ({"null_values": ("\\N",), "escape": "\\"}, b"a,b\n\\N,x\\,y\n", (None, "x,y")),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [3, 4 << 20])
def test_dialects(
    tmp_path: Path, spec: dict[str, Any], data: bytes, expected: tuple[str, ...], chunk_bytes: int
) -> None:
    name = "rows.tsv" if b"\t" in data else "rows.csv"
    rows, malformed = read_csv(source_at(tmp_path, data, name), dialect(**spec), chunk_bytes)
    assert (rows, malformed) == ([(1, *expected)], [])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"separator": ";;"}, "one ASCII character like"),
        ({"separator": "\n"}, "one ASCII character like"),
        ({"separator": "¦"}, "one ASCII character like"),
        ({"quote": "''"}, "one ASCII character like"),
        ({"quote": "“"}, "one ASCII character like"),
        ({"separator": '"'}, "a separator, a quote and an escape that differ"),
        ({"escape": '"'}, "a separator, a quote and an escape that differ"),
        ({"separator": ",", "comment": ",x"}, "a comment prefix"),
        ({"comment": "é"}, "an ASCII prefix"),
        ({"skip_lines": -1}, "greater than or equal to 0"),
    ],
)
def test_dialects_that_make_no_sense_are_refused(spec: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        CsvDialect(**spec)


@pytest.mark.parametrize("chunk_bytes", [2, 4 << 20])
def test_headers_may_repeat_a_name_carry_spaces_or_leave_one_out(tmp_path: Path, chunk_bytes: int) -> None:
    data = b'\n" id ","a\nb",id,,id\n1,2,3,4,5\n'
    reader = CsvReader(source_at(tmp_path, data), CsvDialect(), chunk_bytes=chunk_bytes)
    assert list(reader.schema) == ["id", "a\nb", "id_2", "column_4", "id_3"]
    assert gather(reader.batches())[0] == [(1, "1", "2", "3", "4", "5")]


@pytest.mark.parametrize("name", ["*", "^a.*$", "", "a_2"])
def test_headers_that_read_like_patterns_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.csv").write_text(f"ab,{name}\n1,2\n")
    source = open_source(job_over(tmp_path, "rows.csv"))
    assert list(source.schema) == ["ab", name or "column_2"]
    assert gather(source.batches(0))[0] == [(1, "1", "2")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\n\n", "found only blank lines"),
        (b'a,"b\n1,2\n', "never closed"),
        (b"a,\xff\n1,2\n", "byte 0xff is not in the file's encoding"),
        (b"a,b\0\n1,2\n", "NUL"),
        (b"," * 20_000 + b"\n", "at most 10,000 columns"),
    ],
)
def test_headers_that_cannot_be_read_are_an_input_error(tmp_path: Path, data: bytes, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        CsvReader(source_at(tmp_path, data), CsvDialect())


def test_names_of_the_job_must_be_as_many_as_the_header_has(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="Expected 2 names"):
        CsvReader(source_at(tmp_path, b"a,b\n"), CsvDialect(columns=("x",)))


@pytest.mark.parametrize("chunk_bytes", [1, 3, 4 << 20])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("utf-8", TEXT.encode()),
        ("utf-8", TEXT.encode("utf-8-sig")),
        ("utf-8", TEXT.encode("utf-16")),
        ("utf-8", b"\x00\x00\xfe\xff" + TEXT.encode("utf-32-be")),
        ("utf-16", TEXT.encode("utf-16")),
        ("utf-16", TEXT.encode("utf-16-le")),
        ("utf-16", TEXT.encode("utf-16-be")),
        ("UTF-16LE", b"\xff\xfe" + TEXT.encode("utf-16-le")),
        ("windows-1252", TEXT.encode("cp1252")),
        ("shift_jis", "name,said\n東京,日本\n".encode("shift_jis")),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, data: bytes, chunk_bytes: int) -> None:
    rows, malformed = read_csv(source_at(tmp_path, data), dialect(encoding=encoding), chunk_bytes)
    assert rows == ([(1, "東京", "日本")] if encoding == "shift_jis" else ROWS)
    assert not malformed


def test_latin_1_takes_every_byte(tmp_path: Path) -> None:
    rows, _ = read_csv(source_at(tmp_path, b"a,b\n\xe9,\xff\n"), dialect(encoding="latin-1"))
    assert rows == [(1, "é", "ÿ")]


@pytest.mark.parametrize("chunk_bytes", [3, 4 << 20])
@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("windows-1252", b"x\x81,y"),
        ("utf-16-le", b"x\x00\x00\xd8,\x00y\x00"),
        ("ascii", "é,y".encode()[1:]),
        ("shift_jis", b"\x81\xff,y"),
    ],
)
def test_bytes_that_are_not_in_the_encoding_cost_their_record(
    tmp_path: Path, encoding: str, bad: bytes, chunk_bytes: int
) -> None:
    good = "a,b\n1,2\n".encode(encoding), "\n3,4\n".encode(encoding)
    source = source_at(tmp_path, good[0] + bad + good[1])
    rows, malformed = read_csv(source, dialect(encoding=encoding), chunk_bytes)
    assert rows == [(1, "1", "2"), (3, "3", "4")]
    assert [(record.row, record.line, record.code) for record in malformed] == [(2, 3, "invalid_utf8")]


@pytest.mark.parametrize(
    "encoding", ["utf-9", "hex", "rot13", "zlib", "idna", "unicode_escape", "undefined", "", "a\0b"]
)
def test_encodings_that_are_none_are_a_job_error(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(JobError, match="Expected an encoding like"):
        CsvReader(source_at(tmp_path, b"a,b\n"), CsvDialect(encoding=encoding))


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstd}


@pytest.mark.parametrize("suffix", sorted(COMPRESSIONS))
def test_compressed_files_of_several_members(tmp_path: Path, suffix: str) -> None:
    compress, half = COMPRESSIONS[suffix], len(TEXT) // 2
    data = TEXT.encode()
    (tmp_path / f"rows.csv{suffix}").write_bytes(compress(data[:half]) + compress(data[half:]))
    assert read_job(tmp_path, f"rows.csv{suffix}") == ROWS


@pytest.mark.parametrize("suffix", sorted(COMPRESSIONS))
def test_a_name_that_says_nothing_leaves_it_to_the_first_bytes(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "export").write_bytes(COMPRESSIONS[suffix](TEXT.encode()))
    assert read_job(tmp_path, "export", format="csv") == ROWS


@pytest.mark.parametrize("suffix", sorted(COMPRESSIONS))
@pytest.mark.parametrize("left_bytes", [3, 7, 200, -9, -1])
def test_truncated_compressed_files_are_an_input_error(tmp_path: Path, suffix: str, left_bytes: int) -> None:
    data = COMPRESSIONS[suffix](b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919) for n in range(20_000)))
    (tmp_path / f"rows.csv{suffix}").write_bytes(data[:left_bytes])
    with pytest.raises(InputError, match=r"Expected (whole )?\w+ data"):
        read_job(tmp_path, f"rows.csv{suffix}")


@pytest.mark.parametrize(
    ("name", "data", "fix"),
    [
        ("rows.csv", gzip.compress(b"a,b\n", mtime=0), "Rename it to rows.csv.gz"),
        ("rows.csv", bz2.compress(b"a,b\n"), "Rename it to rows.csv.bz2"),
        ("rows.csv.gz", b"a,b\n1,2\n", "Rename it without the .gz"),
        ("rows.csv.zip", b"a,b\n1,2\n", "Rename it without the .zip"),
        ("rows.csv", b"PK\x03\x04" + b"\0" * 30, "Name it as what it is"),
        ("rows.csv", b"PAR1\x15\x04" + b"\0" * 30 + b"PAR1", 'Set format = "parquet"'),
        ("rows.parquet", b"a,b\n1,2\n", "Export the file again"),
        ("rows.parquet.gz", gzip.compress(b"PAR1", mtime=0), "Decompress it"),
        ("rows.csv", b"", "Export the file again"),
        ("rows", b"a,b\n", 'Say what the files are: format = "csv"'),
    ],
)
def test_a_name_and_a_content_that_differ_are_an_input_error(
    tmp_path: Path, name: str, data: bytes, fix: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as error:
        read_job(tmp_path, name)
    assert fix in error.value.fix


def test_text_may_start_like_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"PAR1,b\n1,2\n")
    (tmp_path / "more.csv").write_bytes(b"BZh9,b\n1,2\n")
    assert read_job(tmp_path, "rows.csv") == read_job(tmp_path, "more.csv") == [(1, "1", "2")]


def write_zip(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._rows.csv", b"mac")
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)


@pytest.mark.parametrize("name", ["rows.zip", "rows.csv.zip"])
def test_a_zip_that_holds_one_file(tmp_path: Path, name: str) -> None:
    write_zip(tmp_path / name, rows_csv=TEXT.encode())
    assert read_job(tmp_path, name) == ROWS


@pytest.mark.parametrize(
    ("members", "expected"),
    [({}, "found none"), ({"a_csv": b"", "b_csv": b"a\n"}, "found an empty file - rows.zip!a.csv")],
)
def test_a_zip_that_holds_none_or_an_empty_file_is_an_input_error(
    tmp_path: Path, members: dict[str, bytes], expected: str
) -> None:
    write_zip(tmp_path / "rows.zip", **members)
    with pytest.raises(InputError, match=expected):
        read_job(tmp_path, "rows.zip", format="csv")


def test_a_damaged_zip_is_an_input_error(tmp_path: Path) -> None:
    write_zip(tmp_path / "rows.zip", rows_csv=b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))
    whole = (tmp_path / "rows.zip").read_bytes()
    for damaged in (whole[:-30], whole[:200] + b"\xff\xff\xff" + whole[203:]):
        (tmp_path / "rows.zip").write_bytes(damaged)
        with pytest.raises(InputError, match=r"Expected .*whole zip"):
            read_job(tmp_path, "rows.zip")
