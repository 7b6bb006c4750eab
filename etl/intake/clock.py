"""Whether this machine's clock can be believed. Pure, but for the times of files.

A time later than "now" is no time of history, so rows are rejected for it; a clock that is wrong must never be what
rejects them. Where it can't be right, no time is taken to be from the future, and the person is told.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from etl.read.files import SourcePath

__all__ = ["CLOCK_FIX", "NEVER", "doubt_clock", "writing_times"]

# No clock of a machine that has this version can be before it was made. Moved on with releases.
MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)
# A program outlives its release by years, not by this many.
LATEST: Final = MADE + timedelta(days=30 * 365)
# Files come from machines whose clocks differ, and whose zones were mistaken.
TOLERANCE: Final = timedelta(days=1)
# As a run's start, it lets every time pass that can be written at all.
NEVER: Final = datetime(9999, 12, 30, tzinfo=UTC)
CLOCK_FIX: Final = "Set the clock of this machine, or say which times are credible: not_after under [limits]"


def doubt_clock(now: datetime, written: Iterable[tuple[str, float]]) -> str | None:
    """Return why the clock that says `now` can't be right, or None. `written` says when files were, in seconds since
    the epoch.
    """
    says = f"The clock of this machine says {now:%Y-%m-%d %H:%M} UTC"
    if now < MADE:
        return f"{says}, before this version of backfill was made: {_LEFT_OUT}"
    if now > LATEST:
        return f"{says}, decades after this version of backfill was made: {_LEFT_OUT}"
    name, newest = max(written, key=lambda file: file[1], default=("", 0.0))
    if newest > (now + TOLERANCE).timestamp():
        with suppress(ValueError, OverflowError, OSError):
            name += f" was written ({datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M} UTC)"
        return f"{says}, before {name}: {_LEFT_OUT}"
    return None


def writing_times(files: Iterable[SourcePath]) -> list[tuple[str, float]]:
    """Return the names of the files, and when each was written, as far as that can be told."""
    times = []
    for file in files:
        with suppress(OSError):
            times.append((file.name, file.path.stat().st_mtime))
    return times


_LEFT_OUT: Final = "no row is rejected as from the future"
