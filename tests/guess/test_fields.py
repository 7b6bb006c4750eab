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
            "eventName": ["copy", "copy", "flag", "flag", "copy"],
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


def test_words_that_mean_known_types_are_mapped_to_them() -> None:
    found = guess(
        {"msgId": [*"abcde"], "ts": TIMES, "role": ["user", "assistant", "user", "assistant", "user"]}
    )
    assert values(found)["type"] == {
        "column": "role",
        "map": {"user": "user_message_submitted", "assistant": "assistant_message_received"},
    }


def test_one_word_that_means_none_leaves_the_types_as_they_are() -> None:
    found = guess({"msgId": [*"abcde"], "ts": TIMES, "event": ["copy", "copy", "zap", "copy", "copy"]})
    assert values(found)["type"] == "event"


def test_an_id_that_is_there_again_and_again_is_none_of_a_message() -> None:
    found = guess({"message_id": [*"abc"] * 20, "thread": [*"abcdef"] * 10, "ts": [TIMES[0]] * 60})
    assert values(found)["entityType"] == {"value": "conversation"}
    assert values(found)["conversationId"] == "thread"


def test_a_person_comes_before_a_browser() -> None:
    found = guess({"anonymous_id": [*"abcde"], "account_id": [*"aabbb"], "query": [*"vwxyz"], "ts": TIMES})
    assert found.user_properties["id"].value == "account_id"


def test_rows_of_which_few_are_messages_are_of_who_is_in_all_of_them() -> None:
    found = guess({"message_id": ["m", None, None, None, None], "sender_id": [*"aabbb"], "ts": TIMES})
    assert values(found)["conversationId"] == "sender_id"
    assert [key for key, _ in found.to_check()] == ["entityType", "type", "conversationId"]


def test_when_it_happened_comes_before_when_it_was_synced() -> None:
    for other in ("_synced", "lastModified", "due_date", "resolvedAt", "end_time", "exported_on"):
        found = guess({"query": [*"abcde"], other: TIMES, "sent": TIMES})
        assert values(found)["createdAt"] == "sent", other


def test_another_date_of_the_file_settles_which_of_day_and_month_comes_first() -> None:
    unsure, sure = ["03/04/2023 10:00", "05/06/2023 11:00"] * 3, ["25/04/2023 10:00", "27/06/2023 11:00"] * 3
    found = guess({"query": [*"abcdef"], "opened": unsure, "closed": sure}, timezone="UTC").event["createdAt"]
    assert found.value == {"column": "opened", "format": "%d/%m/%Y %H:%M", "timezone": "UTC"}
    assert found.sureness is Sureness.SURE
    alone = guess({"query": [*"abcdef"], "opened": unsure}, timezone="UTC").event["createdAt"]
    assert alone.sureness is Sureness.CHECK
    assert alone.why == (
        "6 of 6 times read both ways, also as `%d/%m/%Y %H:%M`: in which order are day and month?"
    )


def test_a_missing_year_and_a_zone_of_several_clocks_are_asked_for() -> None:
    found = guess({"query": [*"ab"], "at": ["Jun 14 15:16:01", "Jun 14 15:16:02"]}, timezone="UTC").event[
        "createdAt"
    ]
    assert found.value == {
        "column": "at",
        "format": "%b %d %H:%M:%S",
        "year": "from-file-time",
        "timezone": "UTC",
    }
    assert found.why == (
        "the times don't say their year: the one of the file's own time of change is taken, turned over at New Year"
    )
    found = guess({"query": [*"ab"], "at": ["14 Jun 2024 15:16 IST"] * 2}).event["createdAt"]
    assert found.value == {"column": "at", "format": "%d %b %Y %H:%M %Z", "timezone": "Asia/Kolkata"}
    assert found.why == (
        "IST is the clock of Asia/Kolkata, Asia/Jerusalem or Europe/Dublin: in which zone were they written?"
    )


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
