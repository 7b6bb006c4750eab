"""Looks into the bodies of a dry run: the largest, and personal data in some of them.

Rule: every body's size counts; the text of only so many a batch is looked at.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from etl.values.findings import LargeBody

__all__ = ["BodyLooks", "PersonalData"]

MOST_LARGEST: Final = 5
LOOKED_AT_ROWS: Final = 500
MOST_PARSED: Final = 500
# The known fields for a person's data: it belongs there.
MESSAGE_ID: Final = r'"entityType":"message","messageId":"((?:[^"\\]|\\.)*)"'
EXPECTED: Final = {"userProperties.supportAgentEmail", "userProperties.supportAgentName"}
PATTERNS: Final = {
    "email address": r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,12}\b",
    "phone number": (
        r"(?:\+[1-9]\d{0,2}[ .\-]?(?:\(\d{1,4}\)[ .\-]?)?\d{2,4}(?:[ .\-]?\d{2,4}){1,4}\b"
        r"|\(\d{3}\) ?\d{3}-\d{4}\b)"
    ),
    "card number": r"\b[3-6]\d{3}[ \-]?\d{4,6}[ \-]?\d{4,5}[ \-]?\d{0,4}\b",
}
_COMPILED: Final = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Personal data noticed in one field: of what kind, in how many of the bodies looked at, and where first."""

    kind: str
    path: str
    rows: int
    file: int
    row: int


@dataclass
class BodyLooks:
    """Keeps the largest bodies, and where personal data was noticed."""

    looked_at: int = 0
    messages: int = 0
    _message_ids: set[str] = field(default_factory=set)
    _largest: list[tuple[int, int, int, str]] = field(default_factory=list)
    _noticed: Counter[tuple[str, str]] = field(default_factory=Counter)
    _first: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def add(self, events: pl.DataFrame) -> None:
        """Look at some events."""
        if not events.height:
            return
        self._keep_largest(events)
        some = events.select("file", "row", "body").gather_every(max(1, events.height // LOOKED_AT_ROWS))
        self.looked_at += some.height
        ids = some["body"].str.extract(MESSAGE_ID).drop_nulls()
        self.messages += len(ids)
        self._message_ids.update(ids.unique().head(MOST_PARSED))
        hits = some.select(
            pl.col("body").str.contains(pattern).alias(kind) for kind, pattern in PATTERNS.items()
        )
        for kind in PATTERNS:
            if hits[kind].any():
                for file, row, body in some.filter(hits[kind]).head(MOST_PARSED).iter_rows():
                    self._notice(kind, file, row, body)

    @property
    def message_ids(self) -> int:
        """How many different messages the bodies that were looked at are about."""
        return len(self._message_ids)

    def largest(self, names: tuple[str, ...]) -> tuple[LargeBody, ...]:
        """Return the largest bodies, largest first, each with what takes the most of it."""
        return tuple(
            LargeBody(names[file], row, size, *_fattest(body))
            for size, file, row, body in sorted(self._largest, key=lambda kept: -kept[0])
        )

    def noticed(self) -> tuple[PersonalData, ...]:
        """Return what was noticed, most first."""
        return tuple(
            PersonalData(kind, path, rows, *self._first[kind, path])
            for (kind, path), rows in self._noticed.most_common()
        )

    def _keep_largest(self, events: pl.DataFrame) -> None:
        least = self._largest[-1][0] if len(self._largest) == MOST_LARGEST else -1
        largest = events["size"].max()
        assert isinstance(largest, int)
        if largest > least:
            top = events.select("size", "file", "row", "body").top_k(MOST_LARGEST, by="size")
            self._largest = sorted([*self._largest, *top.iter_rows()], key=lambda kept: -kept[0])[
                :MOST_LARGEST
            ]

    def _notice(self, kind: str, file: int, row: int, body: str) -> None:
        seen: set[str] = set()
        for path, text in _texts(json.loads(body), ""):
            if path in seen or path in EXPECTED or path in ("id", "createdAt"):
                continue
            if any(_is_real(kind, match[0]) for match in _COMPILED[kind].finditer(text)):
                seen.add(path)
                self._noticed[kind, path] += 1
                self._first.setdefault((kind, path), (file, row))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)
    elif isinstance(value, str):
        yield path, value


def _is_real(kind: str, text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if kind == "card number":
        return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _passes_luhn(digits)
    return kind != "phone number" or 9 <= len(digits) <= 15


def _passes_luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _fattest(body: str) -> tuple[str, int]:
    """Return the field or property that takes the most bytes of a body, and how many."""
    sizes: dict[str, int] = {}
    for key, value in json.loads(body).items():
        inner = value.items() if key in ("properties", "userProperties") and isinstance(value, dict) else None
        for name, part in inner if inner is not None else [("", value)]:
            path = f"{key}.{name}" if name else key
            sizes[path] = len(
                json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            )
    path = max(sizes, key=sizes.__getitem__)
    return path, sizes[path]
