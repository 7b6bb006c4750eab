"""Guesses which column becomes which field, from names and from what the columns hold. Pure.

What the file can't tell is chosen all the same, so that the job runs, and marked to be checked.
"""

from collections.abc import Mapping
from typing import Any, Final

from etl.event import ENTITY_FIELDS
from etl.guess.choices import Choice, JobGuess, Sureness
from etl.guess.names import FIELD_NAMES, find_column, fold
from etl.guess.profiles import Profile

__all__ = ["choose_time", "guess_mapping", "shape_properties"]

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
USUAL_TYPES: Final = {
    "message": "user_message_submitted",
    "search": "search_query_submitted",
    "conversation": "conversation_shared",
}
MOST_TYPES: Final = 60
# In the names of columns that say what became of the row, and not when it happened; and of those that say when.
BOOKKEEPING: Final = (
    "sync", "modif", "updat", "load", "ingest", "import", "export", "insert", "delet", "expir",
    "due", "birth", "next", "end", "autoapproval", "resolv", "clos",
)  # fmt: skip
HAPPENED: Final = (
    "created",
    "creation",
    "recorded",
    "occurred",
    "event",
    "submit",
    "start",
    "sent",
    "posted",
    "incident",
    "order",
)
MOSTLY: Final = 0.5
# Fewer rows than this with the field that the events are about, and the others are of another kind.
LEAST_FILLED: Final = 0.95
Profiles = Mapping[str, Profile]


def guess_mapping(
    profiles: Profiles, *, has_names: bool, timezone: str | None, keeps_types: bool
) -> JobGuess:
    """Return a job for a source with these columns.

    `has_names`: the names are the source's own, and tell something. `keeps_types`: values have types, so that every
    column may be sent as it is.
    """
    own = _find_own_fields(profiles) if has_names else _find_by_content(profiles)
    entity, own = _choose_entity(profiles, own)
    event = {"entityType": entity, "type": _choose_type(profiles, entity)}
    event |= own
    event["createdAt"] = choose_time(profiles, timezone)
    if identity := _choose_id(profiles):
        event["id"] = identity
    for name in ("projectId", "integrationId"):
        if has_names and (column := find_column(name, _top(profiles))):
            event[name] = Choice(column, "by its name")
    user = _choose_user(profiles) if has_names else {}
    used = {column for choice in (*event.values(), *user.values()) for column in columns_of(choice.value)}
    return JobGuess(
        event=event,
        properties={} if keeps_types else shape_properties(profiles, used),
        user_properties=user,
        every_column=keeps_types,
        row_filter=_choose_rows(profiles, entity, own, event["createdAt"]),
        candidate_keys=tuple(
            name for name, profile in profiles.items() if profile.is_unique and not profile.time
        )[:5],
    )


def columns_of(value: Any) -> tuple[str, ...]:
    """Return the columns that a choice's value names."""
    if isinstance(value, str):
        return (value,)
    single = (value["column"],) if "column" in value else ()
    return (*single, *value.get("columns", ()), *value.get("_reads", ()))


def shape_properties(profiles: Profiles, used: set[str]) -> dict[str, Choice]:
    """Return a property for each column that no field uses, of the type that all its cells in the sample have."""
    found: dict[str, Choice] = {}
    for name, profile in profiles.items():
        if profile.is_nested or name in used:
            continue
        if profile.split:
            found[name] = Choice(
                {"column": name, "split": profile.split}, f"lists joined by `{profile.split}`"
            )
        elif profile.cast and not _is_label(name, profile):
            found[name] = Choice({"column": name, "cast": profile.cast}, "")
        else:
            found[name] = Choice(name, "" if profile.filled else "empty in the sample")
    return found


def choose_time(profiles: Profiles, timezone: str | None) -> Choice:
    """Return where the row's own time is, how it is written, and in which zone."""
    candidates = {name: profile for name, profile in profiles.items() if profile.time is not None}
    name = find_column("createdAt", candidates) or _first_time(candidates)
    if name is None:
        likely = find_column("createdAt", profiles) or next(iter(profiles), "time")
        return Choice(
            {"column": likely}, "no column of the sample holds times that can be read", Sureness.CHECK
        )
    time = candidates[name].time
    assert time is not None
    value: dict[str, Any] = {"column": name}
    doubts: list[str] = []
    if time.format != "iso8601":
        value["format"] = time.format
    if not time.has_clock and (clock := _find_clock(profiles, name)):
        date_format = "%Y-%m-%d" if time.format == "iso8601" else time.format
        value = {"columns": (name, clock), "format": f"{date_format} {profiles[clock].clock}"}
    elif not time.has_clock:
        doubts.append("the column holds dates without a time of day: every event is at midnight")
    if time.rival:
        doubts.append(f"{time.rival} fits all times of the sample as well: which comes first, month or day?")
    if not time.has_zone:
        value["timezone"] = timezone or "UTC"
        if timezone is None:
            doubts.append("the times don't say their zone: UTC, or that of the server that wrote them?")
    why = f"{_percent(time.share)} of the sample reads as {time.format}"
    short = name if value == {"column": name} else value
    return Choice(short, "; ".join(doubts) or why, Sureness.CHECK if doubts else Sureness.SURE)


def _find_own_fields(profiles: Profiles) -> dict[str, Choice]:
    found: dict[str, Choice] = {}
    for field in ENTITY_FIELDS.values():
        usable = [
            name
            for name, p in profiles.items()
            if p.filled and p.time is None and p.cast not in ("bool", "json", "float")
        ]
        if field != "searchQuery":  # a text is no id: `message` may hold the words themselves
            usable = [
                name for name in usable if not profiles[name].is_text or profiles[name].mean_chars <= 64
            ]
        if column := find_column(field, usable):
            found[field] = Choice(column, f"`{column}` is what such a column is called", Sureness.LIKELY)
    return found


def _find_by_content(profiles: Profiles) -> dict[str, Choice]:
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


def _choose_entity(profiles: Profiles, own: dict[str, Choice]) -> tuple[Choice, dict[str, Choice]]:
    column = find_column("entityType", profiles)
    if (
        column
        and own
        and sum(value in ENTITY_FIELDS for value in profiles[column].values)
        >= MOSTLY * profiles[column].distinct
        > 0
    ):
        return Choice(column, "its values are the API's entity types"), own
    filled = {field: profiles[choice.value].filled for field, choice in own.items()}
    order = ("messageId", "searchQuery", "conversationId")
    for field in order:
        if filled.get(field, 0) >= MOSTLY:
            entity = next(kind for kind, name in ENTITY_FIELDS.items() if name == field)
            if field != "conversationId" or len(own) == 1:
                why = f"`{own[field].value}` is in {_percent(filled[field])} of the rows"
                return Choice({"value": entity}, why, Sureness.LIKELY), {field: own[field]}
    some = [field for field in order if filled.get(field, 0) > 0]
    if len(some) > 1 and not any("." in own[field].value for field in some):
        return _tell_entities_apart(own, some), {field: own[field] for field in some}
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


def _choose_rows(profiles: Profiles, entity: Choice, own: dict[str, Choice], time: Choice) -> Choice | None:
    """Return a filter where a good part of the rows lacks a time, or what the events are about."""
    is_constant = isinstance(entity.value, dict) and "value" in entity.value and len(own) == 1
    wanted = [*(str(choice.value) for choice in own.values() if is_constant), *columns_of(time.value)]
    sparse = [
        profile
        for name in dict.fromkeys(wanted)
        if (profile := profiles.get(name)) is not None
        and not profile.is_nested
        and 0 < profile.filled < LEAST_FILLED
    ]
    if not sparse:
        return None
    parts = [(profile, profile.name.replace('"', '""')) for profile in sparse]
    sql = " AND ".join(
        f"\"{name}\" <> ''" if profile.is_text else f'"{name}" IS NOT NULL' for profile, name in parts
    )
    lacks = " and ".join(f"{_percent(1 - profile.filled)} no `{profile.name}`" for profile in sparse)
    return Choice(sql, f"of the rows {lacks}: they are skipped, as of another kind", Sureness.CHECK)


def _tell_entities_apart(own: dict[str, Choice], fields: list[str]) -> Choice:
    kinds = {name: kind for kind, name in ENTITY_FIELDS.items()}
    cases = " ".join(
        f"WHEN \"{own[field].value}\" IS NOT NULL THEN '{kinds[field]}'" for field in fields[:-1]
    )
    sql = f"CASE {cases} ELSE '{kinds[fields[-1]]}' END"
    return Choice({"sql": sql}, "rows fill one of these columns or the other", Sureness.LIKELY)


def _fallback_subject(profiles: Profiles) -> str:
    ids = [name for name in _top(profiles) if profiles[name].is_unique and profiles[name].time is None]
    own_id = next((name for name in ids if fold(name) == "id"), None) or next(
        (name for name in ids if fold(name).endswith("id")), None
    )
    user = find_column("user", profiles)
    return (
        own_id
        or user
        or next((name for name, p in profiles.items() if p.filled == 1 and not p.time), next(iter(profiles)))
    )


def _choose_type(profiles: Profiles, entity: Choice) -> Choice:
    taken = columns_of(entity.value)
    columns = [
        n
        for n, p in profiles.items()
        if n not in taken and p.is_text and p.time is None and 0 < p.distinct <= MOST_TYPES
    ]
    kind = entity.value.get("value", "") if isinstance(entity.value, dict) else ""
    usual = USUAL_TYPES.get(kind, "user_message_submitted")
    if column := find_column("type", [name for name in columns if profiles[name].filled >= MOSTLY]):
        profile = profiles[column]
        shown = ", ".join(profile.values[:4])
        why = f"{profile.distinct} different values: {shown}"
        if profile.filled < 1:
            return Choice(
                {"column": column, "default": usual}, f"{why}; some cells are empty", Sureness.LIKELY
            )
        return Choice(column, why, Sureness.LIKELY)
    return Choice(
        {"value": usual}, "no column says what happened: the same type for every event", Sureness.CHECK
    )


def _choose_id(profiles: Profiles) -> Choice | None:
    column = find_column(
        "id", [name for name, p in profiles.items() if p.is_unique and p.filled == 1 and not p.is_nested]
    )
    if column is None:
        return None
    why = "it is there in every row, and never twice: the source's own id is kept"
    return Choice({"column": column, "verbatim": True}, why, Sureness.LIKELY)


def _choose_user(profiles: Profiles) -> dict[str, Choice]:
    found: dict[str, Choice] = {}
    if column := find_column("user", [name for name, profile in profiles.items() if profile.filled]):
        found["id"] = Choice(column, "by its name", Sureness.LIKELY)
    for key in ("identificationType", "userType", "supportAgentName", "supportAgentEmail"):
        if column := find_column(key, _top(profiles)):
            found[key] = Choice(column, "by its name", Sureness.LIKELY)
    return found


def _first_time(candidates: Profiles) -> str | None:
    """Return the column with times that most likely says when it happened; what no chance explains.

    A number may count anything: it is a time where its name says so, or where it goes one way through the file.
    """
    likely = [
        name
        for name, profile in candidates.items()
        if profile.time is not None
        and (
            not profile.time.format.startswith("epoch")
            or any(word in fold(name) for word in ("time", "date", "stamp"))
            or profile.is_ordered
        )
    ]
    # What keeps books of the row (synced, modified, due) comes last, what happened first.
    ranked = sorted(likely, key=lambda name: _rank_time(name, candidates[name]))
    return ranked[0] if ranked else None


def _rank_time(name: str, profile: Profile) -> tuple[bool, ...]:
    folded = fold(name)
    assert profile.time is not None
    says_when = any(word in folded for word in HAPPENED)
    is_number = profile.time.format.startswith("epoch")
    is_named = any(word in folded for word in ("time", "date", "stamp"))
    return (
        profile.filled < MOSTLY,
        any(word in folded for word in BOOKKEEPING),
        is_number and not is_named,
        not says_when,
        profile.is_nested,
    )


def _find_clock(profiles: Profiles, date: str) -> str | None:
    """Return the column with the time of day that goes with the column `date`: the next one that holds such."""
    names = list(profiles)
    after = names[names.index(date) + 1 :] + names[: names.index(date)]
    return next((name for name in after if profiles[name].clock is not None), None)


def _percent(share: float) -> str:
    """Return a share in whole percent; 100% is said of all alone."""
    return (
        f"{share:.0%}"
        if share in (0, 1) or 0.01 <= share < 0.99
        else "over 99%"
        if share >= 0.99
        else "under 1%"
    )


def _is_label(name: str, profile: Profile) -> bool:
    """Digits that name something, and don't count it: an id, a code, a version."""
    folded = fold(name)
    return profile.cast in ("int", "float") and (
        folded.endswith(("id", "code", "version", "zip", "phone")) or folded in FIELD_NAMES["user"]
    )


def _top(profiles: Profiles) -> list[str]:
    return [name for name, profile in profiles.items() if not profile.is_nested and profile.filled]
