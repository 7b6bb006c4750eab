"""Looks for a better job where the sample doesn't become events with the first: other limits, another time. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import polars as pl

from etl.guess.choices import Choice, JobGuess, Sureness
from etl.guess.profiles import Profile
from etl.guess.properties import columns_of
from etl.guess.when import choose_time
from etl.scaffold.trial import Tried

__all__ = ["ENOUGH", "better_guesses"]

# With this share of events a job is good enough.
ENOUGH: Final = 0.98
# Fewer early times than this share are faults, as are those that are all alike: zeros, exported as a date.
_MANY_EARLY: Final = 0.05
_FEW_DATES: Final = 3
_MOST_OTHERS: Final = 3


def better_guesses(
    guess: JobGuess, tried: Tried, profiles: dict[str, Profile], timezone: str | None
) -> Iterator[JobGuess]:
    """Yield jobs that may do better than `guess`, of which `tried` tells; the likeliest first."""
    rejects = tried.rejects
    if limited := _allow_early(guess, rejects, tried.trial.read):
        yield limited
    if guess.preset is not None or "createdAt" not in set(rejects["field"]):
        return
    taken = columns_of(guess.event["createdAt"].value)
    others = [name for name, profile in profiles.items() if profile.time is not None and name not in taken]
    for name in others[:_MOST_OTHERS]:
        only = {
            other: profile for other, profile in profiles.items() if profile.time is None or other == name
        }
        time = choose_time(only, timezone)
        why = f"more rows have a time there than in `{', '.join(taken)}`; {time.why}"
        yield replace(guess, event=guess.event | {"createdAt": Choice(time.value, why, Sureness.CHECK)})


def _allow_early(guess: JobGuess, rejects: pl.DataFrame, read: int) -> JobGuess | None:
    """Return the job with an earlier limit, where times before it are many and not all alike, as zeros are."""
    early = rejects.filter(pl.col("code") == "timestamp_out_of_range")["found"].drop_nulls()
    years = early.str.head(4).cast(pl.Int32, strict=False)
    old = early.filter(years < 2000)
    if len(old) < _MANY_EARLY * read or old.n_unique() < _FEW_DATES:
        return None
    first = min(old.to_list())
    why = f"{len(old):,} times of the sample are before 2000, as early as {first[:10]}: is that so?"
    return replace(guess, not_before=Choice(f"{first[:4]}-01-01", why, Sureness.CHECK))
