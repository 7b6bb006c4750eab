"""Cuts a text into digits, words and signs, and says what each may be in a time. Pure."""

import re
from typing import Final

from etl.times.words import HALVES, MONTHS, WEEKDAYS, fold_word
from etl.times.zone_names import DISPUTED, offsets_of

__all__ = ["Shape", "Tokens", "cut_text", "is_digits", "shape_of"]

Tokens = tuple[str, ...]
# What each token is: `d` and digits in a width of their own, else `d`; `w` and what the word means; a sign as it is.
Shape = tuple[str, ...]

_MOST_CHARS: Final = 64
_TOKEN: Final = re.compile(
    r"(?:UTC|GMT)[+−-]\d{1,2}(?::?\d{2})?(?!\d)|[AaPp]\.\s?[Mm]\.?|\d+|[^\W\d_]+(?:\.(?=[\s,]|$))?|\s+|.",
    re.DOTALL,
)
# Words that stand between the parts of a time, in the languages of its names.
_LITERALS: Final = frozenset(
    ("t", "w", "at", "h", "um", "uhr", "à", "de", "del", "den", "kl", "年", "月", "日", "년", "월", "일")
)
_ZONES: Final = frozenset((*offsets_of(None), *DISPUTED))


def cut_text(text: str) -> Tokens:
    """Return the tokens of a text; none of one that is too long for a time."""
    return tuple(_TOKEN.findall(text)) if len(text) <= _MOST_CHARS else ()


def shape_of(tokens: Tokens) -> Shape | None:
    """Return the kinds of the tokens; None where a word is none of a time, or no digit is there."""
    kinds = []
    for token in tokens:
        kind = _kind_of(token)
        if kind is None:
            return None
        kinds.append(kind)
    if kinds.count("wb") > 1:  # `mar.` is a Tuesday too
        first = next(place for place, kind in enumerate(kinds) if kind == "wb")
        kinds[first] = "wa" if fold_word(tokens[first]) in WEEKDAYS else "wb"
    return tuple(kinds) if any(map(is_digits, kinds)) else None


def is_digits(kind: str) -> bool:
    """Whether a kind is that of digits."""
    return kind[0] == "d"


def _kind_of(token: str) -> str | None:
    if token.isdigit() and token.isascii():
        return f"d{len(token)}" if len(token) > 4 else "dd" if len(token) == 4 else "d"
    if not token[0].isalpha():
        return " " if token.isspace() else token
    if any(char.isdigit() for char in token):
        return "wz"
    word = fold_word(token)
    if word in MONTHS:
        return "wb"
    if token in _ZONES:
        return "wZ"
    if word in HALVES:
        return "wp"
    if word in WEEKDAYS:
        return "wa"
    return f"w:{token}" if token.lower() in _LITERALS else None
