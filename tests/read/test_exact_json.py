"""JSON is taken as it is written: a key twice is a reject that names it, digits beyond a double stay digits."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.exact_json import RepeatedKey, load_exactly
from etl.values.reject import RejectCode
from tests.read.sources import read_ndjson, source_at
from tests.transform.mapping import codes_of, map_rows, properties_of


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"a":1,"a":2}', "a"),
        ('{"a":1,"b":":","a":2}', "a"),
        ('{"a" :1,"a":2}', "a"),
        ('{"a"\t: 1, "a": 2}', "a"),
        ('{"a": {"b": [{"k": 1, "k": 1}]}}', "k"),
        ('{"a":1,"\\u0061":2}', "a"),
        ('{"":1,"":2}', ""),
        ('{"a":{"b":1},"c":"x\\":","b":{},"c":[]}', "c"),
    ],
)
def test_a_key_that_stands_twice_is_a_reject_that_names_it(tmp_path: Path, line: str, key: str) -> None:
    rows, malformed = read_ndjson(
        source_at(tmp_path, f'{{"z":1}}\n{line}\n{{"z":2}}\n'.encode(), "rows.ndjson")
    )
    assert [row[0] for row in rows] == [1, 3]
    assert [(one.row, one.code, one.reason, one.raw) for one in malformed] == [
        (2, RejectCode.MALFORMED_RECORD, f"the key `{key}` stands twice in one object", line)
    ]


def test_a_key_twice_in_a_cell_of_json_is_a_reject() -> None:
    done = map_rows(
        {"c": ['{"a":1,"a":2}', '{"a":1}']}, after='[event.properties]\np = { column = "c", cast = "json" }'
    )
    assert codes_of(done) == {1: "invalid_json"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.sampled_from([":", '":', '" :', '{"a":1}']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", ":", '"', ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), json_values),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
)
def test_whatever_has_no_key_twice_is_read_as_it_was_written(
    value: dict[str, Any], separators: tuple[str, str]
) -> None:
    assert load_exactly(json.dumps(value, separators=separators).encode()) == value


@given(
    st.dictionaries(st.sampled_from("abc"), json_values, min_size=1),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
)
def test_no_key_twice_goes_by(value: dict[str, Any], separators: tuple[str, str]) -> None:
    text = json.dumps(value, separators=separators)
    key = json.dumps(next(iter(value)))
    with pytest.raises(RepeatedKey):
        load_exactly(f"{text[:-1]},{key}:0}}".encode())


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1234567890123456993.0", "1234567890123456993.0"),
        ("9007199254740993.0", "9007199254740993.0"),
        ("12345678901234567e2", "12345678901234567e2"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("123.45678901234567891", "123.45678901234567891"),
        ("0.30000000000000004", 0.30000000000000004),
        ("0.10000000000000000555", 0.1),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("9007199254740992.0", 9007199254740992.0),
        ("1.5", 1.5),
        ("1e300", 1e300),
        ("12345678901234567890", 12345678901234567890),
    ],
)
def test_digits_that_a_double_would_round_stay_digits(number: str, value: object) -> None:
    assert load_exactly(f'{{"a": {number}}}'.encode()) == {"a": value}
    assert properties_of({"c": [f"[{number}]"]}, '{ column = "c", cast = "json" }') == [
        [str(value) if isinstance(value, int) else value]
    ]


def test_a_number_beyond_every_double_is_a_reject(tmp_path: Path) -> None:
    _, malformed = read_ndjson(source_at(tmp_path, b'{"a":1e400}\n', "rows.ndjson"))
    assert [one.code for one in malformed] == [RejectCode.MALFORMED_RECORD]


def test_text_that_a_cast_would_round_before_its_point_is_a_reject() -> None:
    cells = [
        "1234567890123456993.0",
        "9007199254740993",
        "9007199254740992.5",
        "1.5",
        "12345678901234567e2",
        "-1e300",
    ]
    done = map_rows({"c": cells}, after='[event.properties]\np = { column = "c", cast = "float" }')
    assert codes_of(done) == {1: "unparsable_value", 2: "unparsable_value"}
