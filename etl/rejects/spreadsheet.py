"""Values as the cells of a spreadsheet, and back: what `rejects` writes as CSV, `retry --from` reads. Pure.

A cell that starts like a formula gets a `'` before it, and so does one that starts with `'`: so a first `'` is always
ours, and taking it away gives back the very text. The report's own columns start with one `_`; an original name that
could be taken for one of them gets another `_`.
"""

import json
import re
from typing import Any, Final

import polars as pl

__all__ = [
    "BYTE_ORDER_MARK",
    "cell_text",
    "defuse",
    "defuse_expr",
    "name_original",
    "name_own",
    "original_name",
    "rearm",
]

# Without it a spreadsheet takes UTF-8 for the machine's own old encoding.
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NEEDS_MARK: Final = r"^[=+\-@\t\r\n']"
_LOOKS_OWN: Final = re.compile(r"_+[a-z][a-z_]*")


def defuse(text: str) -> str:
    """Return the cell for `text`: with `'` before it where a spreadsheet would read a formula."""
    return f"'{text}" if re.match(_NEEDS_MARK, text) else text


def rearm(cell: str) -> str:
    """Return the text that `defuse` made `cell` of."""
    return cell.removeprefix("'")


def defuse_expr(cell: pl.Expr) -> pl.Expr:
    """Return `defuse` as an expression."""
    return (
        pl.when(cell.str.contains(_NEEDS_MARK))
        .then(pl.concat_str(pl.lit("'"), cell))
        .otherwise(cell)
        .name.keep()
    )


def name_own(name: str) -> str:
    """Return the header of a column of the report's own."""
    return f"_{name}"


def name_original(name: str) -> str:
    """Return the header of an original column."""
    return f"_{name}" if _LOOKS_OWN.fullmatch(name) else defuse(name)


def original_name(header: str) -> str | None:
    """Return the original column that `header` stands for; None where it is one of the report's own."""
    if _LOOKS_OWN.fullmatch(header):
        return header[1:] if header.startswith("__") else None
    return rearm(header)


def cell_text(value: Any, null_marker: str) -> str:
    """Return the text of an original value: itself, or JSON where it is not text."""
    if value is None:
        return null_marker
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
