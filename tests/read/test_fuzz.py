"""Any bytes under any name: rows, rejects or one clear error, never another exception."""

import gzip
import io
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import InputError, JobError
from etl.read.source import open_source
from tests.read.sources import gather, job_over

NAMES = st.sampled_from(
    [
        "r.csv",
        "r.tsv",
        "r.ndjson",
        "r.parquet",
        "r.csv.gz",
        "r.csv.bz2",
        "r.csv.zst",
        "r.zip",
        "r.ndjson.gz",
        "r",
    ]
)
DIALECTS = st.fixed_dictionaries(
    {},
    optional={
        "separator": st.sampled_from([",", ";", "x"]),
        "quote": st.sampled_from(["", "'"]),
        "escape": st.just("\\"),
        "comment": st.just("#"),
        "skip_lines": st.integers(0, 2),
        "encoding": st.sampled_from(["utf-8", "utf-16", "latin-1", "windows-1252", "shift_jis"]),
        "null_values": st.sampled_from([(), ("", "a")]),
    },
)
PIECES = st.sampled_from(
    [
        b"a",
        b",",
        b'"',
        b"\n",
        b"\r",
        b"\\",
        b"#",
        b"\0",
        b"\xff",
        b"\xc3\xa9",
        b"{",
        b"}",
        b"[",
        b":",
        b"1",
        b"'",
        b"x^",
        b'{"a":1}\n',
        b"PAR1",
        b"\x1f\x8b\x08",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"(\xb5/\xfd",
        b"PK\x03\x04",
        b"BZh9",
    ]
)
BYTES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=40).map(b"".join))


def parquet_bytes() -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]}).write_parquet(out)
    return out.getvalue()


SEEDS = [
    parquet_bytes(),
    gzip.compress(b"a,b\n1,2\n" * 20, mtime=0),
    b'a,b\n"1,\n2",3\n' * 5,
    b'{"a": [1, {"b": null}]}\n' * 5,
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A whole file with some of its bytes changed, or cut."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for position, octet in draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=4)
    ):
        data[position] = octet
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def check(data: bytes, name: str, spec: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        form = {} if "." in name else {"format": "csv"}
        try:
            source = open_source(job_over(Path(folder), name, csv=spec, **form))
            rows, malformed = gather(source.batches(0))
        except (InputError, JobError):
            return
    numbers = sorted([row[0] for row in rows] + [record.row for record in malformed])
    assert numbers == list(range(1, len(numbers) + 1))


ANYTHING = {"data": BYTES | damaged(), "name": NAMES, "spec": DIALECTS}


@given(**ANYTHING)
@settings(max_examples=200, deadline=None)
def test_any_bytes_under_any_name(data: bytes, name: str, spec: dict[str, Any]) -> None:
    check(data, name, spec)
