"""The amounts a job file writes as text: rates, durations, shares, moments. Pure.

Each `parse_*` raises `Unfit`, which says what was expected, for pydantic to carry.
"""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Final, NamedTuple

from pydantic import AwareDatetime, BeforeValidator

from etl.job.unfit import Unfit

__all__ = ["MaxRejects", "Moment", "Rate", "parse_max_rejects", "parse_moment", "parse_rate", "parse_seconds"]


# More than any server takes, and than a request could be timed for.
MOST_PER_UNIT: Final = 1_000_000


class Rate(NamedTuple):
    """How many events a second may be sent; None is as many as the destination takes."""

    per_second: float | None

    @property
    def text(self) -> str:
        """The rate as a job file writes it."""
        return "max" if self.per_second is None else f"{self.per_second:g}/s"


class MaxRejects(NamedTuple):
    """How many rejects a load may have: a count, or a share of the rows read."""

    count: int | None  # type: ignore[assignment]  # hides the method of tuples
    share: float | None

    def allows(self, rejected: int, read: int) -> bool:
        """Whether `rejected` of `read` rows is within the limit."""
        if self.count is not None:
            return rejected <= self.count
        return self.share is None or rejected <= self.share * read

    @property
    def text(self) -> str:
        """The limit as a job file writes it."""
        return str(self.count) if self.count is not None else f"{(self.share or 0) * 100:g}%"


def parse_rate(value: object) -> Rate:
    """Return the rate that a job file or an option writes; raises `Unfit` that says what is expected."""
    if isinstance(value, Rate):
        return value
    if value == "max":
        return Rate(None)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|sec|second|min|minute|m|h|hour)\s*", str(value))
    if isinstance(value, str) and match and 0 < float(match[1]) <= MOST_PER_UNIT:
        return Rate(float(match[1]) / {"s": 1, "m": 60, "h": 3600}[match[2][0]])
    if match and float(match[1]) > MOST_PER_UNIT:
        raise Unfit(f'a rate of at most {MOST_PER_UNIT:,}, like "20/s"; as fast as it goes is "max"')
    raise Unfit('a rate like "20/s", "600/min" or "max"')


def parse_seconds(value: object) -> float:
    """Return the seconds of a duration like "30s"."""
    if isinstance(value, float):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)\s*", value) if isinstance(value, str) else None
    if match and float(match[1]) > 0:
        return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600}[match[2]]
    raise Unfit('a duration like "30s", "500ms" or "2m"')


def parse_max_rejects(value: object) -> MaxRejects:
    """Return the limit that "1%" or a count says."""
    if isinstance(value, MaxRejects):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return MaxRejects(value, None)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    if match and float(match[1]) <= 100:
        return MaxRejects(None, float(match[1]) / 100)
    raise Unfit('a share like "1%" or a count like 500')


def parse_moment(value: object) -> datetime:
    """Return a moment in UTC: what has no zone is taken as UTC, a date as its midnight."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if not isinstance(moment, datetime):
        raise Unfit("a date like 2015-01-01 or a time like 2015-01-01T00:00:00Z")
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise Unfit("a time within the years 1 to 9999") from None


Moment = Annotated[AwareDatetime, BeforeValidator(parse_moment)]
