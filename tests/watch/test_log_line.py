import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etl.watch.log_line import LogLine, format_json, format_text

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
FIELDS = st.dictionaries(st.sampled_from(["files", "reason", "cause"]), ANY_TEXT | st.integers(), max_size=3)


def line_of(**fields: Any) -> LogLine:
    return LogLine(1_700_000_000.25, "info", "staged", "search", run=3, load=2, fields=fields)


def test_a_json_line_has_time_level_event_job_run_load_and_counts() -> None:
    assert format_json(line_of(rows={"read": 10})) == (
        '{"time":"2023-11-14T22:13:20.250Z","level":"info","event":"staged","job":"search","run":3,"load":2,"rows":{"read":10}}'
    )


def test_a_text_line_says_the_same_as_pairs() -> None:
    assert format_text(line_of(rows={"read": 10, "pending": 4}, seconds=1.5)) == (
        "2023-11-14T22:13:20.250Z info    staged job=search run=3 load=2 rows.read=10 rows.pending=4 seconds=1.5"
    )


def test_a_text_value_that_is_not_a_word_is_quoted() -> None:
    assert format_text(line_of(reason="found it changed - a.csv")).endswith(
        'reason="found it changed - a.csv"'
    )
    assert format_text(line_of(reason="")).endswith('reason=""')


@given(FIELDS, ANY_TEXT)
def test_whatever_a_value_holds_a_line_stays_one_ascii_line_of_json(fields: dict[str, Any], job: str) -> None:
    text = format_json(LogLine(0.0, "info", "staged", job, fields=fields))
    assert text.isascii()
    assert text.isprintable()
    said = json.loads(text)
    assert said["job"] == job
    assert {name: said[name] for name in fields} == fields


@given(FIELDS, ANY_TEXT)
def test_whatever_a_value_holds_a_line_of_text_stays_one_line_that_any_encoding_of_unicode_takes(
    fields: dict[str, Any], job: str
) -> None:
    text = format_text(LogLine(0.0, "info", "staged", job, fields=fields))
    assert text.isprintable()
    assert text.encode().decode() == text
