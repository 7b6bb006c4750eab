"""Points in time as the store keeps them (microseconds since the epoch), to and from ISO 8601 text."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

__all__ = ["TimeUnit", "bucket_start", "microseconds_of", "utc_text"]

TimeUnit = Literal["hour", "day", "week", "month"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(timestamp: str) -> int | None:
    """Return the time since the epoch of an ISO 8601 `timestamp` with a zone, or None where it is no such thing."""
    try:
        moment = datetime.fromisoformat(timestamp)
        return None if moment.tzinfo is None else (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def utc_text(microseconds: int) -> str:
    """Return the time in ISO 8601, UTC, with milliseconds."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def bucket_start(microseconds: int, unit: TimeUnit) -> str:
    """Return the start of the hour, day, week (from Monday) or month that the time is in, in UTC."""
    start = (_EPOCH + timedelta(microseconds=microseconds)).replace(minute=0, second=0, microsecond=0)
    if unit != "hour":
        start = start.replace(hour=0)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    elif unit == "month":
        start = start.replace(day=1)
    return utc_text((start - _EPOCH) // _MICROSECOND)
