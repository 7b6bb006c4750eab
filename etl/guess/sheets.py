"""Finds the header of a sheet below titles and notes. Pure."""

from collections.abc import Sequence
from typing import Final

__all__ = ["find_header_row"]

# A title spans a cell or two, a header most of the columns that hold anything.
MOST_OF_ROW: Final = 0.6


def find_header_row(rows: Sequence[Sequence[str | None]]) -> int:
    """Return which of the first rows of a sheet, from 0, is the first that is as wide as the rows are."""
    filled = [sum(bool(cell and cell.strip()) for cell in row) for row in rows]
    width = max(filled, default=0)
    return next((at for at, count in enumerate(filled) if count and count >= MOST_OF_ROW * width), 0)
