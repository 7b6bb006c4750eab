"""Finds the lists of a JSON document that hold its rows, and what stands beside them.

A path is the keys that lead to a list, `*` for each element of a list on the way: `chats.list.*.messages`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from etl.read.json.cursor import Cursor, Element

__all__ = ["EACH", "FoundList", "ListReader", "find_lists"]

EACH: Final = "*"
# Lists further inside are named by the job.
MOST_DEPTH: Final = 3
MOST_BESIDE_BYTES: Final = 1 << 20


class FoundList(NamedTuple):
    """A list of objects in a document: the path to it, and how many it holds."""

    path: tuple[str, ...]
    objects: int


def find_lists(cursor: Cursor) -> list[FoundList]:
    """Return the lists of objects that keys lead to from the top of the document; () is the path of one at the top.

    Raises `Broken` for what is no JSON.
    """
    found = _find(cursor, ())
    cursor.check_end()
    return found


def _find(cursor: Cursor, path: tuple[str, ...]) -> list[FoundList]:
    byte = cursor.peek()
    if byte == b"[":
        cursor.take(b"[", "a list")
        count = sum(element.text.startswith(b"{") for element in cursor.elements())
        return [FoundList(path, count)] if count else []
    if byte != b"{" or len(path) >= MOST_DEPTH:
        cursor.take_value()
        return []
    return [one for key in _members(cursor) for one in _find(cursor, (*path, key))]


def _members(cursor: Cursor) -> Iterator[str]:
    """Yield the keys of the object that comes next; whoever takes one goes over its value."""
    cursor.take(b"{", "an object")
    if cursor.peek() == b"}":
        cursor.take(b"}", "the end of the object")
        return
    while True:
        key = orjson.loads(cursor.take_string()) if cursor.peek() == b'"' else cursor.take_string().decode()
        cursor.take(b":", "a colon")
        yield key
        if cursor.take(b",}", "a comma or the end of the object") == b"}":
            return


@dataclass(slots=True)
class ListReader:
    """Reads the elements of each list at `path`; `beside` collects, list by list, the values of `wanted` keys.

    Those are of the object that holds the list, and are known once that object ends.
    """

    path: tuple[str, ...]
    wanted: frozenset[str] = frozenset()
    beside: list[dict[str, Any]] = field(default_factory=list)
    lists: int = 0

    def read(self, cursor: Cursor) -> Iterator[tuple[int, Element]]:
        """Yield the elements, each with the number of its list from 0; raises `Broken` for what is no JSON."""
        yield from self._follow(cursor, self.path)
        cursor.check_end()

    def _follow(self, cursor: Cursor, steps: tuple[str, ...]) -> Iterator[tuple[int, Element]]:
        if not steps:
            yield from self._take_list(cursor)
        elif steps[0] == EACH:
            cursor.take(b"[", "a list")
            if cursor.peek() == b"]":
                cursor.take(b"]", "the end of the list")
                return
            while True:
                yield from self._follow(cursor, steps[1:])
                if cursor.take(b",]", "a comma or the end of the list") == b"]":
                    return
        elif cursor.peek() != b"{":
            cursor.take_value()
        else:
            yield from self._search(cursor, steps)

    def _search(self, cursor: Cursor, steps: tuple[str, ...]) -> Iterator[tuple[int, Element]]:
        is_holder = len(steps) == 1
        values: dict[str, Any] = {}
        has_list = False
        for key in _members(cursor):
            if key == steps[0] and not (is_holder and cursor.peek() != b"["):
                has_list = True
                yield from self._follow(cursor, steps[1:])
            elif is_holder and key in self.wanted:
                values[key] = _parse(cursor.take_value(MOST_BESIDE_BYTES))
            else:
                cursor.take_value()
        if is_holder and has_list:
            self.beside.append(values)

    def _take_list(self, cursor: Cursor) -> Iterator[tuple[int, Element]]:
        cursor.take(b"[", "a list")
        number, self.lists = self.lists, self.lists + 1
        for element in cursor.elements():
            yield number, element


def _parse(text: bytes | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
