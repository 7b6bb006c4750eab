"""Counting and scanning find the same records, and the same of them malformed."""

import random
import time
from pathlib import Path

import pytest

from etl.read.csv.clean import find_quotes
from etl.read.csv.count import count_records, join_runs
from etl.read.csv.dialect import Dialect
from etl.read.csv.scan import split_records
from etl.read.source import open_source
from tests.read.sources import job_over

FIELDS = [b"", b"a", b"bc", b'"d"', b'"e,f"', b'"g""h"', b'"i\nj"', b'"k\r\nl"', b'""']
ENDS = [b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n\n"]


def scan(data: bytes, dialect: Dialect, width: int) -> list[tuple[bytes, int, bool]]:
    """Return each record, its line, and whether it is malformed; a run of sound ones in single records."""
    pieces, used = split_records(data, dialect, width, final=True)
    assert used == len(data)
    found = []
    for piece in pieces:
        record = data[piece.start : piece.end]
        inner, line = ([record], piece.line) if not piece.is_run else ([], piece.line)
        while piece.is_run and record:
            (one, *_), _ = split_records(record, dialect, 0, final=True)
            inner.append(record[one.start : one.end])
            taken = next(
                end for end in range(one.end, len(record) + 1) if record[one.end : end].endswith(b"\n")
            )
            record = record[taken:]
        for text in inner:
            found.append((text, line, piece.reason is not None))
            line += text.count(b"\n") + 1
    return found


@pytest.mark.parametrize("width", [1, 2, 3])
def test_counting_finds_what_scanning_finds(width: int) -> None:
    chance, dialect, counted = random.Random(width), Dialect(), 0
    for _ in range(400):
        rows = [
            b",".join(chance.choices(FIELDS, k=width if chance.random() < 0.8 else chance.randint(1, 4)))
            for _ in range(chance.randint(0, 6))
        ]
        data = b"".join(row + chance.choice(ENDS) for row in rows if row) or b"a\n"
        records = count_records(data, find_quotes(data, dialect), dialect, width)
        if records is None:
            continue
        counted += 1
        by_counting = [
            (data[start:end], line, fields != width)
            for start, end, line, fields in zip(
                *(array.tolist() for array in (records.starts, records.ends, records.lines, records.fields)),
                strict=True,
            )
        ]
        assert by_counting == scan(data, dialect, width), data
        sound = join_runs(data, records, records.fields == width)
        assert [text for text, _, _ in scan(sound, dialect, width)] == [
            text for text, _, is_bad in by_counting if not is_bad
        ]
    assert counted > 200


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("log.csv", b"a,b\n1,2\n" + b"\n" * 10_000_000 + b"3,4\n5\n", (2, [(3, 10_000_004)])),
        (
            "log.tsv",
            b"\n" * 10_000_000 + b"a\tb\n" + b"\r\n" * 5_000_000 + b"1\t2\n3\n",
            (1, [(2, 15_000_003)]),
        ),
        ("log.ndjson", b'{"a":1}\n' + b"\n" * 10_000_000 + b'{"a":2}\n[]\n', (2, [(3, 10_000_003)])),
        ("one.ndjson", b'{"a":1}\n' + b" \r\n" * 4_000_000 + b"x", (1, [(2, 4_000_002)])),
        ("bad.csv", b"a,b\n" + b"x\n" * 300_000, (0, [(n, n + 1) for n in range(1, 300_001)])),
    ],
)
def test_blank_lines_and_malformed_ones_are_read_at_speed(
    tmp_path: Path, name: str, text: bytes, expected: tuple[int, list[tuple[int, int]]]
) -> None:
    (tmp_path / name).write_bytes(text)
    began = time.process_time()
    batches = list(open_source(job_over(tmp_path, name)).batches(0))
    assert time.process_time() - began < 4
    malformed = [(record.row, record.line) for batch in batches for record in batch.malformed]
    assert (sum(batch.frame.height for batch in batches), malformed) == expected
