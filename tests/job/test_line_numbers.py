from pathlib import Path

from etl.job.line_numbers import Place, find_line, nearest_name

TEXT = """name = "j"
[source.csv]
header = false

[event]
"type" = "t"
createdAt = {
  column = "at" }
[event.properties]
'page url' = "p"
"""


def test_the_line_of_a_key_is_found_in_its_table() -> None:
    wanted = {
        ("name",): 1,
        ("source", "csv", "header"): 3,
        ("event", "type"): 6,
        ("event", "properties", "page url"): 10,
    }
    assert {keys: find_line(TEXT, keys) for keys in wanted} == wanted


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    assert find_line(TEXT, ("event", "messageId")) == 5
    assert find_line(TEXT, ("upload", "rate")) is None


def test_a_place_reads_table_key_file_line() -> None:
    assert str(Place(Path("a.toml"), "[event]", "type", 6)) == "[event] type, a.toml line 6"
    assert str(Place(Path("a.toml"), None, None, None)) == "a.toml"


def test_the_nearest_name_is_found_whatever_its_case_and_none_where_nothing_is_near() -> None:
    assert nearest_name("Messageid", ["messageId", "searchQuery"]) == "messageId"
    assert nearest_name("zzz", ["messageId"]) is None
