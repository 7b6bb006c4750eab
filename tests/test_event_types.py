"""A type that nobody knows is told the name that was most likely meant, and no name where none is near."""

import pytest

from etl.event_types import EVENT_TYPES, is_known_type, nearest_type


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("message_copied", "assistant_message_copied"),
        ("messageCopied", "assistant_message_copied"),
        ("Search Query Submitted", "search_query_submitted"),
        ("search_query_submited", "search_query_submitted"),
        ("feedback_positive", "assistant_positive_feedback_submitted"),
        ("modalOpen", "modal_opened"),
        ("page_view", None),
        ("click", None),
        ("", None),
        ("注文", None),
    ],
)
def test_the_nearest_type_is_told_where_one_is_near(written: str, meant: str | None) -> None:
    assert nearest_type(written) == meant


def test_a_known_type_is_its_own_nearest() -> None:
    for name in (name for types in EVENT_TYPES.values() for name in types):
        assert is_known_type(name)
        assert nearest_type(name) == name
