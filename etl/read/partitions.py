"""Columns that the names of folders give, as in `year=2024/country=DE/part-0.parquet`. Pure."""

from typing import Final
from urllib.parse import unquote

__all__ = ["Partitions", "find_partitions"]

Partitions = tuple[tuple[str, str | None], ...]

# What Hive, Spark and others write for a missing value.
_MISSING: Final = "__HIVE_DEFAULT_PARTITION__"


def find_partitions(parts: tuple[str, ...]) -> Partitions:
    """Return the columns and their values in the folders of a path; values are text, percent signs decoded."""
    found: dict[str, str | None] = {}
    for part in parts[:-1]:
        key, sign, value = part.partition("=")
        if sign and key:
            found[unquote(key)] = None if value == _MISSING else unquote(value)
    return tuple(found.items())
