"""Finds the names in the `#Fields:` of W3C logs: spaces between them, though tabs may be between values. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

__all__ = ["find_fields"]

_FIELDS: Final = re.compile(r"^#Fields:[ \t]*([^\r\n]+)", re.MULTILINE)


def find_fields(text: str, rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names where there are as many as the rows have values, else none."""
    found = _FIELDS.search(text[:20_000])
    if found is None or not rows:
        return ()
    names = tuple(found[1].split())
    width = Counter(map(len, rows)).most_common(1)[0][0]
    return names if len(names) == width and len(set(names)) == width else ()
