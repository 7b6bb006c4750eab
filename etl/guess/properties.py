"""Guesses which columns go along as properties, and of which type. Pure."""

from collections.abc import Mapping
from typing import Any

from etl.guess.choices import Choice
from etl.guess.names import FIELD_NAMES, fold
from etl.guess.profiles import Profile

__all__ = ["columns_of", "shape_properties"]

Profiles = Mapping[str, Profile]


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


def _is_label(name: str, profile: Profile) -> bool:
    """Digits that name something, and don't count it: an id, a code, a version."""
    folded = fold(name)
    return profile.cast in ("int", "float") and (
        folded.endswith(("id", "code", "version", "zip", "phone")) or folded in FIELD_NAMES["user"]
    )
