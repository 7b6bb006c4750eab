"""Guesses which column says what happened, and which of the API's known types its words mean. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from etl.guess.choices import Choice, Sureness
from etl.guess.names import find_column, fold
from etl.guess.profiles import Profile
from etl.guess.shares import MOSTLY

__all__ = ["choose_type"]

_USUAL: Final = {
    "message": "user_message_submitted",
    "search": "search_query_submitted",
    "conversation": "conversation_shared",
}
_MOST_TYPES: Final = 60
# Columns that say who wrote a message, where none says what happened.
_WRITERS: Final = (
    "role", "senderrole", "sendertype", "authortype", "authorrole", "speaker", "direction", "messagetype", "sender",
    "author", "from", "usertype",
)  # fmt: skip
# Words, without signs and in small letters, that mean one of the API's own types.
_MEANT: Final = {
    "message": {
        **dict.fromkeys(
            ("user", "human", "customer", "visitor", "client", "enduser", "inbound", "incoming", "question", "prompt",
             "requester", "usermessage"), "user_message_submitted"),
        **dict.fromkeys(
            ("assistant", "bot", "chatbot", "ai", "agent", "model", "outbound", "outgoing", "answer", "reply",
             "response", "assistantmessage", "botmessage"), "assistant_message_received"),
        **dict.fromkeys(("thumbsup", "like", "liked", "upvote"), "assistant_positive_feedback_submitted"),
        **dict.fromkeys(("thumbsdown", "dislike", "disliked", "downvote"), "assistant_negative_feedback_submitted"),
        **dict.fromkeys(("copy", "copied"), "assistant_message_copied"),
    },
    "search": {
        **dict.fromkeys(("search", "searched", "query", "searchquery"), "search_query_submitted"),
        **dict.fromkeys(("click", "clicked", "resultclick", "clickthrough"), "search_result_clicked"),
    },
}  # fmt: skip
Profiles = Mapping[str, Profile]


def choose_type(profiles: Profiles, entity: Choice, taken: tuple[str, ...]) -> Choice:
    """Return what says the type: a column, with a map where all its words mean known types, or the same for all."""
    columns = [
        name
        for name, profile in profiles.items()
        if name not in taken
        and profile.is_text
        and profile.time is None
        and 0 < profile.distinct <= _MOST_TYPES
    ]
    full = [name for name in columns if profiles[name].filled >= MOSTLY]
    kind = entity.value.get("value", "") if isinstance(entity.value, dict) else ""
    meant = _MEANT.get(kind, {})
    column = find_column("type", full)
    writer = next((name for wanted in _WRITERS for name in full if fold(name) == wanted), None)
    for name in (column, writer):
        if name is not None and (known := _translate(profiles[name], meant)):
            why = "its words mean types that the API knows; one that isn't listed makes the row a reject"
            return Choice({"column": name, "map": known}, why, Sureness.LIKELY)
    usual = _USUAL.get(kind, "user_message_submitted")
    if column is None:
        return Choice(
            {"value": usual}, "no column says what happened: the same type for every event", Sureness.CHECK
        )
    return _take(profiles[column], usual)


def _take(profile: Profile, usual: str) -> Choice:
    why = f"{profile.distinct} different values: {', '.join(profile.values[:4])}"
    if profile.filled == 1:
        return Choice(profile.name, why, Sureness.LIKELY)
    value: dict[str, Any] = {"column": profile.name, "default": usual}
    return Choice(value, f"{why}; some cells are empty", Sureness.LIKELY)


def _translate(profile: Profile, meant: Mapping[str, str]) -> dict[str, str] | None:
    """Return the known type of each of the column's values; None where one has none, or a cell is empty."""
    if profile.filled < 1 or len(profile.values) < profile.distinct:
        return None
    known = {value: meant.get(fold(value)) for value in profile.values}
    return None if None in known.values() else {value: kind for value, kind in known.items() if kind}
