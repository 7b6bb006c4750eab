"""Parquet as it is: types, row groups, folders of partitions, files whose schemas differ, damage."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.errors import InputError
from etl.read.files import SourcePath
from etl.read.parquet.reader import ParquetReader
from etl.read.source import open_source
from etl.read.widening import widen
from tests.read.sources import gather, job_over

FRAME = pl.DataFrame(
    {
        "int": [1, None],
        "u64": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
        "decimal": pl.Series(
            [Decimal("1.230"), Decimal("-99999999999999999999.001")], dtype=pl.Decimal(30, 3)
        ),
        "date": [dt.date(2024, 2, 29), None],
        "time": [dt.time(1, 2, 3, 4), None],
        "ns": pl.Series([1, 2], dtype=pl.Datetime("ns")),
        "zoned": pl.Series([1, 2], dtype=pl.Datetime("us", "Europe/Berlin")),
        "duration": pl.Series([5, None], dtype=pl.Duration("ms")),
        "binary": [b"\xff\x00", None],
        "categorical": pl.Series(["a", "b"], dtype=pl.Categorical),
        "struct": [{"a": 1, "b": [{"c": "x"}]}, {"a": None, "b": []}],
        "null": pl.Series([None, None], dtype=pl.Null),
    }
)


def reader_of(path: Path, **options: Any) -> ParquetReader:
    return ParquetReader(SourcePath(path.name, path, "parquet", None), **options)


def test_types_come_through_as_they_are(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "rows.parquet")
    reader = reader_of(tmp_path / "rows.parquet")
    # What a dictionary stands for is read: each batch would carry all of it.
    assert reader.schema == {**FRAME.schema, "categorical": pl.String()}
    assert gather(reader.batches())[0] == [(index, *row) for index, row in enumerate(FRAME.rows(), start=1)]


def test_arrow_types_that_polars_writes_otherwise(tmp_path: Path) -> None:
    table = pa.table(
        {
            "dictionary": pa.array(["x", "y", None]).dictionary_encode(),
            "fixed": pa.array([b"ab", b"cd", None], pa.binary(2)),
            "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
            "half": pa.array([1.5, None, 2.5], pa.float32()),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    rows, _ = gather(reader_of(tmp_path / "rows.parquet").batches())
    assert rows[0] == (1, "x", b"ab", {"k": 1}, 1.5)
    assert [row[1] for row in rows] == ["x", "y", None]


@pytest.mark.parametrize("row_group_size", [1, 7, 1000])
def test_batches_do_not_depend_on_row_groups(tmp_path: Path, row_group_size: int) -> None:
    frame = pl.DataFrame({"a": range(1000)})
    frame.write_parquet(tmp_path / "rows.parquet", row_group_size=row_group_size)
    batches = list(reader_of(tmp_path / "rows.parquet", batch_rows=300).batches())
    assert max(batch.records for batch in batches) <= 300
    assert gather(batches)[0] == [(index + 1, index) for index in range(1000)]


def test_a_file_without_rows_has_columns(tmp_path: Path) -> None:
    FRAME.clear().write_parquet(tmp_path / "rows.parquet")
    source = open_source(job_over(tmp_path, "rows.parquet"))
    assert list(source.schema) == FRAME.columns
    assert gather(source.batches(0)) == ([], [])


def test_folders_of_partitions_give_text_columns(tmp_path: Path) -> None:
    for year, country, value in (
        ("2023", "DE", 1),
        ("2024", "a%20b", 2),
        ("2024", "__HIVE_DEFAULT_PARTITION__", 3),
    ):
        folder = tmp_path / "data" / f"year={year}" / f"country={country}"
        folder.mkdir(parents=True)
        pl.DataFrame({"a": [value]}).write_parquet(folder / "part-0.parquet")
    (tmp_path / "data" / "_SUCCESS").touch()
    (tmp_path / "data" / ".part.parquet").write_bytes(b"half")
    (tmp_path / "data" / "notes.txt").write_text("x")
    for pattern in ("data", "data/**/*.parquet", "data/year=*"):
        source = open_source(job_over(tmp_path, pattern))
        assert source.schema == {"a": pl.Int64(), "year": pl.String(), "country": pl.String()}
        rows = [row for index in range(3) for row in gather(source.batches(index))[0]]
        assert sorted(rows, key=repr) == [(1, 1, "2023", "DE"), (1, 2, "2024", "a b"), (1, 3, "2024", None)]


def test_a_column_of_the_file_wins_over_its_folder(tmp_path: Path) -> None:
    (tmp_path / "data" / "a=9").mkdir(parents=True)
    (tmp_path / "data" / "a=9" / "rows.csv").write_text("a,b\n1,2\n")
    source = open_source(job_over(tmp_path, "data"))
    assert gather(source.batches(0))[0] == [(1, "1", "2")]


def test_a_folder_without_data_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="found none that match `data`"):
        open_source(job_over(tmp_path, "data"))


def test_columns_added_or_widened_later_leave_the_rows_of_older_files_as_they_are(tmp_path: Path) -> None:
    old = pl.DataFrame(
        {
            "n": pl.Series([1], dtype=pl.Int32),
            "at": pl.Series([7], dtype=pl.Datetime("ms")),
            "s": [{"x": 1}],
            "l": [[{"x": 1}, None]],
            "c": pl.Series(["k"], dtype=pl.Categorical),
        }
    )
    new = pl.DataFrame(
        {
            "n": [2**40],
            "at": pl.Series([8], dtype=pl.Datetime("us")),
            "s": [{"x": 2, "y": "later"}],
            "l": [[{"x": 2, "y": "z"}]],
            "c": ["text"],
            "late": [True],
        }
    )
    old.write_parquet(tmp_path / "1.parquet")
    new.write_parquet(tmp_path / "2.parquet")
    source = open_source(job_over(tmp_path, "*.parquet"))
    epoch = dt.datetime(1970, 1, 1)
    first = gather(source.batches(0))[0]
    assert first == [
        (
            1,
            1,
            epoch + dt.timedelta(milliseconds=7),
            {"x": 1},
            [{"x": 1}, None],
            "k",
            None,
        )
    ]
    second = gather(source.batches(1))[0]
    assert second == [
        (
            1,
            2**40,
            epoch + dt.timedelta(microseconds=8),
            {"x": 2, "y": "later"},
            [{"x": 2, "y": "z"}],
            "text",
            True,
        )
    ]


@pytest.mark.parametrize(
    ("one", "other", "wide"),
    [
        (pl.Int8(), pl.UInt8(), pl.Int16()),
        (pl.UInt32(), pl.Int64(), pl.Int64()),
        (pl.UInt64(), pl.Int64(), None),  # Polars would make floats of them, and lose digits
        (pl.Int64(), pl.Float64(), None),
        (pl.Int32(), pl.Float32(), pl.Float64()),
        (pl.Int64(), pl.String(), None),
        (pl.Boolean(), pl.Int64(), None),
        (pl.Null(), pl.Date(), pl.Date()),
        (pl.Decimal(10, 2), pl.Decimal(8, 4), pl.Decimal(12, 4)),
        (pl.Decimal(38, 0), pl.Decimal(38, 10), None),
        (pl.Datetime("ms"), pl.Datetime("ns"), pl.Datetime("ns")),
        (pl.Datetime("us"), pl.Datetime("us", "UTC"), None),
        (pl.Date(), pl.Datetime("us"), None),
        (pl.List(pl.Int8()), pl.List(pl.Int64()), pl.List(pl.Int64())),
        (pl.Struct({"a": pl.Int64()}), pl.Struct({"a": pl.String()}), None),
        (pl.Categorical(), pl.String(), pl.String()),
    ],
)
def test_types_widen_only_where_nothing_is_lost(
    one: pl.DataType, other: pl.DataType, wide: pl.DataType | None
) -> None:
    assert widen(one, other) == widen(other, one) == wide


def test_times_that_do_not_fit_the_finer_unit_of_another_file_stay_as_they_are(tmp_path: Path) -> None:
    pl.DataFrame({"a": pl.Series([253_000_000_000_000], dtype=pl.Datetime("ms"))}).write_parquet(
        tmp_path / "1.parquet"
    )
    pl.DataFrame({"a": pl.Series([0], dtype=pl.Datetime("ns"))}).write_parquet(tmp_path / "2.parquet")
    source = open_source(job_over(tmp_path, "*.parquet"))
    assert gather(source.batches(0))[0] == [(1, dt.datetime(9987, 4, 2, 17, 46, 40))]


def read_all(path: Path) -> int:
    return sum(batch.records for batch in reader_of(path).batches())


def test_damage_anywhere_is_an_input_error_or_leaves_the_rows_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"a": list(range(2000)), "b": [f"text {n % 50}" for n in range(2000)]})
    pq.write_table(table, path, row_group_size=500, write_page_checksum=True)
    whole = path.read_bytes()
    for position in range(0, len(whole), 61):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x5A]) + whole[position + 1 :])
        try:
            assert read_all(path) == 2000
        except InputError:
            continue
    for length in (4, 8, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="Expected a whole Parquet file"):
            read_all(path)


def test_text_that_is_not_utf_8_is_an_input_error(tmp_path: Path) -> None:
    text = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffa"))
    pq.write_table(pa.table({"a": text}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=r"(?i)utf"):
        read_all(tmp_path / "rows.parquet")


def test_names_that_repeat_are_an_input_error(tmp_path: Path) -> None:
    pq.write_table(
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "rows.parquet"
    )
    with pytest.raises(InputError, match="found `a` twice"):
        reader_of(tmp_path / "rows.parquet")
