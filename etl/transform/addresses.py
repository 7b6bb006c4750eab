"""Takes parameters out of addresses and query strings, decoded. Expressions in, expressions out. Pure."""

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import polars as pl

__all__ = ["take_parameter"]

_ESCAPED: Final = "[%+]"


def take_parameter(text: pl.Expr, name: str) -> pl.Expr:
    """Return the first value of the parameter `name`; null where the address has none, or an empty one."""
    names = "|".join(dict.fromkeys((re.escape(name), re.escape(quote(name, safe="")))))
    raw = text.str.extract(rf"(?:^|[?&])(?:{names})=([^&#\s]+)", 1)
    return raw.map_batches(_decode, return_dtype=pl.String, is_elementwise=True)


def _decode(texts: pl.Series) -> pl.Series:
    """Return the texts without their escapes; no Polars expression reads them, so each distinct one is, once."""
    escaped = texts.filter(texts.str.contains(_ESCAPED)).unique()
    if not len(escaped):
        return texts
    return texts.replace(escaped, pl.Series([_unescape(text) for text in escaped], dtype=pl.String))


def _unescape(text: str) -> str:
    """Return the text that a form sent; escapes that aren't UTF-8 are those of a page in Windows-1252."""
    octets = unquote_to_bytes(text.replace("+", " "))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("windows-1252", "replace")
