"""A batch of Parquet rows takes a few megabytes, whatever the file's row groups and dictionaries."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.read.parquet import steps as parquet_steps
from etl.read.source import open_source
from tests.read.sources import job_over


def read(folder: Path, name: str = "log.parquet") -> list[tuple[int, int]]:
    """Return rows and bytes of each batch."""
    batches = open_source(job_over(folder, name)).batches(0)
    return [(batch.frame.height, int(batch.frame.estimated_size())) for batch in batches]


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"write_statistics": False}])
def test_large_values_make_small_batches(tmp_path: Path, options: dict[str, bool]) -> None:
    texts = [str(n % 20) * 20_000 for n in range(3_000)]
    table = pa.table({"id": list(range(3_000)), "text": texts})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=3_000, **options)
    found = read(tmp_path)
    assert sum(rows for rows, _ in found) == 3_000
    assert max(size for _, size in found) <= 16 << 20


def test_small_rows_make_large_batches(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": list(range(200_000))}), tmp_path / "log.parquet")
    assert [rows for rows, _ in read(tmp_path)][:2] == [65_536, 65_536]
    assert not open_source(job_over(tmp_path, "log.parquet")).keeps_much


def test_a_large_dictionary_is_read_as_the_values_that_it_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_steps, "LARGE_DICTIONARY_BYTES", 1_000)
    texts = [None if n % 7 == 0 else f"value {n % 5_000}" for n in range(20_000)]
    days = pa.array([n % 30 for n in range(20_000)], pa.date32())
    table = pa.table({"day": days, "text": pa.array(texts).dictionary_encode(), "id": list(range(20_000))})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=7_000)
    source = open_source(job_over(tmp_path, "log.parquet"))
    assert source.keeps_much
    batches = list(source.batches(0))
    assert max(batch.frame.height for batch in batches) <= 4_096
    assert [text for batch in batches for text in batch.frame["text"]] == texts
    assert [number for batch in batches for number in batch.frame["id"]] == list(range(20_000))
    assert [day.day for batch in batches for day in batch.frame["day"]] == [n % 30 + 1 for n in range(20_000)]
    only = pa.table({"text": pa.array(texts).dictionary_encode()})
    pq.write_table(only, tmp_path / "only.parquet")
    assert sum(rows for rows, _ in read(tmp_path, "only.parquet")) == 20_000
