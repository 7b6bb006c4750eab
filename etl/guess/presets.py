"""Recognises exports that people really have, and maps them as their preset says. Pure.

A preset is recognised by columns that only this export has (`a.b` is key b inside column a), or asked for by name.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from etl.guess.choices import Choice, JobGuess, Sureness
from etl.guess.preset import Preset
from etl.guess.preset_chats import CHATS, TICKETS
from etl.guess.preset_products import PRODUCTS
from etl.guess.preset_searches import SEARCHES
from etl.guess.profiles import Profile

__all__ = ["PRESETS", "apply_preset", "choose_parameter", "recognise_preset"]

PRESETS: Final[dict[str, Preset]] = {**PRODUCTS, **CHATS, **TICKETS, **SEARCHES}


def recognise_preset(profiles: Mapping[str, Profile]) -> str | None:
    """Return the name of the preset whose signature the columns have; the longest one where several fit."""
    fitting = [
        name
        for name, preset in PRESETS.items()
        if set(preset.signature) <= set(profiles) and _looks(preset, profiles)
    ]
    return max(fitting, key=lambda name: len(PRESETS[name].signature), default=None)


def _looks(preset: Preset, profiles: Mapping[str, Profile]) -> bool:
    return all(
        all(re.search(pattern, value) for value in profiles[column].values)
        for column, pattern in preset.looks.items()
    )


def choose_parameter(preset: Preset, addresses: Collection[str]) -> str | None:
    """Return the parameter that most of the addresses have, of those that searches are known to be called by."""
    counts = {
        name: sum(re.search(rf"(?:^|[?&]){re.escape(name)}=[^&\s]", text) is not None for text in addresses)
        for name in preset.params
    }
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None


def apply_preset(
    name: str, columns: Collection[str], *, time: Choice | None, parameter: str | None = None
) -> JobGuess:
    """Return the job of a preset for a source with these columns; fields whose column isn't there are left out.

    `time` is what the texts themselves say of the time: it counts where they don't have the documented form.
    `parameter` is what holds the words of a search in an address.
    """
    preset = PRESETS[name]
    event: dict[str, Choice] = {}
    for key, value in preset.event.items():
        fitted = _fit(value, columns, preset.alternatives.get(key, ()))
        if fitted is None:
            continue
        if parameter is not None and isinstance(fitted, Mapping) and "param" in fitted:
            fitted = {**fitted, "param": parameter}
        doubt = preset.check.get(key)
        event[key] = Choice(
            fitted, doubt or f"as {preset.title} has it", Sureness.CHECK if doubt else Sureness.SURE
        )
    if time is not None and time.sureness is not Sureness.CHECK and "createdAt" in event:
        event["createdAt"] = Choice(time.value, event["createdAt"].why, event["createdAt"].sureness)
    user = {
        key: Choice(value, f"as {preset.title} has it")
        for key, value in preset.user.items()
        if value in columns
    }
    rows = preset.rows if preset.rows is not None and preset.rows.column in columns else None
    sql = None if rows is None else rows.sql.replace("{param}", parameter or next(iter(preset.params), ""))
    properties = {
        key: Choice(value, f"as {preset.title} has it")
        for key, value in preset.properties.items()
        if _fit(value, columns, ()) is not None
    }
    return JobGuess(
        event=event,
        properties=properties,
        user_properties=user,
        every_column=True,
        preset=name,
        row_filter=None if rows is None else Choice(sql, rows.why),
    )


def _fit(value: Any, columns: Collection[str], alternatives: tuple[str, ...]) -> Any:
    column = value if isinstance(value, str) else value.get("column") if isinstance(value, Mapping) else None
    if column is None or column in columns:
        return value
    other = next((name for name in alternatives if name in columns), None)
    if other is None:
        return None
    return other if isinstance(value, str) else {**value, "column": other}
