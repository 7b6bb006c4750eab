"""Files that somebody is still writing: where their whole lines end, and whether new rows can follow. For incremental
jobs.

A last line without its end may be half a line, so it is left for the next run, unless nobody has written to the file
for a while: then it is just a last line without an end.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from etl.errors import InputError
from etl.job.model import Job
from etl.read.csv.reader import CsvReader
from etl.read.files import SourcePath, explain_os_error
from etl.read.kinds import APPENDABLE
from etl.read.text import codec_of
from etl.values.staged import SourceFile

__all__ = ["QUIET_SECONDS", "NoWholeLine", "can_grow", "find_whole_lines", "rows_can_follow", "take_head"]

QUIET_SECONDS: Final = 600.0
# A multiple of every code unit's size.
BLOCK_BYTES: Final = 1 << 16
_MOST_UNIT_BYTES: Final = 4


class NoWholeLine(InputError):  # noqa: N818 - it states a condition
    """No file of the job holds a whole line yet, which a run takes for nothing new."""

    def __init__(self, waiting: tuple[SourcePath, ...]) -> None:
        super().__init__(
            f"Expected at least one whole line, found one that is still being written - {waiting[0].name}",
            "Run again once the file has its first line",
        )
        self.waiting = waiting


def can_grow(file: SourcePath) -> bool:
    """Whether rows may be appended to the file: plain text, on a local disk."""
    return file.format in APPENDABLE and file.compression is None and file.etag is None


def take_head(file: SourcePath, job: Job, most_bytes: int) -> SourcePath:
    """Return the file as if it ended with the last whole line of its first `most_bytes`, where it can be read so."""
    if not can_grow(file):
        return file
    line_end = "\n".encode(_codec(file, job))
    try:
        with file.path.open("rb") as stream:
            head = stream.read(most_bytes)
            if not stream.read(1):
                return file
    except OSError as error:
        raise explain_os_error(error, file) from None
    found = head.rfind(line_end)
    while found % len(line_end) and found >= 0:
        found = head.rfind(line_end, 0, found + len(line_end) - 1)
    return replace(file, end=found + len(line_end)) if found >= 0 else file


def find_whole_lines(
    files: Sequence[SourcePath], job: Job, now: float
) -> tuple[tuple[SourcePath, ...], tuple[SourcePath, ...]]:
    """Return `files` with `end` set on those that were written to within `QUIET_SECONDS` before `now`.

    In a tuple of their own, those that hold no whole line yet. Raises `InputError` for one that can't be read.
    """
    whole = [_find_end(file, job, now) for file in files]
    return tuple(file for file in whole if file.end != 0), tuple(file for file in whole if file.end == 0)


def rows_can_follow(file: SourcePath, job: Job, before: SourceFile) -> bool:
    """Whether the rows staged of `file` end where a line ends, so that what was appended are new rows.

    A last line that went on, or a quoted field that was closed since, makes another row of one that was staged.
    """
    start = _find_next_line(file, before.size, _codec(file, job))
    if start is None:
        return False
    dialect = job.source.csv
    if file.format in ("ndjson", "access_log") or not (dialect.quote or dialect.escape):
        return True
    reader = CsvReader(replace(file, end=start), dialect)
    rows = sum(batch.records for batch in reader.batches())
    return rows == before.rows and reader.unread_bytes == 0


def _codec(file: SourcePath, job: Job) -> str:
    return codec_of(file, "utf-8" if file.format in ("ndjson", "access_log") else job.source.csv.encoding)


def _find_end(file: SourcePath, job: Job, now: float) -> SourcePath:
    if not can_grow(file) or file.end == 0:
        return file
    line_end = "\n".encode(_codec(file, job))
    unit = len(line_end)
    try:
        with file.path.open("rb") as stream:
            size = stream.seek(0, 2)
            if now - file.path.stat().st_mtime > QUIET_SECONDS:
                return file
            position = size - size % unit
            while position > 0:
                start = max(0, position - BLOCK_BYTES)
                start += -start % unit
                stream.seek(start)
                block = stream.read(position - start)
                found = block.rfind(line_end)
                while found % unit and found >= 0:
                    found = block.rfind(line_end, 0, found + unit - 1)
                if found >= 0:
                    return replace(file, end=start + found + unit)
                position = start
    except OSError as error:
        raise explain_os_error(error, file) from None
    return replace(file, end=0)


def _find_next_line(file: SourcePath, size: int, codec: str) -> int | None:
    """Return where the line after the first `size` bytes starts; None where they end within a line."""
    try:
        with file.path.open("rb") as stream:
            stream.seek(max(0, size - _MOST_UNIT_BYTES))
            last = stream.read(min(size, _MOST_UNIT_BYTES))
            following = stream.read(2 * _MOST_UNIT_BYTES)
    except OSError as error:
        raise explain_os_error(error, file) from None
    if not size or last.endswith("\n".encode(codec)):
        return size
    for line_end in ("\r\n", "\n"):
        if following.startswith(line_end.encode(codec)):
            return size + len(line_end.encode(codec))
    return None
