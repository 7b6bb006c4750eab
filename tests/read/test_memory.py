"""Memory stays bounded whatever a file holds: measured in a process of its own."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MOST_MB = 600
MB = 1_000_000


def read_in_process(path: Path) -> tuple[str, int, int, int]:
    command = [sys.executable, "-m", "tests.read.memory", str(path)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    *found, rows, malformed, peak_mb = done.stdout.split()
    return " ".join(found), int(rows), int(malformed), int(peak_mb)


def write_bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"a,b\n1,2\n")
        for _ in range(200):
            file.write(bytes(MB))
        file.write(b"\n3,4\n")


def write_parts(make: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(make())


def write_one_row_group(path: Path) -> None:
    table = pa.table({"a": pa.array([f"{n:020}" for n in range(1_000_000)] * 2), "b": list(range(2_000_000))})
    pq.write_table(table, path, row_group_size=2_000_000, use_dictionary=False)


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("bomb.csv.gz", write_bomb, ("whole", 2, 1)),
        (
            "field.csv",
            write_parts(lambda: b"".join([b"a,b\n1,", b"x" * 100 * MB, b"\n3,4\n"])),
            ("whole", 1, 1),
        ),
        (
            "field.tsv",
            write_parts(lambda: b"".join([b"a\tb\n1\t", b'"' + b"x" * 100 * MB, b'"\n3\t4\n'])),
            ("whole", 1, 1),
        ),
        (
            "field.ndjson",
            write_parts(lambda: b"".join([b'{"a": "', b"x" * 100 * MB, b'"}\n{"a": 1}\n'])),
            ("whole", 1, 1),
        ),
        ("faults.csv", write_parts(lambda: b"".join([b"a,b,c\n", b"x\n" * 150_000])), ("whole", 0, 150_000)),
        ("short.csv", write_parts(lambda: b"".join([b"a\n", b"x\n" * MB])), ("whole", MB, 0)),
        (
            "deep.ndjson",
            write_parts(lambda: (b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}\n") * 1000),
            ("whole", 0, 1000),
        ),
        (
            "keys.ndjson",
            write_parts(lambda: b"".join(b'{"k%d": 1}\n' % n for n in range(1900))),
            ("whole", 1900, 0),
        ),
        (
            "more-keys.ndjson",
            write_parts(lambda: b"".join(b'{"k%d": 1}\n' % n for n in range(50_000))),
            ("exit 4", 0, 0),
        ),
        ("columns.csv", write_parts(lambda: b"," * 10 * MB), ("exit 4", 0, 0)),
        ("nul.csv", write_parts(lambda: bytes(40 * MB)), ("exit 4", 0, 0)),
        ("group.parquet", write_one_row_group, ("whole", 2 * MB, 0)),
    ],
)
def test_memory_is_bounded(
    tmp_path: Path, name: str, write: Callable[[Path], None], expected: tuple[str, int, int]
) -> None:
    write(tmp_path / name)
    *found, peak_mb = read_in_process(tmp_path / name)
    assert tuple(found) == expected
    assert peak_mb <= MOST_MB
