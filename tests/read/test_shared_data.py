"""Logs that people really exported: every record is a row or a reject, and every text survives byte for byte."""

import csv
import io
from pathlib import Path

import pytest

from tests.read.sources import dialect, read_csv, source_at

FOLDER = Path(__file__).parents[3] / "shared" / "data"
FILES = {"gitter_datascience.tsv": 7, "gitter_berlin.tsv": 7, "search_log.tsv": 7}


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("chunk_bytes", [4096, 4 << 20])
def test_every_record_is_accounted_for(tmp_path: Path, name: str, chunk_bytes: int) -> None:
    if not FOLDER.is_dir():
        pytest.skip("the real logs are not beside this checkout")
    data = (FOLDER / name).read_bytes()
    text = data.decode("utf-8-sig")
    expected = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter="\t") if row]
    names = tuple(f"c{index}" for index in range(FILES[name]))
    spec = dialect(header=False, columns=names)
    rows, malformed = read_csv(source_at(tmp_path, data, "rows.tsv"), spec, chunk_bytes)
    assert len(rows) + len(malformed) == len(expected)
    for number, *cells in rows:
        assert cells == expected[number - 1]
    assert len(malformed) <= 2
