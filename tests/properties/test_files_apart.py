"""A row becomes the same event whatever files lie beside its own: other types, other columns, other formats."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.errors import InputError
from etl.intake.batches import open_rows, transform_rows
from etl.job.load import parse_job

EVENT = """
name = "j"
[source]
paths = ["{paths}"]
{source}
[event]
type = {{ value = "t" }}
entityType = {{ value = "message" }}
messageId = {{ value = "m" }}
createdAt = {{ sql = "'2023-01-01T00:00:00Z'" }}
[event.properties]
{properties}
"""
EVERYTHING = '"*" = true'
SMALL = pa.int32()
# For each column the types that it may have from file to file, with values that each of them holds.
TYPES: dict[str, tuple[list[pa.DataType], list[Any]]] = {
    "number": ([pa.int16(), SMALL, pa.float64()], [0, 7, -3]),
    "amount": ([pa.decimal128(8, 1), pa.decimal128(12, 3), pa.decimal256(30, 2)], [Decimal("1.5"), Decimal(2)]),
    "text": ([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ["a", "", "ü"]),
    "at": ([pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns")],
        [datetime(2020, 1, 2, 3, 4, 5), datetime(2262, 1, 1)]),
    "items": ([pa.list_(pa.int32()), pa.large_list(pa.int16()), pa.list_(pa.float64())], [[1, None], []]),
    "inner": (
        [
            pa.struct([("x", SMALL)]),
            pa.struct([("x", pa.int64()), ("y", pa.string())]),
            pa.struct([("x", SMALL), ("z", pa.struct([("deep", pa.string())]))]),
        ],
        [{"x": 1}, {"x": None}],
    ),
    "list of structs": (
        [pa.list_(pa.struct([("x", SMALL)])), pa.list_(pa.struct([("x", SMALL), ("later", pa.bool_())]))],
        [[{"x": 1}, {"x": None}], []],
    ),
    "map": ([pa.map_(pa.string(), pa.int64())], [[("k", 1)], []]),
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    height = draw(st.integers(1, 4))
    columns = {"row": pa.array(range(height))}
    for name, (types, values) in TYPES.items():
        if draw(st.booleans()):
            cells = draw(st.lists(st.none() | st.sampled_from(values), min_size=height, max_size=height))
            columns[name] = pa.array(cells, draw(st.sampled_from(types)))
    return pa.table(columns)


def become(folder: Path, paths: str, properties: str = EVERYTHING, source: str = "") -> list[str]:
    job = parse_job(EVENT.format(paths=paths, properties=properties, source=source), folder / "j.toml")
    opened, plans = open_rows(job, datetime(2024, 1, 1, tzinfo=UTC))
    bodies: list[str] = []
    for batch in transform_rows(opened, plans, range(len(opened.files))):
        assert batch.transformed.rejects.height == 0, batch.transformed.rejects["reason"].to_list()
        bodies += batch.transformed.events["body"].to_list()
    return bodies


def assert_apart(folder: Path, names: list[str], properties: str = EVERYTHING) -> None:
    alone = [body for name in names for body in become(folder, name, properties)]
    assert become(folder, "*", properties) == alone


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(tables(), min_size=2, max_size=4))
def test_bodies_of_parquet_rows_are_those_of_their_file_alone(files: list[pa.Table]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [f"{number}.parquet" for number in range(len(files))]
        for path, table in zip(paths, files, strict=True):
            pq.write_table(table, folder / path)
        assert_apart(folder, paths)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "1", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.lists(st.dictionaries(st.sampled_from("abcd"), json_values, min_size=1), min_size=1, max_size=4),
        min_size=2,
        max_size=3,
    ),
    st.booleans(),
)
def test_bodies_of_json_rows_are_those_of_their_file_alone(
    files: list[list[dict[str, Any]]], with_csv: bool
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [f"{number}.ndjson" for number in range(len(files))]
        for path, rows in zip(paths, files, strict=True):
            (folder / path).write_text("\n".join(map(json.dumps, rows)))
        if with_csv:
            (folder / "text.csv").write_text("a,e\n1,x\n")
            pq.write_table(pa.table({"f": [1], "a": ["1"]}), folder / "typed.parquet")
            paths += ["text.csv", "typed.parquet"]
        assert_apart(folder, paths)


def write_old_and_new(folder: Path) -> None:
    """A struct that gains a field, an integer that becomes a float, a column that comes later."""
    old = {"n": pa.array([1], SMALL), "s": pa.array([{"x": 1}, None][:1])}
    new = {"n": pa.array([2.5]), "s": pa.array([{"x": 2, "y": {"z": "deep"}}]), "late": pa.array([1.5])}
    pq.write_table(pa.table(old), folder / "1.parquet")
    pq.write_table(pa.table(new), folder / "2.parquet")


def properties_of(bodies: list[str]) -> list[Any]:
    return [json.loads(body).get("properties") for body in bodies]


def test_golden_ids_of_a_file_whose_types_grew_later(tmp_path: Path) -> None:
    write_old_and_new(tmp_path)
    golden = json.loads(Path(__file__).with_name("golden_files.json").read_text())
    assert become(tmp_path, "1.parquet") == golden[:1]
    assert become(tmp_path, "*.parquet") == golden


def test_a_path_into_what_a_file_lacks_is_nothing_in_its_rows(tmp_path: Path) -> None:
    write_old_and_new(tmp_path)
    spec = 'whole = "s"\ndeep = "s.y.z"\nlate = { column = "late", default = 1 }\nn = "n"'
    assert properties_of(become(tmp_path, "*.parquet", spec)) == [
        {"late": 1, "n": 1, "whole": {"x": 1}},
        {"deep": "deep", "late": 1.5, "n": 2.5, "whole": {"x": 2, "y": {"z": "deep"}}},
    ]


def test_sql_over_what_a_file_lacks_reads_it_as_the_others_have_it(tmp_path: Path) -> None:
    write_old_and_new(tmp_path)
    spec = "double = { sql = 'n * 2' }\nlate = { sql = 'late + 1' }\ndeep = { sql = \"s.y.z || '!'\" }\nn = \"n\""
    assert properties_of(become(tmp_path, "*.parquet", spec)) == [
        {"double": 2, "n": 1},
        {"deep": "deep!", "double": 5.0, "late": 2.5, "n": 2.5},
    ]


def test_a_jobs_own_function_gets_the_columns_of_all_files(tmp_path: Path) -> None:
    write_old_and_new(tmp_path)
    (tmp_path / "own.py").write_text(
        "import polars as pl\ndef more(rows):\n    return rows.with_columns(pl.col('late') * 2)\n"
    )
    bodies = become(tmp_path, "*.parquet", 'late = "late"\nn = "n"', 'transform = "own.py:more"')
    assert properties_of(bodies) == [{"n": 1}, {"late": 3.0, "n": 2.5}]


def test_types_that_do_not_go_together_are_told_only_where_a_field_uses_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"], "b": [2]}), tmp_path / "2.parquet")
    assert properties_of(become(tmp_path, "*.parquet", 'b = "b"')) == [{"b": 1}, {"b": 2}]
    with pytest.raises(
        InputError, match="Expected column `a` to be Int64 as in the files before, found String"
    ):
        become(tmp_path, "*.parquet", 'a = "a"')
