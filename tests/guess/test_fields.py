"""Columns find their fields by name and by what they hold; what the file can't tell is marked."""

from collections.abc import Mapping, Sequence

import polars as pl

from etl.guess.choices import JobGuess, Sureness
from etl.guess.fields import guess_mapping
from etl.guess.profiles import profile_columns

TIMES = [f"2024-01-0{day}T10:00:00Z" for day in range(1, 6)]


def guess(
    columns: Mapping[str, Sequence[object]],
    *,
    typed: bool = False,
    timezone: str | None = None,
    has_names: bool = True,
) -> JobGuess:
    profiles = profile_columns(pl.DataFrame(columns), typed=typed)
    return guess_mapping(profiles, has_names=has_names, timezone=timezone, keeps_types=typed)


def values(found: JobGuess) -> dict[str, object]:
    return {key: choice.value for key, choice in found.event.items()}


def test_columns_called_like_fields_become_them() -> None:
    found = guess(
        {
            "msgId": [*"abcde"],
            "ts": TIMES,
            "eventName": ["copy", "copy", "like", "like", "copy"],
            "userId": [*"xxyyz"],
            "page": [*"ppppp"],
        }
    )
    assert values(found) == {
        "entityType": {"value": "message"},
        "type": "eventName",
        "messageId": "msgId",
        "createdAt": "ts",
    }
    assert found.user_properties["id"].value == "userId"
    assert list(found.properties) == ["page"]
    assert found.to_check() == []


def test_a_query_makes_a_search_even_beside_a_session() -> None:
    found = guess(
        {"session_id": [*"aabbc"], "q": ["how to", "where is", "what if", "who am", "why not"], "when": TIMES}
    )
    assert values(found)["entityType"] == {"value": "search"}
    assert values(found)["searchQuery"] == "q"
    assert "session_id" in found.properties


def test_ids_of_messages_and_conversations_in_turns_are_told_apart_row_by_row() -> None:
    found = guess(
        {
            "message_id": ["m1", None, None, None, "m2"],
            "conversation_id": [None, "c1", "c2", None, None],
            "at": TIMES,
        }
    )
    assert values(found)["entityType"] == {
        "sql": "CASE WHEN \"message_id\" IS NOT NULL THEN 'message' ELSE 'conversation' END"
    }


def test_local_times_are_marked_until_their_zone_is_given() -> None:
    columns: dict[str, list[object]] = {"query": [*"abcde"], "created": [time[:-1] for time in TIMES]}
    unsure = guess(columns).event["createdAt"]
    assert unsure.sureness is Sureness.CHECK
    assert unsure.value == {"column": "created", "timezone": "UTC"}
    sure = guess(columns, timezone="Europe/Berlin").event["createdAt"]
    assert sure.sureness is Sureness.SURE
    assert sure.value == {"column": "created", "timezone": "Europe/Berlin"}


def test_a_date_and_a_time_beside_it_are_joined() -> None:
    found = guess(
        {"query": [*"abcde"], "date": [time[:10] for time in TIMES], "time": ["10:00:00"] * 5}, timezone="UTC"
    )
    assert values(found)["createdAt"] == {
        "columns": ("date", "time"),
        "format": "%Y-%m-%d %H:%M:%S",
        "timezone": "UTC",
    }


def test_a_cast_is_given_only_where_every_cell_of_the_sample_bears_it() -> None:
    found = guess(
        {
            "query": [*"abcde"],
            "at": TIMES,
            "n": ["1", "2", "3", "4", "5"],
            "m": ["1", "2", "x", "4", "5"],
            "zip": ["1", "2", "3", "4", "5"],
        }
    )
    assert found.properties["n"].value == {"column": "n", "cast": "int"}
    assert found.properties["m"].value == "m"
    assert found.properties["zip"].value == "zip"


def test_a_column_of_unique_event_ids_is_kept_as_the_id() -> None:
    found = guess({"query": [*"abcde"], "at": TIMES, "event_id": ["e1", "e2", "e3", "e4", "e5"]})
    assert values(found)["id"] == {"column": "event_id", "verbatim": True}
    repeated = guess({"query": [*"abcde"], "at": TIMES, "event_id": ["e1", "e2", "e3", "e4", "e4"]})
    assert "id" not in repeated.event


def test_a_file_about_nothing_known_still_gives_a_job_and_says_what_to_check() -> None:
    found = guess({"colour": [*"abcab"], "stamp": TIMES})
    assert {key for key, _ in found.to_check()} == {"entityType", "type", "conversationId"}
    assert values(found)["createdAt"] == "stamp"


def test_without_any_times_the_time_is_what_to_check() -> None:
    found = guess({"query": [*"abcde"]})
    assert found.event["createdAt"].sureness is Sureness.CHECK


def test_numbers_that_chance_makes_look_like_epochs_are_not_taken_for_times() -> None:
    found = guess(
        {"query": [*"abcde"], "account": [1_600_000_000 + n for n in range(5)], "logged": TIMES}, typed=True
    )
    assert values(found)["createdAt"] == "logged"


def test_keys_inside_json_are_seen() -> None:
    inner = [f'{{"created_at": "{time}", "conversation_id": "c{n}"}}' for n, time in enumerate(TIMES)]
    found = guess({"payload": inner}, typed=True)
    assert values(found)["createdAt"] == "payload.created_at"
    assert values(found)["conversationId"] == "payload.conversation_id"
