"""Cuts the key out of texts that others wrote, in whatever form they quote it.

How: a text is read several times, as it is and in each way of writing a character otherwise (JSON, HTML, percent,
quoted-printable, all of them together; each also twice), without case, white space and invisible characters. Twelve
characters in a row of the key, of its base64 at any offset or of its hexadecimal digits are the key, and what they were
read from is cut out.

Rule: pure. A text is cut to its bound only after the key is out of it.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from html.entities import html5
from typing import Final, NamedTuple

from etl.plain import plain_words, shorten

__all__ = ["MAX_TEXT_CHARS", "Redactor"]

MARKER: Final = "[key]"
MAX_TEXT_CHARS: Final = 500
# So much of a text is read, the more where the first 500 characters aren't yet known by it: it may be white space or
# escapes for the most part. Past the last nothing can end up in them. What may be half a key at the end goes.
_READ_CHARS: Final = (1024, 8192)
_TAIL_CHARS: Final = 128
_ENOUGH_CHARS: Final = 12
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_ENTITIES: Final = {
    name.rstrip(";"): char for name, char in html5.items() if len(char) == 1 and "!" <= char <= "~"
}

_NOTHING: Final = r"[\s\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+"
_JSON: Final = (
    r"\\u\{?0*(?P<json>[0-9a-f]{2})\}?|\\x(?P<hex>[0-9a-f]{2})|\\(?P<octal>[0-7]{3})"
    r"|\\[nrtbf]|\\(?P<plain>[^\s\w])"
)
_HTML: Final = (
    r"&#x0*(?P<htmlhex>[0-9a-f]{2});?|&#0*(?P<htmlnumber>\d{2,3});?"
    rf"|&(?P<entity>{'|'.join(sorted(_ENTITIES, key=len, reverse=True))});?"
)
_PERCENT: Final = r"%(?:u00)?(?P<percent>[0-9a-f]{2})"
_SOFT_BREAK: Final = r"=\r?\n"
_QUOTED: Final = r"=(?P<quoted>[0-9a-f]{2})"


def _compile(*ways: str) -> re.Pattern[str]:
    return re.compile("|".join((*ways, _NOTHING)), re.IGNORECASE)


_AS_IT_IS: Final = _compile()
# Each way of reading, and the sign without which a text holds nothing to be read so.
_WAYS: Final = (
    ("\\", _compile(_JSON)),
    ("&", _compile(_HTML)),
    ("%", _compile(_PERCENT)),
    ("=", _compile(_SOFT_BREAK)),
    ("=", _compile(_SOFT_BREAK, _QUOTED)),
)
_ALL_WAYS: Final = _compile(_JSON, _HTML, _PERCENT, _SOFT_BREAK, _QUOTED)


class Redactor:
    """Knows the key of one destination, and whatever else must not be quoted; shows none of it."""

    def __init__(self, *secrets: str) -> None:
        targets = {form.translate(_LOWER) for secret in secrets if secret for form in _forms(secret)}
        self._targets = sorted(targets)
        self._shortest = min((min(len(target), _ENOUGH_CHARS) for target in targets), default=0)
        self._piece = (self._shortest + 1) // 2
        self._pieces: dict[str, list[tuple[str, int]]] = {}
        for target in self._targets:
            for at in range(len(target) - self._piece + 1):
                self._pieces.setdefault(target[at : at + self._piece], []).append((target, at))

    def clean(self, text: str) -> str:
        """Return `text` without the key, as one plain line of at most 500 characters."""
        # One more than is shown: its last may be the sign that it goes on.
        for most_chars in _READ_CHARS:
            plain = plain_words(self._cut(text, most_chars), MAX_TEXT_CHARS + 1)
            if len(text) <= most_chars or len(plain) > MAX_TEXT_CHARS:
                break
        return shorten(plain, MAX_TEXT_CHARS)

    def _cut(self, text: str, most_chars: int) -> str:
        is_long = len(text) > most_chars
        text = text[:most_chars]
        if not self._targets or len(text) < self._shortest:
            return text
        spans = sorted(span for reading in _readings_of(text) for span in self._find(reading))
        pieces, at = [], 0
        for start, end in spans:
            if start >= at:
                pieces += [text[at:start], MARKER]
            at = max(at, end)
        cut = "".join((*pieces, text[at:]))
        return f"{cut[:-_TAIL_CHARS]}…" if is_long else cut

    def _find(self, reading: "_Reading") -> Iterator[tuple[int, int]]:
        """Yield from where to where the key stands in the text that was read."""
        read, starts, ends = reading
        found = 0
        # Wherever enough characters stand in a row, one of these places is within them.
        for at in range(0, len(read) - self._piece + 1, self._shortest - self._piece + 1):
            for target, offset in self._pieces.get(read[at : at + self._piece], ()):
                if at < found:
                    break
                first, last = _extend(read, at, target, offset)
                if last - first >= min(len(target), _ENOUGH_CHARS):
                    found = last - self._piece + 1
                    yield starts[first], ends[last - 1]


def _forms(secret: str) -> Iterator[str]:
    yield secret
    raw = secret.encode(errors="replace")
    yield raw.hex()
    for before in range(3):
        # The characters that are the key's alone, whatever stands before and after it (`Bearer …`, `user:…`).
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            form = encode(bytes(before) + raw).decode()[first:last]
            if len(form) >= len(secret):
                yield form


class _Reading(NamedTuple):
    """The characters that a text means, in lower case, and from where to where in the text each was read."""

    read: str
    starts: Sequence[int]
    ends: Sequence[int]


def _readings_of(text: str) -> Iterator[_Reading]:
    whole = _Reading(text, range(len(text)), range(1, len(text) + 1))
    yield _read(whole, _AS_IT_IS)
    ways = [way for sign, way in _WAYS if sign in text]
    for way in (*ways, _ALL_WAYS) if len(ways) > 1 else ways:
        once = _read(whole, way)
        yield once
        # A page or a log may quote what was a quote already.
        yield _read(once, way)


def _read(reading: _Reading, way: re.Pattern[str]) -> _Reading:
    text, starts_before, ends_before = reading
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in (*way.finditer(text), None):
        until = len(text) if match is None else match.start()
        pieces.append(text[at:until])
        starts.extend(starts_before[at:until])
        ends.extend(ends_before[at:until])
        if match is not None:
            at = match.end()
            if (char := _meant(match)) is not None:
                pieces.append(char)
                starts.append(starts_before[until])
                ends.append(ends_before[at - 1])
    return _Reading("".join(pieces).translate(_LOWER), starts, ends)


def _meant(match: re.Match[str]) -> str | None:
    """Return the character that an escape means, None for what is not read at all."""
    name, text = match.lastgroup, match[match.lastgroup] if match.lastgroup else ""
    match name:
        case None:
            return None
        case "plain":
            return text
        case "entity":
            return _ENTITIES.get(text, _ENTITIES.get(text.lower(), " "))
        case _:
            return chr(int(text, {"octal": 8, "htmlnumber": 10}.get(name, 16)))


def _extend(read: str, at: int, target: str, offset: int) -> tuple[int, int]:
    """Return from where to where `read` agrees with `target`, whose `offset` stands at `at`."""
    first, last = at, at
    while first and offset - (at - first) and read[first - 1] == target[offset - (at - first) - 1]:
        first -= 1
    while last < len(read) and offset + last - at < len(target) and read[last] == target[offset + last - at]:
        last += 1
    return first, last
