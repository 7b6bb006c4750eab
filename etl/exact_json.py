"""Reads JSON so that nothing is lost: a key that stands twice is refused, digits that a double can't hold stay text. Pure.

orjson keeps the last of two values of a key, and rounds numbers; what it reads is compared with the text by counting, which
is cheap, and only what differs is read again by Python's own parser.
"""

import json
import re
from decimal import Context, Decimal
from typing import Any, Final

import orjson

__all__ = ["RepeatedKey", "load_exactly"]

# orjson reads integers beyond 64 bits as floats.
_LONG_INTEGER: Final = re.compile(rb"[0-9]{19}")
# A number with a point or an exponent that has more digits than any double is sure to hold.
_LONG_FLOAT: Final = re.compile(rb"[0-9](?=[0-9.]{15})[0-9]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
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
    if (
        _LONG_INTEGER.search(text) is None
        and not _may_repeat_keys(text, value)
        and not _may_round(text, value)
    ):
        return value
    return json.loads(text, object_pairs_hook=_unique, parse_float=_exact)


def _may_repeat_keys(text: bytes, value: Any) -> bool:
    if b" :" in text or b"\t:" in text or b"\r:" in text or b"\n:" in text:
        return True
    keys = text.count(b'":')
    if not keys:
        return False
    if isinstance(value, dict) and text.count(b"{") == 1:
        return keys != len(value)
    return keys != orjson.dumps(value).count(b'":')


def _may_round(text: bytes, value: Any) -> bool:
    numbers = [number for number in _LONG_FLOAT.findall(text) if not number.isdigit()]
    if not numbers:
        return False
    written = orjson.dumps(value)
    return any(number not in written for number in numbers)


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
    """Return the double that, written with as many digits, is the same number; else the digits."""
    number, wanted = float(digits), Decimal(digits)
    if wanted == Decimal(repr(number)):
        return number
    held = Decimal(number)
    is_held = abs(held.adjusted()) < 400 and held.quantize(wanted, context=_EXACT) == wanted
    return number if is_held else digits
