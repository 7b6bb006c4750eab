"""Whole cells that exports write for a missing value. Pure: tables."""

from typing import Final

__all__ = ["DOUBTFUL_MARKERS", "NO_VALUES", "NULL_MARKERS"]

# The second set counts for a whole file only in more than one column, or beside numbers.
NULL_MARKERS: Final = ("NULL", "null", "\\N", "N/A", "#N/A", "<null>", "(null)", "(not set)", "(empty)")
DOUBTFUL_MARKERS: Final = ("n/a", "NA", "None", "NaN", "nan", "nil", "undefined", "-")
NO_VALUES: Final = frozenset(("", *NULL_MARKERS, *DOUBTFUL_MARKERS))
