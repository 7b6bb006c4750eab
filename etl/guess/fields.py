"""Guesses which column becomes which field, from names and from what the columns hold. Pure.

What the file can't tell is chosen all the same, so that the job runs, and marked to be checked.
"""

from collections.abc import Mapping

from etl.guess.choices import Choice, JobGuess, Sureness
from etl.guess.entities import choose_entity, find_by_content, find_own_fields, top_columns
from etl.guess.names import find_column
from etl.guess.profiles import Profile
from etl.guess.properties import columns_of, shape_properties
from etl.guess.shares import LEAST_FILLED, MOSTLY, percent
from etl.guess.types import choose_type
from etl.guess.when import choose_time
from etl.guess.writing import render_name

__all__ = ["guess_mapping"]

Profiles = Mapping[str, Profile]


def guess_mapping(
    profiles: Profiles,
    *,
    has_names: bool,
    timezone: str | None,
    keeps_types: bool,
    year: str = "from-file-time",
    repeated: str = "",
) -> JobGuess:
    """Return a job for a source with these columns.

    `year` is what tells the year of times that don't. `has_names`: the names are the source's own, and tell something.
    `keeps_types`: values have types, so that every column may be sent as it is. `repeated` is a column whose name
    stands in it where the header comes again.
    """
    own = find_own_fields(profiles) if has_names else find_by_content(profiles)
    entity, own = choose_entity(profiles, own)
    event = {"entityType": entity, "type": choose_type(profiles, entity, columns_of(entity.value))}
    event |= own
    event["createdAt"] = choose_time(profiles, timezone, year)
    if identity := _choose_id(profiles):
        event["id"] = identity
    for name in ("projectId", "integrationId"):
        if has_names and (column := find_column(name, top_columns(profiles))):
            event[name] = Choice(column, "by its name")
    user = _choose_user(profiles) if has_names else {}
    used = {column for choice in (*event.values(), *user.values()) for column in columns_of(choice.value)}
    return JobGuess(
        event=event,
        properties={} if keeps_types else shape_properties(profiles, used),
        user_properties=user,
        every_column=keeps_types,
        row_filter=_choose_rows(profiles, entity, own, event["createdAt"], repeated),
        candidate_keys=tuple(
            name for name, profile in profiles.items() if profile.is_unique and not profile.time
        )[:5],
    )


def _choose_rows(
    profiles: Profiles, entity: Choice, own: dict[str, Choice], time: Choice, repeated: str
) -> Choice | None:
    """Return a filter where a good part of the rows lacks a time, or what the events are about; or is the header."""
    is_constant = isinstance(entity.value, dict) and "value" in entity.value and len(own) == 1
    wanted = [*(str(choice.value) for choice in own.values() if is_constant), *columns_of(time.value)]
    sparse = [
        profile
        for name in dict.fromkeys(wanted)
        if (profile := profiles.get(name)) is not None
        and not profile.is_nested
        and 0 < profile.filled < LEAST_FILLED
    ]
    parts = [_is_filled(profile) for profile in sparse]
    lacks = " and ".join(f"{percent(1 - profile.filled)} no `{profile.name}`" for profile in sparse)
    doubts = [f"of the rows {lacks}: they are skipped, as of another kind"] if sparse else []
    if repeated in profiles:
        text = repeated.replace("'", "''")
        parts.append(f"COALESCE({render_name(repeated)}, '') <> '{text}'")
        doubts.append("rows that are the header again are skipped")
    if not parts:
        return None
    return Choice(" AND ".join(parts), "; ".join(doubts), Sureness.CHECK if sparse else Sureness.LIKELY)


def _is_filled(profile: Profile) -> str:
    name = render_name(profile.name)
    return f"{name} <> ''" if profile.is_text else f"{name} IS NOT NULL"


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
    usable = {
        name: profile
        for name, profile in profiles.items()
        if profile.filled and profile.time is None and profile.cast not in ("bool", "json", "float")
    }
    full = [name for name, profile in usable.items() if profile.filled >= MOSTLY]
    if column := find_column("user", full) or find_column("user", usable):
        found["id"] = Choice(column, "by its name", Sureness.LIKELY)
    for key in ("identificationType", "userType", "supportAgentName", "supportAgentEmail"):
        if column := find_column(key, top_columns(profiles)):
            found[key] = Choice(column, "by its name", Sureness.LIKELY)
    return found
