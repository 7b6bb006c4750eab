"""Fits what is known of exports to files: which of a folder hold the rows, and where in a document they are."""

from collections.abc import Iterator
from dataclasses import replace
from glob import escape
from pathlib import Path

from etl.guess.choices import Choice, Reading
from etl.guess.preset import Preset
from etl.guess.preset_chats import FOLDERS
from etl.read.archives.members import explained, list_members
from etl.read.inside import is_archive

__all__ = ["fit_reading", "narrow_path"]


def narrow_path(path: str, place: Path) -> str:
    """Return the pattern of the files that hold the rows, where `place` is the folder or archive of a known export."""
    names = set(_list_inside(place))
    whole = f"{escape(path.rstrip('/'))}/" if place.is_dir() else f"{path}!"
    for markers, pattern in FOLDERS.items():
        for name in sorted(names):
            root = name.removesuffix(markers[0])
            is_root = name.endswith(markers[0]) and (not root or root.endswith("/"))
            if is_root and all(f"{root}{marker}" in names for marker in markers):
                return f"{whole}{escape(root)}{pattern}"
    return path


def fit_reading(reading: Reading, preset: Preset) -> Reading:
    """Return how the files of an export are read, given how any file of their format is."""
    if reading.format != "json" or not (preset.inner or preset.beside):
        return reading
    table, why = dict(reading.table), f"as {preset.title} has it"
    if preset.inner:
        outer = [str(table["path"].value)] if "path" in table else []
        table["path"] = Choice(".".join([*outer, preset.inner]), why)
    if preset.beside and "path" in table:
        table["beside"] = Choice(preset.beside, why)
    return replace(reading, table=table)


def _list_inside(place: Path) -> Iterator[str]:
    if place.is_dir():
        yield from (path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    elif place.is_file() and is_archive(place.name, place, names_members=False):
        with explained(place.name):
            yield from (member.name for member in list_members(place, place.name))
