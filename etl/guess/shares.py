"""Shares of rows: what counts as most, and how a person reads one. Pure."""

from typing import Final

__all__ = ["LEAST_FILLED", "MOSTLY", "percent"]

MOSTLY: Final = 0.5
# Fewer rows than this with the field that the events are about, and the others are of another kind.
LEAST_FILLED: Final = 0.95


def percent(share: float) -> str:
    """Return a share in whole percent; 100% is said of all alone."""
    return (
        f"{share:.0%}"
        if share in (0, 1) or 0.01 <= share < 0.99
        else "over 99%"
        if share >= 0.99
        else "under 1%"
    )
