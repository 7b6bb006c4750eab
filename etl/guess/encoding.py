"""Guesses how a text file's bytes are encoded. Pure; charset-normalizer decides where UTF-8 doesn't fit."""

import codecs
from typing import Final

__all__ = ["guess_encoding"]

# A few bad bytes in a UTF-8 file are faults of these records, not another encoding.
MOST_FAULTY_SHARE: Final = 0.01
_MARKS: Final = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What Western exports are written in, whatever rarer set has the same letters.
_WESTERN: Final = "windows-1252"


def guess_encoding(data: bytes) -> tuple[str, str | None]:
    """Return the encoding's name, and a remark where it isn't plain UTF-8."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name, None if name == "utf-8" else f"the file starts with the mark of {name}"
    faulty = _faulty_lines(data)
    if not faulty:
        return "utf-8", None
    lines = data.count(b"\n") + 1
    from charset_normalizer import from_bytes

    match = from_bytes(data).best()
    name = match.encoding.replace("_", "-") if match else _WESTERN
    if name.startswith("utf-16"):
        return name, f"the bytes look like {name}"
    if faulty <= max(1, MOST_FAULTY_SHARE * lines) and _has_multibyte(data):
        return "utf-8", f"{faulty} of {lines:,} lines are not UTF-8: they will be rejects"
    if _is_plausible(data, _WESTERN):
        name = _WESTERN
    return name, f"the bytes are not UTF-8 and look like {name}: check letters with accents"


def _faulty_lines(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if error.end == len(data) and len(data) - error.start < 4:
            return 0  # the sample ends within a character
    else:
        return 0
    return sum(not _is_utf8(line) for line in data.split(b"\n"))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_multibyte(data: bytes) -> bool:
    """Whether there are characters beyond ASCII that are valid UTF-8, which chance hardly makes."""
    return any(not line.isascii() and _is_utf8(line) for line in data.split(b"\n"))


def _is_plausible(data: bytes, encoding: str) -> bool:
    """Whether the text beyond ASCII reads as letters and punctuation of `encoding`."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return False
    beyond = [char for char in text if not char.isascii()]
    return sum(char.isalpha() or char in "’‘“”–—…€£°«»·" for char in beyond) >= 0.9 * len(beyond)
