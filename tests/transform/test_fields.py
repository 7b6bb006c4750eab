import json
from typing import Any

import polars as pl
import pytest

from etl.errors import JobError
from tests.transform.mapping import bodies_of, codes_of, map_rows, ndjson, properties_of, reasons_of


@pytest.mark.parametrize(
    ("cells", "spec", "values"),
    [
        (["x", None], '"c"', ["x", None]),
        (["x", None], "{ value = 7 }", [7, 7]),
        (["x", "y"], "{ value = 9007199254740993 }", ["9007199254740993"] * 2),
        (["x", "y"], "{ value = true }", [True, True]),
        ([" a ", None], '{ sql = "upper(trim(c))" }', ["A", None]),
        (
            ["q", "r", None],
            '{ column = "c", map = { q = "query", r = "result" } }',
            ["query", "result", None],
        ),
        (["q", "r"], '{ column = "c", map = { q = 1 }, default = "other" }', [1, "other"]),
        (["q", "r"], '{ column = "c", map = { q = "1", r = true } }', ["1", True]),
        (["q", "r"], '{ column = "c", map = { q = "yes", r = "0" }, cast = "bool" }', [True, False]),
        (["12", " -3 ", None], '{ column = "c", cast = "int" }', [12, -3, None]),
        (
            ["9007199254740991", "9007199254740992"],
            '{ column = "c", cast = "int" }',
            [2**53 - 1, "9007199254740992"],
        ),
        ([str(2**70), "1"], '{ column = "c", cast = "int" }', [str(2**70), 1]),
        (["1.5", "1e3", "7"], '{ column = "c", cast = "float" }', [1.5, 1000.0, 7.0]),
        (["Yes", "off", "T"], '{ column = "c", cast = "bool" }', [True, False, True]),
        (
            ['{"b":1,"a":[null]}', "[1, 2]", '"x"', "3", "null"],
            '{ column = "c", cast = "json" }',
            [{"b": 1, "a": [None]}, [1, 2], "x", 3, None],
        ),
        (
            [f'{{"id":{2**60},"deep":[{2**80}]}}'],
            '{ column = "c", cast = "json" }',
            [{"id": str(2**60), "deep": [str(2**80)]}],
        ),
        (["a;b", "", None], '{ column = "c", split = ";" }', [["a", "b"], [""], None]),
        (["1;2"], '{ column = "c", split = ";", cast = "int" }', [[1, 2]]),
        (["  a ", "  "], '{ column = "c", trim = true }', ["a", ""]),
        (["  a ", "  "], '{ column = "c", trim = true, null_values = [""] }', ["a", None]),
        (["-", "NULL", "x"], '{ column = "c", null_values = ["-", "NULL"] }', [None, None, "x"]),
        (["-", "5"], '{ column = "c", null_values = ["-"], cast = "int", default = 0 }', [0, 5]),
        (["5", None], '{ column = "c", cast = "int", default = "none" }', [5, "none"]),
        (["1.5", None], '{ column = "c", cast = "float", default = 2 }', [1.5, 2.0]),
        (["a", None], '{ column = "c", default = 0.5 }', ["a", 0.5]),
        (["true", None], '{ column = "c", cast = "bool", default = 1 }', [True, 1]),
        (['{"a":1}', None], '{ column = "c", cast = "json", default = "" }', [{"a": 1}, ""]),
    ],
)
def test_a_field_spec_shapes_text_cells(cells: list[str | None], spec: str, values: list[Any]) -> None:
    assert properties_of({"c": pl.Series(cells, dtype=pl.String)}, spec) == values


@pytest.mark.parametrize(
    ("series", "spec", "values"),
    [
        (pl.Series([-1, 5]), '{ column = "c", null_values = ["-1"] }', [None, 5]),
        (pl.Series([1, 2]), '{ column = "c", map = { 1 = "one", 2 = "two" } }', ["one", "two"]),
        (pl.Series([1.0, 2.0]), '{ column = "c", cast = "int" }', [1, 2]),
        (pl.Series([True, False]), '{ column = "c", cast = "int" }', [1, 0]),
        (pl.Series([1, 2]), '{ column = "c", cast = "string" }', ["1", "2"]),
        (pl.Series([[1], None]), '{ column = "c", default = "none" }', [[1], "none"]),
        (pl.Series([{"a": 1}]), '{ column = "c", cast = "string" }', ['{"a":1}']),
    ],
)
def test_a_field_spec_shapes_typed_columns(series: pl.Series, spec: str, values: list[Any]) -> None:
    assert properties_of({"c": series}, spec) == values


@pytest.mark.parametrize(
    ("cell", "spec", "code"),
    [
        ("x", '{ column = "c", map = { q = "query" } }', "unmapped_value"),
        ("", '{ column = "c", map = { q = "query" } }', "unmapped_value"),
        ("1.5", '{ column = "c", cast = "int" }', "unparsable_value"),
        ("1,5", '{ column = "c", cast = "float" }', "unparsable_value"),
        ("nan", '{ column = "c", cast = "float" }', "number_not_finite"),
        ("maybe", '{ column = "c", cast = "bool" }', "unparsable_value"),
        ("1;x", '{ column = "c", split = ";", cast = "int" }', "unparsable_value"),
        ("{", '{ column = "c", cast = "json" }', "invalid_json"),
        ("NaN", '{ column = "c", cast = "json" }', "invalid_json"),
        ("[" * 2000 + "]" * 2000, '{ column = "c", cast = "json" }', "invalid_json"),
        ("[" * 500 + "]" * 500, '{ column = "c", cast = "json" }', None),
        ("plain", '{ column = "c.key" }', "invalid_json"),
        ("12", '{ column = "c.key" }', "invalid_json"),
    ],
)
def test_a_cell_that_cannot_be_what_is_asked_is_a_reject_and_its_neighbours_are_not(
    cell: str, spec: str, code: str | None
) -> None:
    done = map_rows({"c": [None, cell, None]}, after=f"[event.properties]\np = {spec}")
    assert codes_of(done) == ({2: code} if code else {})
    assert set(done.events["row"]) == {1, 3} | (set() if code else {2})


def test_a_reject_names_the_field_the_column_and_what_was_found() -> None:
    done = map_rows({"c": ["x" * 500]}, after='[event.properties]\np = { column = "c", cast = "int" }')
    reject = done.rejects.to_dicts()[0]
    assert (reject["field"], reject["column"]) == ("properties.p", "c")
    assert reject["reason"] == f"expected a whole number, found `{'x' * 120}…`"
    assert json.loads(reject["source"])["c"] == "x" * 500


def test_a_map_of_numbers_gives_a_text_field_their_digits() -> None:
    event = (
        'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = { column = "c", map = { a = 5, b '
        '= "x" } }\ncreatedAt = "at"'
    )
    assert [body["messageId"] for body in bodies_of(map_rows({"c": ["a", "b"]}, event))] == ["5", "x"]


RECORDS: list[dict[str, Any]] = [
    {"user": {"id": 7, "tags": ["a", {"b": None}], "name": "é"}, "v": 12},
    {"user": {"id": "7"}, "v": "12"},
    {"user": None, "v": None},
    {"user": {"other": 1}, "v": {"a": 2**60}},
]


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ('"v"', [12, "12", None, {"a": str(2**60)}]),
        ('"user.id"', [7, "7", None, None]),
        ('"user.tags"', [["a", {"b": None}], None, None, None]),
        ('"user.tags.0"', ["a", None, None, None]),
        ('"user.tags.9"', [None] * 4),
        ('"user.name.first"', [None] * 4),
        ('{ column = "user.id", cast = "string" }', ["7", "7", None, None]),
        ('{ column = "user.id", default = "?" }', [7, "7", "?", "?"]),
        ('{ column = "user.id", cast = "int" }', [7, 7, None, None]),
    ],
)
def test_ndjson_values_keep_their_own_types_row_by_row(spec: str, values: list[Any]) -> None:
    assert properties_of(ndjson(RECORDS), spec) == values


def test_a_path_goes_into_json_cells_structs_and_lists_alike() -> None:
    json_cells = pl.Series(['{"id":{"n":5},"l":[1,2]}', '{"id":null}'])
    structs = pl.Series([{"id": {"n": 5}, "l": [1, 2]}, {"id": None, "l": None}])
    for column in (json_cells, structs):
        assert properties_of({"c": column}, '"c.id.n"') == [5, None]
        assert properties_of({"c": column}, '"c.l.1"') == [2, None]


def test_a_column_of_the_exact_name_comes_before_a_path() -> None:
    columns = {"user": pl.Series([{"id": "path"}]), "user.id": pl.Series(["column"])}
    assert properties_of(columns, '"user.id"') == ["column"]


def test_a_path_serves_ids_and_times_too() -> None:
    event = """
type = { value = "t" }
entityType = { value = "message" }
messageId = "c.m"
createdAt = "c.at"
id = { column = "c.id", verbatim = true }
"""
    done = map_rows(
        {"c": ['{"m":1,"at":"2024-01-31T09:30:00Z","id":"x"}', "oops", '{"m":"2","id":"y"}']}, event
    )
    assert bodies_of(done)[0] == {
        "id": "x",
        "type": "t",
        "entityType": "message",
        "messageId": "1",
        "createdAt": "2024-01-31T09:30:00.000Z",
    }
    assert codes_of(done) == {2: "invalid_json", 3: "missing_required"}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ('"pgae"', r"found `pgae`(.|\n)*Did you mean \"page\""),
        ('"nested.idd"', r"a field of `nested`(.|\n)*Did you mean \"id\""),
        ('"nested.id.x"', "Expected an object with a field `x`"),
        ('"tags.first"', "a position like `tags.0`"),
        ('{ sql = "pgae" }', r"found `pgae`(.|\n)*Did you mean \"page\""),
        ('{ sql = "sum(n)" }', "depends on its row alone"),
        ('{ sql = "row_number() over (order by n)" }', "depends on its row alone"),
        ('{ sql = "now()" }', "depends on its row alone"),
        ('{ sql = "trim (" }', "Expected a Polars SQL expression"),
    ],
)
def test_a_spec_that_fits_no_column_is_an_error_with_its_place(spec: str, problem: str) -> None:
    columns = {"page": ["x"], "n": [1], "nested": [{"id": 1}], "tags": [["a"]]}
    with pytest.raises(JobError, match=problem) as error:
        map_rows(columns, after=f"[event.properties]\np = {spec}")
    assert "[event.properties] p, jobs/j.toml line" in str(error.value)


def test_known_user_properties_have_the_types_of_the_api() -> None:
    table = '[event.userProperties]\nid = "v"\nuserType = "v"\nplan = "v"'
    done = map_rows(ndjson([{"v": 12}, {"v": "12"}, {"v": True}, {"v": [1]}, {"v": 2**60}]), after=table)
    assert [body["userProperties"] for body in bodies_of(done)] == [
        {"id": 12, "plan": 12, "userType": "12"},
        {"id": "12", "plan": "12", "userType": "12"},
        {"id": str(2**60), "plan": str(2**60), "userType": str(2**60)},
    ]
    assert reasons_of(done)[0] == (3, "unparsable_value", "expected text or a number, found `true`")
    assert codes_of(done) == {3: "unparsable_value", 4: "unparsable_value"}


EVERY = '[event.properties]\n"*" = true\n'


def test_every_column_that_no_field_uses_becomes_a_property_of_its_own_type() -> None:
    columns = {
        "kind": ["k"],
        "b": [1],
        "a": ["x"],
        "raw": ["r"],
        "c": [[1.5]],
        "user": [{"id": 5, "plan": "p"}],
    }
    event = (
        'type = "kind"\nentityType = { value = "message" }\nmessageId = { sql = "a || a" }\ncreatedAt = "at"'
    )
    after = EVERY + 'except = ["raw"]\nextra = { value = 1 }\n[event.userProperties]\nid = "user.id"'
    body = bodies_of(map_rows(columns, event, after=after))[0]
    assert body["properties"] == {"b": 1, "c": [1.5], "extra": 1, "user": {"id": 5, "plan": "p"}}
    assert list(body["properties"]) == sorted(body["properties"])


def test_the_columns_of_an_id_by_key_stay_properties_and_a_verbatim_one_does_not() -> None:
    event = (
        'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = { value = "m" }\ncreatedAt = '
        '"at"\nid = %s'
    )
    keyed = map_rows({"k": ["x"]}, event % '{ columns = ["k"] }', after=EVERY)
    assert bodies_of(keyed)[0]["properties"] == {"k": "x"}
    assert (
        "properties"
        not in bodies_of(map_rows({"k": ["x"]}, event % '{ column = "k", verbatim = true }', after=EVERY))[0]
    )


def test_properties_really_named_so_are_written_as_tables() -> None:
    after = '[event.properties]\n"*" = { column = "c" }\nexcept = { column = "c" }'
    assert bodies_of(map_rows({"c": ["x"]}, after=after))[0]["properties"] == {"*": "x", "except": "x"}


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ('except = ["rwa"]', 'Did you mean "raw"'),
        ('raw = "c"', "found `raw` as a property of its own and as a column"),
    ],
)
def test_what_every_column_leaves_open_is_an_error(rest: str, problem: str) -> None:
    with pytest.raises(JobError, match=problem):
        map_rows({"c": ["x"], "raw": ["r"]}, after=EVERY + rest)


def test_several_entities_share_a_file_and_each_keeps_its_own_field() -> None:
    event = """
type = { value = "t" }
entityType = "kind"
messageId = "m"
conversationId = "c"
createdAt = "at"
"""
    columns = {
        "kind": ["message", "conversation", "search", "message", "nope", None],
        "m": ["1", "1", "1", None, "1", "1"],
        "c": ["2"] * 6,
    }
    done = map_rows(columns, event)
    ours = [{key: body[key] for key in body if key.endswith("Id")} for body in bodies_of(done)]
    assert ours == [{"messageId": "1"}, {"conversationId": "2"}]
    assert codes_of(done) == {
        3: "missing_required",
        4: "missing_required",
        5: "unknown_entity_type",
        6: "missing_required",
    }


def test_a_field_of_another_entity_is_not_looked_at() -> None:
    event = """
type = { value = "t" }
entityType = "kind"
messageId = "m"
searchQuery = { column = "q", map = { a = "A" } }
createdAt = "at"
"""
    done = map_rows({"kind": ["message", "search"], "m": ["1", None], "q": ["?", "?"]}, event)
    assert codes_of(done) == {2: "unmapped_value"}
    assert "searchQuery" not in bodies_of(done)[0]
