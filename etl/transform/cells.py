"""Reads JSON that stands in a text cell: the whole value, or what a dotted path names in it. Pure.

No Polars expression keeps any JSON as it is, row by row, so cells are parsed one by one in orjson, for jobs that ask.
"""

import json
from typing import Any, Final

import orjson
import polars as pl

from etl.event import MOST_EXACT_INTEGER
from etl.exact_json import load_exactly
from etl.transform.pairs import find_in_pairs, pick_choice

__all__ = ["CELL", "protect_long_numbers", "read_cells"]

# What `read_cells` gives: the text, whether it is JSON rather than a string, and whether the cell couldn't be read.
CELL: Final = pl.Struct({"text": pl.String, "is_json": pl.Boolean, "is_broken": pl.Boolean})
_LONG: Final = r"[0-9]{16}"


def read_cells(texts: pl.Series, path: tuple[str, ...]) -> pl.Series:
    """Return, as a `CELL` series, the value at `path` in the JSON of each text; an empty path is the whole value.

    A key that isn't there, and JSON null, are a null text. A cell that isn't JSON is broken; with a path, so is one
    that holds neither an object nor an array.
    """
    cells = [_read_cell(text, path) for text in texts]
    columns = {
        "text": pl.Series([cell[0] for cell in cells], dtype=pl.String),
        "is_json": pl.Series([cell[1] for cell in cells], dtype=pl.Boolean),
        "is_broken": pl.Series([cell[2] for cell in cells], dtype=pl.Boolean),
    }
    return pl.DataFrame(columns).to_struct(texts.name)


def protect_long_numbers(texts: pl.Series) -> pl.Series:
    """Return JSON texts with every integer beyond ±(2^53 - 1) as a string."""
    is_long = texts.str.contains(_LONG).fill_null(value=False)
    if not is_long.any():
        return texts
    places = is_long.arg_true()
    protected = [_dump(_protect(_load(text))) for text in texts.gather(places)]
    return texts.clone().scatter(places, pl.Series(protected, dtype=pl.String))


def _read_cell(text: str | None, path: tuple[str, ...]) -> tuple[str | None, bool, bool]:
    if text is None:
        return None, False, False
    try:
        value = _load(text)
    except ValueError:
        return None, False, True
    if path and not isinstance(value, dict | list | None):
        return None, False, True
    is_value = False
    for name in path:
        is_value = isinstance(value, list) and not name.isdigit()
        value = _step(value, name)
    value = pick_choice(value) if is_value else value
    if value is None or isinstance(value, str):
        return value, False, False
    try:
        return _dump(value), True, False
    except (TypeError, RecursionError):  # nested deeper than the writer goes
        return None, False, True


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 10:
        return value[int(name)] if int(name) < len(value) else None
    return find_in_pairs(value, name) if isinstance(value, list) else None


def _load(text: str) -> Any:
    return load_exactly(text.encode())


def _dump(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, or too deep
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _protect(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _protect(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_protect(inner) for inner in value]
    is_long = isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST_EXACT_INTEGER
    return str(value) if is_long else value
