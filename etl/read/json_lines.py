"""One line of NDJSON: the object it holds, or what is wrong with it. Pure.

Rule: a value is taken as it is written, or its line is malformed; nothing is rounded, merged or left out.
"""

import json
import re
from typing import Any, Final

import orjson

from etl.exact_json import RepeatedKey, load_exactly
from etl.values.reject import RejectCode

__all__ = ["MOST_DEPTH", "Unusable", "parse_object", "write_json"]

# Deeper nesting than any event needs; parsers of JSON give up between 128 and 1,024 levels.
MOST_DEPTH: Final = 100
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_STRING: Final = re.compile(rb'"(?:(?>[^"\\]++|\\.))*+"', re.DOTALL)


class Unusable(Exception):  # noqa: N818 - it states a condition, and is caught where rows are counted
    """The line is no object that can be taken as it is: the reject's code and reason."""

    def __init__(self, code: RejectCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def parse_object(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line; raises `Unusable`."""
    _check_depth(line)
    try:
        value = load_exactly(line)
    except orjson.JSONDecodeError as error:
        raise _explain(line, error) from None
    except RepeatedKey as error:
        raise Unusable(RejectCode.MALFORMED_RECORD, str(error)) from None
    if not isinstance(value, dict):
        raise Unusable(RejectCode.MALFORMED_RECORD, f"expected a JSON object, found {_kind(value)}")
    # JSON writes control characters as escapes, in one way but for the case of the last digit.
    if b"\\u001" in line and any(key.startswith("\x1f") for key in value):
        reason = "a key starts with the control character U+001F, which columns of this tool's own start with"
        raise Unusable(RejectCode.MALFORMED_RECORD, reason)
    return value


def write_json(value: Any) -> str:
    """Return the compact JSON of a value that `parse_object` gave."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _check_depth(line: bytes) -> None:
    if line.count(b"{") + line.count(b"[") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", line)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MOST_DEPTH:
            raise Unusable(
                RejectCode.MALFORMED_RECORD, f"the record nests more than {MOST_DEPTH} levels deep"
            )


def _explain(line: bytes, error: orjson.JSONDecodeError) -> Unusable:
    try:
        line.decode()
    except UnicodeDecodeError as undecodable:
        octet = line[undecodable.start]
        reason = f"byte 0x{octet:02x} at offset {undecodable.start} of the record is not UTF-8"
        return Unusable(RejectCode.INVALID_UTF8, reason)
    at = f"column {error.colno}" + (f" of its line {error.lineno}" if error.lineno > 1 else "")
    return Unusable(RejectCode.MALFORMED_RECORD, f"the record is not JSON at {at}: {error.msg}")


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean"}
    return names.get(type(value), "null")
