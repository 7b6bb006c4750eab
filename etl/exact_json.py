"""Reads JSON so that nothing is lost: a key that stands twice is refused, digits that a double can't hold stay text.
Pure.

orjson keeps the last of two values of a key, and rounds numbers; what it reads is compared with the text by counting,
which is cheap, and only what differs is read again by Python's own parser.
"""

import json
import re
from decimal import Context, Decimal
from typing import Any, Final

import orjson

__all__ = ["RepeatedKey", "load_exactly"]

# A number with more digits than orjson is sure to keep: a double holds 15, its integers have 64 bits.
_LONG_NUMBER: Final = re.compile(rb"[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?")
# The same in a form that costs a tenth of a search for the pattern: digits and points alike, then so many in a row.
_LIKE_DIGITS: Final = bytes(ord("0") if byte in b"0123456789." else 0 for byte in range(256))
_LONG_RUN: Final = b"0" * 16
_MOST_DIGITS_OF_INTEGERS: Final = 18
_EXACT: Final = Context(prec=2_000)


class RepeatedKey(ValueError):  # noqa: N818 - it states a condition
    """A key stands twice in one object."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key `{key}` stands twice in one object")


def load_exactly(text: bytes) -> Any:
    """Return the value; raises `orjson.JSONDecodeError`, or `RepeatedKey`.

    A number whose digits would be rounded is the text of its digits.
    """
    value = orjson.loads(text)  # refuses what Python's own parser lets through: NaN, lone surrogates
    if not _may_repeat_keys(text, value) and not _may_round(text, value):
        return value
    return json.loads(text, object_pairs_hook=_unique, parse_float=_exact)


def _may_repeat_keys(text: bytes, value: Any) -> bool:
    if b" :" in text or (b"\t" in text and b"\t:" in text):
        return True
    if (b"\n" in text and b"\n:" in text) or (b"\r" in text and b"\r:" in text):
        return True
    keys = text.count(b'":')
    if not keys:
        return False
    if isinstance(value, dict) and text.count(b"{") == 1:
        return keys != len(value)
    return keys != orjson.dumps(value).count(b'":')


def _may_round(text: bytes, value: Any) -> bool:
    if _LONG_RUN not in text.translate(_LIKE_DIGITS) or not (numbers := _LONG_NUMBER.findall(text)):
        return False
    if any(len(number) > _MOST_DIGITS_OF_INTEGERS for number in numbers if number.isdigit()):
        return True
    floats = [number for number in numbers if not number.isdigit()]
    if not floats:
        return False
    written = orjson.dumps(value)
    return any(number not in written for number in floats)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RepeatedKey(key)
            seen.add(key)
    return value


def _exact(digits: str) -> float | str:
    """Return a number as a double where that double is exactly the number, else as its digits."""
    number, wanted = float(digits), Decimal(digits)
    if wanted == Decimal(repr(number)):
        return number
    held = Decimal(number)
    is_held = abs(held.adjusted()) < 400 and held.quantize(wanted, context=_EXACT) == wanted
    return number if is_held else digits
