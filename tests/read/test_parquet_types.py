"""Every Parquet type at its extremes, used and not used: the true value, a reject, or one error that names the
column.
"""

import json
import struct
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.errors import InputError, JobError
from etl.intake.batches import open_rows, transform_rows
from etl.job.load import parse_job
from tests.read.parquet_types import KINDS, ROWS, TEXT_MAP, of, write_kinds
from tests.workbench import call

EVENT = """
name = "j"
[source]
paths = ["x.parquet"]
{source}
[event]
type = {{ value = "t" }}
entityType = {{ value = "message" }}
messageId = {{ column = "n", cast = "string" }}
createdAt = {at}
[event.properties]
{properties}
"""
CONSTANT = "{ sql = \"'2023-01-01T00:00:00Z'\" }"
USED = {name: kind for name, kind in KINDS.items() if not kind.refused}
REFUSED = {name: kind for name, kind in KINDS.items() if kind.refused}


def write_job(folder: Path, properties: str = "", *, at: str = '"at"', source: str = "") -> Path:
    path = folder / "j.toml"
    path.write_text(EVENT.format(properties=properties, at=at, source=source), encoding="utf-8")
    return path


# Later than the files are, else the clock is doubted.
STARTED = datetime.now(UTC) + timedelta(hours=1)


def become(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The bodies and the reasons of a job, which are the same for `validate` and for `run`."""
    job = parse_job(path.read_text(encoding="utf-8"), path)
    reasons: dict[bool, list[str]] = {}
    bodies: list[dict[str, Any]] = []
    for is_dry in (True, False):
        source, plan = open_rows(job, STARTED, is_dry=is_dry, with_source=not is_dry)
        done = list(transform_rows(source, plan, range(len(source.files))))
        reasons[is_dry] = [reason for batch in done for reason in batch.transformed.rejects["reason"]]
        bodies = [json.loads(body) for batch in done for body in batch.transformed.events["body"]]
        assert len(bodies) + len(reasons[is_dry]) == sum(
            batch.transformed.events.height + batch.transformed.rejects.height for batch in done
        )
    assert reasons[True] == reasons[False]
    return bodies, reasons[False]


def test_a_used_column_of_every_type_holds_its_true_values(tmp_path: Path) -> None:
    write_kinds(tmp_path / "x.parquet", {name: kind.values for name, kind in USED.items()})
    bodies, reasons = become(write_job(tmp_path, '"*" = true'))
    assert not reasons
    for name, kind in USED.items():
        assert tuple(body["properties"].get(name) for body in bodies) == kind.expected, name


def test_a_column_that_nothing_maps_is_never_in_the_way(tmp_path: Path) -> None:
    write_kinds(tmp_path / "x.parquet", {name: kind.values for name, kind in KINDS.items()})
    bodies, reasons = become(write_job(tmp_path))
    assert (len(bodies), reasons) == (ROWS, [])


@pytest.mark.parametrize("name", REFUSED)
def test_a_used_column_that_cannot_be_read_is_one_error_that_names_it(tmp_path: Path, name: str) -> None:
    kind = REFUSED[name]
    write_kinds(tmp_path / "x.parquet", {"x": kind.values})
    for properties in ('p = "x"', '"*" = true', "p = { sql = 'CAST(x AS TEXT)' }"):
        with pytest.raises(InputError) as error:
            become(write_job(tmp_path, properties))
        assert "in column `x`, found " in error.value.problem
        assert kind.refused in error.value.problem
        assert error.value.problem.endswith(" - x.parquet")
        assert (
            error.value.fix
            == 'Export the column as text, or let no field use it (beside "*" = true: except = ["x"])'
        )
    # The fix, as it is printed.
    bodies, _ = become(write_job(tmp_path, '"*" = true\nexcept = ["x"]'))
    assert len(bodies) == ROWS


def test_validate_and_run_say_the_same_of_a_column_that_cannot_be_read(tmp_path: Path) -> None:
    write_kinds(tmp_path / "x.parquet", {"x": REFUSED["fixed-size list of nothing"].values})
    job = write_job(tmp_path, 'p = "x"')
    expected = (
        "Expected a type that can be read in column `x`, found lists that hold nothing - x.parquet\n"
        'Export the column as text, or let no field use it (beside "*" = true: except = ["x"])\n'
    )
    for command in (("validate", job), ("run", "--sandbox", job)):
        said = call(*command, "--quiet")
        assert (said.code, said.err) == (4, expected)


@pytest.mark.parametrize("name", ["timestamp ms UTC", "timestamp us None", "timestamp ns UTC", "date32"])
def test_a_time_at_the_end_of_its_integer_is_a_reject_that_shows_it(tmp_path: Path, name: str) -> None:
    write_kinds(tmp_path / "x.parquet", {"x": KINDS[name].values})
    bodies, reasons = become(write_job(tmp_path, at='{ column = "x", timezone = "UTC" }'))
    wanted = f"expected a time from 2000-01-01 to {STARTED + timedelta(days=1):%Y-%m-%d}, found "
    assert (bodies, reasons[2]) == ([], "expected a time, found nothing")
    assert all(reason.startswith(wanted) for reason in reasons[:2])
    if name != "timestamp ns UTC":
        assert reasons[:2] == [f"{wanted}`{value}`" for value in KINDS[name].expected[:2]]


def write_int96(path: Path, times: list[datetime], *, store_schema: bool = True) -> None:
    columns = {"n": range(len(times)), "x": pa.array(times, pa.timestamp("us"))}
    pq.write_table(
        pa.table(columns),
        path,
        use_deprecated_int96_timestamps=True,
        use_dictionary=False,
        compression="none",
        store_schema=store_schema,
    )


@pytest.mark.parametrize("store_schema", [True, False])
def test_int96_is_the_time_that_was_written_beyond_what_nanoseconds_hold(
    tmp_path: Path,
    store_schema: bool,
) -> None:
    times = [
        datetime(2608, 7, 24),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(1, 1, 1),
        datetime(2023, 5, 6, 7, 8, 9, 123456),
    ]
    write_int96(tmp_path / "x.parquet", times, store_schema=store_schema)
    job = write_job(tmp_path, 'p = "x"', at=CONSTANT)
    bodies, _ = become(job)
    assert [body["properties"]["p"] for body in bodies] == [
        "2608-07-24T00:00:00.000",
        "9999-12-31T23:59:59.999999",
        "0001-01-01T00:00:00.000",
        "2023-05-06T07:08:09.123456",
    ]
    bodies, reasons = become(write_job(tmp_path, at='{ column = "x", timezone = "UTC" }'))
    assert [body["createdAt"] for body in bodies] == ["2023-05-06T07:08:09.123456Z"]
    assert reasons == [
        f"expected a time from 2000-01-01 to {STARTED + timedelta(days=1):%Y-%m-%d}, found `{found}`"
        for found in ("2608-07-24T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")
    ]


def test_int96_beyond_what_microseconds_hold_is_an_error_that_names_the_column(tmp_path: Path) -> None:
    path, written = tmp_path / "x.parquet", datetime(2608, 7, 24)
    write_int96(path, [written])
    day = written.toordinal() - date(1970, 1, 1).toordinal() + 2_440_588
    whole = path.read_bytes()
    path.write_bytes(whole.replace(struct.pack("<qI", 0, day), struct.pack("<qI", 0, 2**32 - 1)))
    with pytest.raises(InputError, match=r"in column `x`, found .* - x\.parquet"):
        become(write_job(tmp_path, 'p = "x"', at=CONSTANT))
    assert len(become(write_job(tmp_path, at=CONSTANT))[0]) == 1


@pytest.mark.parametrize("store_schema", [True, False])
@pytest.mark.parametrize(
    ("clock", "day"),
    [(0, 0), (5, 0), (86_399_999_999_999, 0), (-1, 2_440_589), (-1, 2_453_736)],
)
def test_int96_of_day_0_or_with_a_clock_beyond_a_day_is_never_another_time(
    tmp_path: Path,
    clock: int,
    day: int,
    store_schema: bool,
) -> None:
    path = tmp_path / "x.parquet"
    write_int96(
        path,
        [datetime(1970, 1, 1), datetime(1970, 1, 1, 0, 0, 0, 7), datetime(1969, 12, 31, 23)],
        store_schema=store_schema,
    )
    whole = path.read_bytes()
    written = struct.pack("<qI", 7_000, 2_440_588)
    assert whole.count(written) == 1
    path.write_bytes(whole.replace(written, struct.pack("<qI", clock, day)))
    expected = (
        "Expected times with a day and a clock within it in column `x`, "
        "found one of day 0, or whose clock is not within a day - x.parquet"
    )
    with pytest.raises(InputError) as caught:
        become(write_job(tmp_path, 'p = "x"', at=CONSTANT))
    assert caught.value.problem == expected
    assert len(become(write_job(tmp_path, at=CONSTANT))[0]) == 3


@pytest.mark.parametrize("shape", ["list", "struct", "map"])
def test_int96_within_others_is_held_to_the_same(tmp_path: Path, shape: str) -> None:
    dtype = pa.timestamp("us")
    shaped = {
        "list": pa.array([[0, 7], [], None, [None]], pa.list_(dtype)),
        "struct": pa.array([{"a": 0}, {"a": 7}, None, {"a": None}], pa.struct([("a", dtype)])),
        "map": pa.array([[("a", 0)], [("a", 7)], None, [("a", None)]], pa.map_(pa.string(), dtype)),
    }[shape]
    path = tmp_path / "x.parquet"
    table = pa.table({"n": range(4), "x": shaped})
    pq.write_table(
        table, path, use_deprecated_int96_timestamps=True, use_dictionary=False, compression="none"
    )
    assert len(become(write_job(tmp_path, 'p = "x"', at=CONSTANT))[0]) == 4
    path.write_bytes(
        path.read_bytes().replace(struct.pack("<qI", 7_000, 2_440_588), struct.pack("<qI", 7_000, 0))
    )
    with pytest.raises(InputError, match="found one of day 0"):
        become(write_job(tmp_path, 'p = "x"', at=CONSTANT))


def test_a_map_with_a_key_twice_is_a_reject_that_shows_it(tmp_path: Path) -> None:
    twice = [[("k", 1), ("k", 2)], [("k", 1)], None]
    write_kinds(tmp_path / "x.parquet", {"x": pa.array(twice, TEXT_MAP)})
    bodies, reasons = become(write_job(tmp_path, 'p = "x"'))
    assert reasons == ['expected a map whose keys differ, found `{"k":1,"k":2}`']
    assert [body.get("properties") for body in bodies] == [{"p": {"k": 1}}, None]


def test_a_path_leads_into_a_map_by_the_text_of_a_key(tmp_path: Path) -> None:
    columns = {
        name: KINDS[name].values for name in ("map", "map by number", "map of maps", "map in a struct")
    }
    columns["json"] = pa.array([[("k", '{"a": [7]}')], [("k", "x")], None], pa.map_(pa.string(), pa.string()))
    write_kinds(tmp_path / "x.parquet", columns)
    paths = {
        "map.k": (1, None, None),
        "map.nowhere": (None, None, None),
        "map by number.-2": ("b", None, None),
        "map of maps.a.b": (1, None, None),
        "map in a struct.m.k": (1, None, None),
    }
    for path, expected in paths.items():
        bodies, reasons = become(write_job(tmp_path, f'p = "{path}"'))
        assert reasons == []
        assert tuple(body.get("properties", {}).get("p") for body in bodies) == expected
    bodies, reasons = become(write_job(tmp_path, 'p = "json.k.a.0"'))
    assert [body.get("properties") for body in bodies] == [{"p": 7}, None]
    assert reasons == [
        "expected JSON with an object or a list, to read `json.k.a.0` in, found something else"
    ]


def test_a_path_into_a_map_that_holds_a_key_twice_is_a_reject_also_of_a_time(tmp_path: Path) -> None:
    times = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    maps = [[("at", times[0]), ("at", times[1])], [("at", times[2])], None]
    write_kinds(
        tmp_path / "x.parquet", {"x": pa.array(maps, pa.map_(pa.string(), pa.timestamp("us", "UTC")))}
    )
    shown = '{"at":"2024-01-01T00:00:00.000Z","at":"2024-01-02T00:00:00.000Z"}'
    twice = f"expected a map whose keys differ, found `{shown}`"
    bodies, reasons = become(write_job(tmp_path, at='{ column = "x.at" }'))
    assert [body["createdAt"] for body in bodies] == ["2024-01-03T00:00:00.000Z"]
    assert reasons == [twice, "expected a time, found nothing"]
    bodies, reasons = become(write_job(tmp_path, 'p = "x.at"'))
    assert [body.get("properties") for body in bodies] == [{"p": "2024-01-03T00:00:00.000Z"}, None]
    assert reasons == [twice]


def test_a_path_into_a_list_needs_a_position(tmp_path: Path) -> None:
    write_kinds(tmp_path / "x.parquet", {"x": KINDS["list"].values})
    job = write_job(tmp_path, 'p = "x.k"')
    with pytest.raises(JobError) as caught:
        become(job)
    assert str(caught.value).startswith(
        "Expected a position like `x.0` in a list, found `k` - [event.properties] p, "
    )
    assert caught.value.fix == 'Name a position, counted from 0, or the whole list: column = "x"'


def test_names_are_columns_whatever_they_hold(tmp_path: Path) -> None:
    names = ["", "*", "^a.*$", "a.b", "a", "with space", 'quo"te', "new\nline", "ü", "N"]
    columns = {name: pa.array([f"{index}-{row}" for row in range(ROWS)]) for index, name in enumerate(names)}
    write_kinds(tmp_path / "x.parquet", columns)
    bodies, reasons = become(write_job(tmp_path, '"*" = true'))
    assert not reasons
    assert [body["properties"] for body in bodies] == [
        {name: f"{index}-{row}" for index, name in enumerate(names)} for row in range(ROWS)
    ]


def test_names_that_repeat_are_told_only_where_they_are_used(tmp_path: Path) -> None:
    times = of([1_700_000_000_000_000], pa.timestamp("us", "UTC"), pa.int64())
    table = pa.Table.from_arrays(
        [pa.array([1]), times, pa.array(["a"]), pa.array(["b"])], names=["n", "at", "x", "x"]
    )
    pq.write_table(table, tmp_path / "x.parquet")
    assert len(become(write_job(tmp_path))[0]) == 1
    with pytest.raises(
        InputError, match=r"Expected columns whose names differ, found `x` twice - x\.parquet"
    ):
        become(write_job(tmp_path, 'p = "x"'))


def test_a_jobs_own_function_never_sees_a_column_that_cannot_be_read(tmp_path: Path) -> None:
    write_kinds(tmp_path / "x.parquet", {"x": REFUSED["list_view"].values, "y": pa.array(["a", "b", "c"])})
    (tmp_path / "own.py").write_text(
        "def keep(rows):\n    assert 'x' not in rows.collect_schema()\n    return rows\n"
    )
    bodies, _ = become(write_job(tmp_path, 'p = "y"', source='transform = "own.py:keep"'))
    assert [body["properties"]["p"] for body in bodies] == ["a", "b", "c"]


def test_preview_and_init_take_every_type(tmp_path: Path) -> None:
    write_kinds(tmp_path / "x.parquet", {name: kind.values for name, kind in KINDS.items()})
    said = call("preview", write_job(tmp_path))
    assert said.code == 0
    assert "+294247-01-10" in said.out
    said = call("init", tmp_path / "x.parquet", "-o", tmp_path / "made.toml")
    assert (said.code, said.err) == (0, "")
