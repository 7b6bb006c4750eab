"""Guesses what the events are about, a message, a conversation or a search, and which column names it. Pure.

By names, and by what the values are: a message's id is hardly ever there twice, a text is no id.
"""

from collections.abc import Mapping
from typing import Final

from etl.event import ENTITY_FIELDS
from etl.guess.choices import Choice, Sureness
from etl.guess.names import find_column, fold
from etl.guess.profiles import Profile
from etl.guess.shares import MOSTLY, percent
from etl.guess.writing import render_name

__all__ = ["choose_entity", "find_by_content", "find_own_fields", "top_columns"]

WORDS_OF_A_MESSAGE: Final = {
    "text",
    "body",
    "message",
    "content",
    "comment",
    "answer",
    "reply",
    "tweet",
    "fulltext",
}
_LONGEST_ID: Final = 64
_FEW_ROWS: Final = 4
# Fewer different conversations than this share of the rows are shared by them.
_SHARED: Final = 0.9
_BARE_IDS: Final = ("id", "uuid", "guid", "pk", "rowid")
# Of so many rows on, an id that is mostly there again is none of a message.
_MANY_ROWS: Final = 20
Profiles = Mapping[str, Profile]


def find_own_fields(profiles: Profiles) -> dict[str, Choice]:
    """Return the columns that are called like the id or the query of an entity, and can hold it, by the field."""
    found: dict[str, Choice] = {}
    for field in ENTITY_FIELDS.values():
        usable = [name for name, profile in profiles.items() if _can_hold(profile, field)]
        full = [name for name in usable if profiles[name].filled >= MOSTLY]
        if column := find_column(field, full) or find_column(field, usable):
            found[field] = Choice(column, f"`{column}` is what such a column is called", Sureness.LIKELY)
    return found


def _can_hold(profile: Profile, field: str) -> bool:
    if not profile.filled or profile.time is not None or profile.cast in ("bool", "json", "float"):
        return False
    if field == "searchQuery":  # what stands in every row alike was asked for by nobody
        return profile.is_text and profile.cast is None and profile.distinct > (profile.rows > _FEW_ROWS)
    if profile.is_text and profile.mean_chars > _LONGEST_ID:  # `message` may hold the words themselves
        return False
    rows = profile.filled * profile.rows
    return field != "messageId" or rows < _MANY_ROWS or profile.distinct >= MOSTLY * rows


def find_by_content(profiles: Profiles) -> dict[str, Choice]:
    """For a file without names: a column of unique ids is a message's, else the text is what was searched for."""
    for name, profile in profiles.items():
        looks_like_id = (
            profile.is_text
            and profile.cast is None
            and 8 <= profile.mean_chars <= 40
            and not fold(name).startswith("text")
        )
        if profile.is_unique and looks_like_id and profile.time is None:
            return {"messageId": Choice(name, "its values are unique, and look like ids", Sureness.LIKELY)}
    for name in profiles:
        if fold(name).startswith("text"):
            return {"searchQuery": Choice(name, "it holds short texts", Sureness.LIKELY)}
    return {}


def choose_entity(profiles: Profiles, own: dict[str, Choice]) -> tuple[Choice, dict[str, Choice]]:
    """Return what the events are about, and those of the fields `own` that they need."""
    column = find_column("entityType", profiles)
    if (
        column
        and own
        and sum(value in ENTITY_FIELDS for value in profiles[column].values)
        >= MOSTLY * profiles[column].distinct
        > 0
    ):
        return Choice(column, "its values are the API's entity types"), own
    if message := _find_messages(profiles, own):
        why = f"each row has words, an id of its own, and one of {own['conversationId'].value} that others share"
        return Choice({"value": "message"}, why, Sureness.LIKELY), {"messageId": message}
    filled = {field: profiles[choice.value].filled for field, choice in own.items()}
    order = ("messageId", "searchQuery", "conversationId")
    for field in order:
        if filled.get(field, 0) >= MOSTLY:
            entity = next(kind for kind, name in ENTITY_FIELDS.items() if name == field)
            if field != "conversationId" or len(own) == 1:
                why = f"`{own[field].value}` is in {percent(filled[field])} of the rows"
                return Choice({"value": entity}, why, Sureness.LIKELY), {field: own[field]}
    some = [field for field in order if filled.get(field, 0) > 0]
    if len(some) > 1 and not any("." in own[field].value for field in some):
        return _tell_entities_apart(own, some), {field: own[field] for field in some}
    person = find_column("user", [name for name, profile in profiles.items() if profile.filled == 1])
    if len(some) == 1 and some[0] != "searchQuery" and filled[some[0]] < MOSTLY and person is not None:
        # Most rows are none of these, and each is somebody's.
        share = percent(filled[some[0]])
        why = f"only {share} of the rows have `{own[some[0]].value}`: say what they are about"
        subject = Choice(person, "what all rows of one person have in common", Sureness.CHECK)
        return Choice({"value": "conversation"}, why, Sureness.CHECK), {"conversationId": subject}
    if some:
        entity = next(kind for kind, name in ENTITY_FIELDS.items() if name == some[0])
        return Choice({"value": entity}, f"`{own[some[0]].value}` is there", Sureness.LIKELY), {
            some[0]: own[some[0]]
        }
    name = _fallback_subject(profiles)
    # What is different in each row, with words of its own, is a message; a case, or what groups rows, a conversation.
    has_words = any(fold(other) in WORDS_OF_A_MESSAGE for other in profiles)
    kind = "message" if profiles[name].is_unique and has_words else "conversation"
    why = "no column is called like a message, a conversation or a search: say what the events are about"
    subject = Choice(name, "say which column names the message, conversation or search", Sureness.CHECK)
    return Choice({"value": kind}, why, Sureness.CHECK), {ENTITY_FIELDS[kind]: subject}


def _find_messages(profiles: Profiles, own: dict[str, Choice]) -> Choice | None:
    """Return the id of the messages, where rows with words share the conversations that they are of."""
    conversation = own.get("conversationId")
    if (
        conversation is None
        or len(own) > 1
        or profiles[conversation.value].distinct > _SHARED * _rows(profiles)
    ):
        return None
    if not any(fold(name) in WORDS_OF_A_MESSAGE for name in profiles):
        return None
    name = next(
        (name for name in top_columns(profiles) if fold(name) in _BARE_IDS and profiles[name].is_unique), None
    )
    return Choice(name, "its values are unique", Sureness.LIKELY) if name is not None else None


def _rows(profiles: Profiles) -> int:
    return next(iter(profiles.values())).rows


def _tell_entities_apart(own: dict[str, Choice], fields: list[str]) -> Choice:
    kinds = {name: kind for kind, name in ENTITY_FIELDS.items()}
    cases = " ".join(
        f"WHEN {render_name(str(own[field].value))} IS NOT NULL THEN '{kinds[field]}'"
        for field in fields[:-1]
    )
    sql = f"CASE {cases} ELSE '{kinds[fields[-1]]}' END"
    return Choice({"sql": sql}, "rows fill one of these columns or the other", Sureness.LIKELY)


def _fallback_subject(profiles: Profiles) -> str:
    ids = [name for name in top_columns(profiles) if profiles[name].is_unique and profiles[name].time is None]
    own_id = next((name for name in ids if fold(name) == "id"), None) or next(
        (name for name in ids if fold(name).endswith("id")), None
    )
    user = find_column("user", profiles)
    return (
        own_id
        or user
        or next((name for name, p in profiles.items() if p.filled == 1 and not p.time), next(iter(profiles)))
    )


def top_columns(profiles: Profiles) -> list[str]:
    """Return the columns that are not inside another, and not empty."""
    return [name for name, profile in profiles.items() if not profile.is_nested and profile.filled]
