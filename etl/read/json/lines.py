"""Tells one JSON document from JSON lines, for both are called .json."""

from typing import Any, Final

import orjson

from etl.read.files import SourcePath
from etl.read.text import open_text

__all__ = ["holds_lines"]

MOST_LINE_BYTES: Final = 16 << 20
MOST_DEPTH: Final = 3


def holds_lines(source: SourcePath) -> bool:
    """Whether each line of the file is an object of its own: the first is whole, and isn't all there is.

    A single line counts as one, unless a list of objects is in it. Raises `InputError` where it can't be read.
    """
    head = b""
    for chunk, _ in open_text(source):
        head = (head + chunk).lstrip(b" \t\r\n")
        if head[:1] not in (b"{", b"") or len(head) > MOST_LINE_BYTES:
            return False
        line, end, rest = head.partition(b"\n")
        if end and rest.strip(b" \t\r\n"):
            return _parse(line) is not None
    value = _parse(head)
    return value is not None and not _has_list_of_objects(value, MOST_DEPTH)


def _parse(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _has_list_of_objects(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return any(isinstance(inner, dict) for inner in value)
    return (
        isinstance(value, dict)
        and depth > 0
        and any(_has_list_of_objects(inner, depth - 1) for inner in value.values())
    )
