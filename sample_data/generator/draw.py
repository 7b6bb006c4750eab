"""Seeded draws that give the same values on every Python.

Only `Random.random()` is used: it is the one method whose sequence the standard library promises to keep.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

__all__ = ["Draw"]

T = TypeVar("T")

# Visits an hour of the day, UTC, of a site read mostly in Europe and America.
HOURLY_WEIGHTS: Final = (4, 3, 2, 2, 2, 3, 5, 9, 14, 17, 18, 16, 15, 18, 22, 24, 24, 22, 20, 18, 15, 12, 9, 6)
WEEKEND_SHARE: Final = 0.3


class Draw:
    """A source of seeded values; each file has its own, so that one can change without the others."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def chance(self, share: float) -> bool:
        """Draw whether something with the likelihood `share` happens."""
        return self._random() < share

    def number(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def decimal(self, low: float, high: float, digits: int) -> float:
        """Draw a number from `low` to `high`, rounded to `digits`."""
        return round(low + self._random() * (high - low), digits)

    def one_of(self, choices: Sequence[T]) -> T:
        """Draw one of `choices`, each as likely."""
        return choices[int(self._random() * len(choices))]

    def weighted(self, choices: Mapping[T, float]) -> T:
        """Draw one of `choices`, whose values are their weights."""
        left = self._random() * sum(choices.values())
        for choice, weight in choices.items():
            left -= weight
            if left < 0:
                return choice
        return next(reversed(choices))

    def some_of(self, choices: Sequence[T], most: int) -> list[T]:
        """Draw up to `most` different ones of `choices`, in their order."""
        wanted = self.number(0, most)
        picked = {int(self._random() * len(choices)) for _ in range(wanted)}
        return [choices[index] for index in sorted(picked)]

    def token(self, length: int) -> str:
        """Draw a text of `length` lower-case hexadecimal digits."""
        return "".join(self.one_of("0123456789abcdef") for _ in range(length))

    def moments(self, first_day: datetime, days: int, count: int) -> list[datetime]:
        """Draw `count` moments in UTC, in order, that follow working hours; to the millisecond."""
        hours = dict(enumerate(HOURLY_WEIGHTS))
        moments: list[datetime] = []
        while len(moments) < count:
            day = first_day.astimezone(UTC) + timedelta(days=self.number(0, days - 1))
            if day.weekday() >= 5 and not self.chance(WEEKEND_SHARE):
                continue
            past_the_hour_ms = self.number(0, 3_599_999)
            moments.append(day + timedelta(hours=self.weighted(hours), milliseconds=past_the_hour_ms))
        return sorted(moments)
