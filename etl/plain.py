r"""Makes text of others plain: cells, names of columns and files, a server's words, messages of libraries. Pure.

Whoever wrote it may have put into it what a terminal, a log or a page would obey: escape sequences, line breaks where a
line is meant, marks that turn the direction of writing. Each such character is shown as what it is, `␛` or `\u202e`,
and does nothing. Text that goes to people passes here, or through a stream or console that calls this; data does not.
"""

import html
import json
from typing import Any, Final

__all__ = ["JSON_ESCAPES", "plain_html", "plain_json", "plain_line", "plain_text", "plain_words", "shorten"]

# Marks of direction, line and paragraph separators, and the deprecated format characters beside them.
_TURNS: Final = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x2070))
_SURROGATES: Final = range(0xD800, 0xE000)
_LONG: Final = {code: f"\\u{code:04x}" for code in (*range(0x80, 0xA0), *_TURNS, *_SURROGATES)}
_LINE: Final = {**{code: chr(0x2400 + code) for code in range(0x20)}, 0x7F: "␡", **_LONG}
_TEXT: Final = {code: shown for code, shown in _LINE.items() if code not in map(ord, "\n\t")}
# In JSON these stand only inside strings, where this is how they are written.
_IN_JSON: Final = {0x7F: "\\u007f", **_LONG}
# The same for expressions over a column of text, which holds no surrogates.
JSON_ESCAPES: Final = {chr(code): shown for code, shown in _IN_JSON.items() if code not in _SURROGATES}


def plain_line(text: object) -> str:
    """Return `text` as one line that no terminal obeys."""
    shown = str(text)
    return shown if shown.isascii() and shown.isprintable() else shown.translate(_LINE)


def plain_words(text: str, most_chars: int) -> str:
    """Return `text` as one harmless line of at most `most_chars`, with single spaces for all white space."""
    return shorten(plain_line(" ".join(text.split())), most_chars)


def shorten(text: str, most_chars: int) -> str:
    """Return `text`, or its start and `…` where it is longer than `most_chars`."""
    return text if len(text) <= most_chars else f"{text[: most_chars - 1]}…"


def plain_text(text: str) -> str:
    """Return `text` as lines that no terminal obeys: line breaks and tabs stay."""
    return text.translate(_TEXT)


def plain_html(text: str) -> str:
    """Return `text` as HTML that shows it and does nothing, also within quotes."""
    return html.escape(text.translate(_TEXT))


def plain_json(value: Any, *, ascii_only: bool = False) -> str:
    """Return `value` as JSON on one line: nothing of it is lost, and no terminal obeys it."""
    return json.dumps(value, ensure_ascii=ascii_only, default=str).translate(_IN_JSON)
