import hashlib
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.receipts.ids_digest import digest_ids


def series_of(ids: list[str]) -> pl.Series:
    return pl.Series("id", ids, pl.String)


@given(
    parts=st.lists(st.lists(st.text(min_size=1, max_size=4), max_size=30), max_size=5),
    range_ids=st.integers(1, 40),
)
def test_it_is_what_sort_and_sha256_give(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]], range_ids: int
) -> None:
    ids = [event_id for part in parts for event_id in part]
    readers = [partial(series_of, part) for part in parts]
    lines = b"".join(line + b"\n" for line in sorted(event_id.encode() for event_id in ids))
    found = digest_ids(readers, len(ids), tmp_path_factory.mktemp("scratch"), range_ids=range_ids)
    assert found == hashlib.sha256(lines).hexdigest()


def test_no_range_is_much_larger_than_asked_for(tmp_path: Path) -> None:
    ids = pl.select(pl.int_range(60_000).shuffle(seed=1).cast(pl.String).str.zfill(8).alias("id")).to_series()
    digest_ids(
        [partial(ids.slice, start, 6_000) for start in range(0, 60_000, 6_000)],
        60_000,
        tmp_path,
        range_ids=5_000,
    )
    sizes = sorted(path.stat().st_size for path in tmp_path.iterdir())
    assert len(sizes) >= 12
    assert sizes[-1] < 3 * 5_000 * 20
