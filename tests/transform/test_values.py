from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from etl.errors import JobError
from tests.transform.mapping import bodies_of, codes_of, map_rows, properties_of

MOMENT = datetime(2024, 1, 31, 9, 30, 0, 123000)
# The table of etl.transform.values: a value, its text in a text field, its JSON in properties.
FORMS = {
    "string": (pl.Series(['é "q"\n']), 'é "q"\n', 'é "q"\n'),
    "categorical": (pl.Series(["a"], dtype=pl.Categorical), "a", "a"),
    "enum": (pl.Series(["a"], dtype=pl.Enum(["a", "b"])), "a", "a"),
    "boolean": (pl.Series([True]), "true", True),
    "int8": (pl.Series([-5], dtype=pl.Int8), "-5", -5),
    "int64": (pl.Series([2**53 - 1]), "9007199254740991", 2**53 - 1),
    "long int64": (pl.Series([2**53]), "9007199254740992", "9007199254740992"),
    "negative int64": (pl.Series([-(2**53)]), "-9007199254740992", "-9007199254740992"),
    "uint64": (pl.Series([2**64 - 1], dtype=pl.UInt64), "18446744073709551615", "18446744073709551615"),
    "int128": (pl.Series([2**100], dtype=pl.Int128), str(2**100), str(2**100)),
    "float64": (pl.Series([0.1]), "0.1", 0.1),
    "float32": (pl.Series([0.1], dtype=pl.Float32), "0.1", 0.1),
    "decimal": (pl.Series([Decimal("1.50")]), "1.50", 1.5),
    "whole decimal": (pl.Series([Decimal(42)], dtype=pl.Decimal(38, 0)), "42", 42),
    "long decimal": (pl.Series([Decimal("12345678901234.56")]), "12345678901234.56", "12345678901234.56"),
    "date": (pl.Series([date(2024, 1, 31)]), "2024-01-31", "2024-01-31"),
    "time": (pl.Series([time(9, 30)]), "09:30:00", "09:30:00"),
    "fine time": (pl.Series([time(9, 30, 0, 5)]), "09:30:00.000005", "09:30:00.000005"),
    "local datetime": (pl.Series([MOMENT]), "2024-01-31T09:30:00.123", "2024-01-31T09:30:00.123"),
    "millis": (pl.Series([MOMENT], dtype=pl.Datetime("ms", "UTC")), "2024-01-31T09:30:00.123Z",
        "2024-01-31T09:30:00.123Z"),
    "zoned datetime": (
        pl.Series([MOMENT.replace(tzinfo=ZoneInfo("America/New_York"))], dtype=pl.Datetime("us", "America/New_York")),
        "2024-01-31T14:30:00.123Z",
        "2024-01-31T14:30:00.123Z",
    ),
    "nanoseconds": (
        pl.Series([1_700_000_000_123_456_789]).cast(pl.Datetime("ns", "UTC")),
        "2023-11-14T22:13:20.123456789Z",
        "2023-11-14T22:13:20.123456789Z",
    ),
    "duration": (pl.Series([timedelta(days=1, hours=2, seconds=3.5)]), "P1DT2H3.5S", "P1DT2H3.5S"),
    "binary": (pl.Series([b"\xff\x00"]), "/wA=", "/wA="),
    "list": (pl.Series([[1, None]]), "[1,null]", [1, None]),
    "array": (pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)), "[1,2]", [1, 2]),
    "struct": (pl.Series([{"b": 1, "a": None}]), '{"b":1,"a":null}', {"b": 1, "a": None}),
    "list of long integers": (pl.Series([[2**60, 1]]), '["1152921504606846976",1]', [str(2**60), 1]),
    "all of it": (
        pl.Series([[{"b": b"a", "d": Decimal("1.5"), "t": MOMENT, 'q"': "é\n", "e": [date(2024, 1, 31)],
            "c": [timedelta(1)]}]]),
        '[{"b":"YQ==","d":1.5,"t":"2024-01-31T09:30:00.123","q\\"":"é\\n","e":["2024-01-31"],"c":["P1D"]}]',
        [{"b": "YQ==", "d": 1.5, "t": "2024-01-31T09:30:00.123", 'q"': "é\n", "e": ["2024-01-31"], "c": ["P1D"]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_type_has_its_form_as_text_and_as_json(name: str) -> None:
    series, text, value = FORMS[name]
    # A null beside the value takes the piecewise path of the encoder; alone it takes the whole one.
    for rows in (series, pl.concat([series, pl.Series([None], dtype=series.dtype)])):
        assert properties_of({"c": rows}, '"c"') == [value, None][: len(rows)]
    done = map_rows(
        {"c": series},
        'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = "c"\ncreatedAt = "at"',
    )
    assert [body["messageId"] for body in bodies_of(done)] == [text]


@pytest.mark.parametrize("name", FORMS)
def test_every_type_can_be_part_of_an_id_and_of_the_reports_original_row(name: str) -> None:
    series, text, _ = FORMS[name]
    event = (
        'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = { value = "m" }\ncreatedAt = '
        '"at"\nid = { column = "c", verbatim = true }'
    )
    done = map_rows({"c": series}, event)
    assert done.events["id"].to_list() == [text]
    assert '"c":' in done.events["source"][0]


def test_a_column_of_nulls_without_a_type_is_left_out() -> None:
    assert properties_of({"c": pl.Series([None], dtype=pl.Null)}, '"c"') == [None]


@pytest.mark.parametrize(
    "series",
    [
        pl.Series([float("nan"), 1.0, float("-inf")]),
        pl.Series([float("nan"), 1.0, float("inf")], dtype=pl.Float32),
        pl.Series([[float("nan")], [1.0], [None, float("inf")]]),
        pl.Series([{"x": [float("nan")]}, {"x": [1.0]}, {"x": [float("inf")]}]),
    ],
    ids=["float64", "float32", "list", "struct"],
)
def test_numbers_that_are_not_finite_are_rejects_or_null_as_the_job_says(series: pl.Series) -> None:
    done = map_rows({"c": series}, after='[event.properties]\np = "c"')
    assert codes_of(done) == {1: "number_not_finite", 3: "number_not_finite"}
    kept = properties_of({"c": series}, '"c"', before="", event=EVENT_NULL)
    assert len(kept) == 3
    assert "NaN" not in str(kept)
    assert "inf" not in str(kept)


EVENT_NULL = """
type = { value = "t" }
entityType = { value = "message" }
messageId = { value = "m" }
createdAt = "at"
non_finite = "null"
"""


def test_a_number_that_is_not_finite_is_no_text_either() -> None:
    event = 'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = "c"\ncreatedAt = "at"'
    assert codes_of(map_rows({"c": [float("nan")]}, event)) == {1: "number_not_finite"}
    assert codes_of(map_rows({"c": [float("nan")]}, event + '\nnon_finite = "null"')) == {
        1: "missing_required"
    }


def test_the_report_shows_a_number_that_is_not_finite_as_it_is() -> None:
    done = map_rows({"c": [float("nan"), 0.5]}, after='[event.properties]\np = "c"')
    assert done.rejects["source"][0].startswith('{"c":"NaN"')


@pytest.mark.parametrize("dtype", [pl.Boolean, pl.List(pl.String), pl.Struct({"a": pl.String})])
def test_a_users_id_must_be_text_or_a_number(dtype: pl.DataType) -> None:
    with pytest.raises(JobError, match="Expected text or numbers"):
        map_rows({"c": pl.Series([None], dtype=dtype)}, after='[event.userProperties]\nid = "c"')
