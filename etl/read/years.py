"""Tells the year of rows whose times don't say it: that of the first row, turned over at each New Year in file order.

The year becomes a column of the source, so that a row that is kept, rejected or mended keeps the year it had.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from etl.errors import InputError
from etl.job.model import TimestampSpec
from etl.read.files import SourcePath
from etl.times.patterns import parse_pattern
from etl.times.zones import TimeFormat
from etl.values.rows import YEAR, Batch

__all__ = ["YearTeller", "year_in_name"]

# Rows of a log are seldom further out of order than this, and no log rests for the rest of a year.
_TURN_DAYS: Final = 45
_BACK_DAYS: Final = 320
# A leap year, so that every day of any year is in it.
_ANY_YEAR: Final = 2000
_IN_NAME: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:[01]\d(?:[0-3]\d)?)?(?!\d)")


@dataclass(frozen=True, slots=True)
class _Course:
    """How the times of a file run: `turns` is by how many years the last is after the first."""

    is_backward: bool
    turns: int
    first: datetime | None
    last: datetime | None


class YearTeller:
    """Adds the column `YEAR` to the frames of one file."""

    def __init__(self, spec: TimestampSpec, file: SourcePath, batches: Callable[[], Iterator[Batch]]) -> None:
        """`batches` reads the file from its start; raises `InputError` where the file tells no year."""
        self._columns = spec.columns or ((spec.column,) if spec.column else ())
        self._form = TimeFormat(f"%Y {spec.format}", spec.timezone or "UTC", "earliest", "shift_forward")
        self._said = spec.year
        self._file, self._batches = file, batches

    def tell(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches with the year of each row, as text."""
        course = self._follow()
        year, before = self._first_year(course), course.first
        for batch in batches:
            moments = self._read(batch.frame)
            years = year + _turns(moments, before, is_backward=course.is_backward)
            if len(years):
                year = int(years[-1])
                before = moments.drop_nulls().last() or before  # type: ignore[assignment]
            frame = batch.frame.with_columns(years.cast(pl.String).alias(YEAR))
            yield Batch(frame, batch.malformed)

    def _follow(self) -> _Course:
        """Read the file ahead: where its own time tells the year all of it, else as far as shows which way it goes."""
        up = down = turns = 0
        first: datetime | None = None
        last: datetime | None = None
        backward_turns = 0
        batches = self._batches()
        with closing(batches) as ahead:  # type: ignore[type-var]
            for batch in ahead:
                moments = self._read(batch.frame)
                up, down = up + _count_steps(moments, 1), down + _count_steps(moments, -1)
                for is_backward in (False, True):
                    count = _turns(moments, last, is_backward=is_backward)
                    turn = int(count[-1]) if len(count) else 0
                    turns, backward_turns = (
                        (turns, backward_turns + turn) if is_backward else (turns + turn, backward_turns)
                    )
                seen = moments.drop_nulls()
                if len(seen):
                    first, last = first or seen[0], seen[-1]
                if self._said != "from-file-time" and up + down:
                    break
        is_backward = down > up
        return _Course(is_backward, backward_turns if is_backward else turns, first, last)

    def _read(self, frame: pl.DataFrame) -> pl.Series:
        """Return the rows' times, all in one year."""
        parts = [frame[name].cast(pl.String) for name in self._columns]
        joined = pl.DataFrame([part.alias(str(at)) for at, part in enumerate(parts)])
        texts = joined.select(pl.concat_str(pl.lit(str(_ANY_YEAR)), pl.all(), separator=" ")).to_series()
        return parse_pattern(texts, self._form)["time"].dt.replace_time_zone(None)

    def _first_year(self, course: _Course) -> int:
        if isinstance(self._said, int):
            return self._said
        if self._said == "from-file-name":
            year = year_in_name(self._file.name)
            if year is None:
                raise InputError(
                    f"Expected a year in the file's name, as in messages-2024.log, found none - {self._file.name}",
                    "Say the year of the first row: year = 2024 in createdAt",
                )
            return year
        if self._file.etag is not None:
            raise InputError(
                f"Expected a local file, whose own time tells the year, found a remote one - {self._file.name}",
                "Say the year of the first row: year = 2024 in createdAt",
            )
        return self._year_by_time(course)

    def _year_by_time(self, course: _Course) -> int:
        """Return the year of the first row, where the newest row is from before the file was last written."""
        written = datetime.fromtimestamp(self._file.path.stat().st_mtime, UTC).replace(tzinfo=None)
        newest = course.first if course.is_backward else course.last
        if newest is None:
            return written.year
        latest = (written + timedelta(days=1)).replace(year=_ANY_YEAR) if not _is_new_year(written) else None
        year = written.year - (latest is not None and newest > latest)
        return year if course.is_backward else year - course.turns


def year_in_name(name: str) -> int | None:
    """Return the year that the name of a file says, or else that of a folder above it; None where none does."""
    for part in reversed(re.split(r"[/\\]", name)):
        found = _IN_NAME.findall(part)
        if found:
            return int(found[-1])
    return None


def _is_new_year(moment: datetime) -> bool:
    """Whether the next day is in another year: then no day of this one is too late."""
    return (moment.month, moment.day) == (12, 31)


def _count_steps(moments: pl.Series, sign: int) -> int:
    """Return how many steps go a little forward (or backward, with `sign` -1), also over a New Year."""
    ahead = moments.drop_nulls().diff().drop_nulls().dt.total_seconds() * sign
    return int((ahead.is_between(1, _TURN_DAYS * 86_400) | (ahead < -_BACK_DAYS * 86_400)).sum())


def _turns(moments: pl.Series, before: datetime | None, *, is_backward: bool) -> pl.Series:
    """Return for each row how many New Years lie between `before` and it; rows without a time go with the last."""
    filled = pl.concat([pl.Series([before], dtype=moments.dtype), moments]).forward_fill()
    days = filled.diff().dt.total_days().fill_null(0)
    sign = -1 if is_backward else 1
    ahead = days * sign
    turn = pl.select(
        pl.when(ahead < -_TURN_DAYS).then(sign).when(ahead > _BACK_DAYS).then(-sign).otherwise(0)
    ).to_series()
    return turn.cum_sum().slice(1).cast(pl.Int64)
