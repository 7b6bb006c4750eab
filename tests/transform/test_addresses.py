"""Parameters of addresses, and values in lists of pairs, taken as a field."""

from typing import Any
from urllib.parse import quote, urlencode

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.transform.addresses import take_parameter
from tests.transform.mapping import ndjson, properties_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def taken(*addresses: str | None, name: str = "q") -> list[str | None]:
    return (
        pl.DataFrame({"a": pl.Series(addresses, dtype=pl.String)})
        .select(take_parameter(pl.col("a"), name))["a"]
        .to_list()
    )


@given(st.lists(TEXT, min_size=1, max_size=5), TEXT)
def test_what_a_form_sends_is_read_again(values: list[str], other: str) -> None:
    addresses = [f"https://h/search?{urlencode({'p': other, 'q': value, 'x': '1'})}#top" for value in values]
    assert taken(*addresses) == values
    assert taken(*(f"q={quote(value)}" for value in values)) == values


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("/search?q=a+b&q=c", "a b"),
        ("/search?faq=a&q=%C3%BC", "ü"),
        ("/search?q=%FC", "ü"),  # an old page in Windows-1252
        ("/search?q=100%", "100%"),
        ("/search?q=", None),
        ("/q=x", None),
        ("q=a;b#q=c", "a;b"),
        ("-", None),
        (None, None),
    ],
)
def test_a_parameter(address: str | None, wanted: str | None) -> None:
    assert taken(address) == [wanted]


def test_a_name_with_signs_is_found_escaped_or_not() -> None:
    assert taken("?filter[q]=a", "?filter%5Bq%5D=b", name="filter[q]") == ["a", "b"]


PARAMS: list[Any] = [
    {"key": "page_title", "value": {"string_value": "Docs", "int_value": None}},
    {"key": "session", "value": {"string_value": None, "int_value": 12}},
]
PLAIN: list[Any] = [{"name": "plan", "value": "pro"}, {"name": "seats", "value": "3"}]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("event_params.page_title", ["Docs", None, None]),
        ("event_params.session", [12, None, None]),
        ("event_params.session.int_value", [12, None, None]),
        ("event_params.none", [None, None, None]),
        ("plain.plan", ["pro", None, "pro"]),
    ],
)
def test_a_list_of_pairs_is_read_by_key(path: str, wanted: list[Any], as_json: bool) -> None:
    filled: dict[str, Any] = {"event_params": PARAMS, "plain": PLAIN}
    rows = [filled, {"event_params": [], "plain": []}, {**filled, "event_params": None}]
    frame = ndjson(rows) if as_json else pl.DataFrame(rows)
    assert properties_of(frame, f'"{path}"') == wanted
