"""Files that somebody is still writing: where their whole lines end. For incremental jobs.

A last line without its end may be half a line, so it is left for the next run, unless nobody has written to the file for
a while: then it is just a last line without an end.
"""

from dataclasses import replace
from typing import Final

from etl.errors import InputError
from etl.read.files import SourcePath, explain_os_error

__all__ = ["QUIET_SECONDS", "can_grow", "find_whole_lines"]

QUIET_SECONDS: Final = 600.0
BLOCK_BYTES: Final = 1 << 16
# Encodings in which a byte of value 10 is a line end wherever it stands.
_WIDE: Final = ("utf-16", "utf16", "utf_16", "utf-32", "utf32", "utf_32")


def can_grow(file: SourcePath) -> bool:
    """Whether rows may be appended to the file: plain text, on a local disk."""
    return file.format != "parquet" and file.compression is None and file.etag is None


def find_whole_lines(files: tuple[SourcePath, ...], encoding: str, now: float) -> tuple[SourcePath, ...]:
    """Return `files` with `end` set on those that were written to within `QUIET_SECONDS` before `now`.

    Files that hold no whole line yet are left out; raises `InputError` where that leaves none.
    """
    if encoding.lower().startswith(_WIDE):
        return files
    whole = [_find_end(file, now) for file in files]
    kept = tuple(file for file in whole if file.end != 0)
    if not kept:
        raise InputError(
            f"Expected at least one whole line, found one that is still being written - {files[0].name}",
            "Run again once the file has its first line",
        )
    return kept


def _find_end(file: SourcePath, now: float) -> SourcePath:
    if not can_grow(file):
        return file
    try:
        with file.path.open("rb") as stream:
            size = stream.seek(0, 2)
            if now - file.path.stat().st_mtime > QUIET_SECONDS:
                return file
            position = size
            while position > 0:
                start = max(0, position - BLOCK_BYTES)
                stream.seek(start)
                block = stream.read(position - start)
                if (found := block.rfind(b"\n")) >= 0:
                    return replace(file, end=start + found + 1)
                position = start
    except OSError as error:
        raise explain_os_error(error, file) from None
    return replace(file, end=0)
