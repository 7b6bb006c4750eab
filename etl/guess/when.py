"""Guesses which column says when it happened, and what its texts leave open. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from etl.guess.choices import Choice, Sureness
from etl.guess.names import find_column, fold, words_of
from etl.guess.profiles import Profile
from etl.guess.shares import MOSTLY, percent
from etl.guess.times import TimeGuess
from etl.plain import shorten
from etl.times.zone_names import DISPUTED

__all__ = ["NO_TIMES", "choose_time"]

# Words in the names of columns that say what became of the row, and not when it happened; and of those that say when.
_BOOKKEEPING: Final = (
    "sync", "modif", "updat", "load", "ingest", "import", "export", "insert", "delet", "expir", "due", "birth", "next",
    "end", "autoapproval", "resolv", "clos", "process", "extract", "archiv", "last", "valid", "deadline", "until",
    "finish", "complet", "solved", "until",
)  # fmt: skip
_HAPPENED: Final = (
    "created", "creation", "recorded", "occurred", "event", "submit", "start", "sent", "posted", "incident", "order",
    "opened", "logged", "received", "request", "search", "asked", "publish", "begin", "began",
)  # fmt: skip
_NAMED: Final = ("time", "date", "stamp", "day", "when", "datum", "fecha", "data", "heure", "uhrzeit", "zeit")
# A stem so short stands in other words: `end` in `sender`.
_SHORT: Final = 5
NO_TIMES: Final = "no column of the sample holds times that can be read"
_SHOWN: Final = 3
Profiles = Mapping[str, Profile]


def choose_time(profiles: Profiles, timezone: str | None, year: str = "from-file-time") -> Choice:
    """Return where the row's own time is, how it is written, in which zone, and where its year is from.

    `year` is what tells the year of times that don't.
    """
    candidates = {name: profile for name, profile in profiles.items() if profile.time is not None}
    full = {name: profile for name, profile in candidates.items() if profile.filled >= MOSTLY}
    # A column that most rows have comes before one that is called so.
    name = next(filter(None, (_find(full), _find(candidates))), None)
    if name is None:
        return _give_up(profiles)
    time = candidates[name].time
    assert time is not None
    order = _agree(time, candidates)
    value, doubts = _write(name, order or time, profiles)
    if time.rivals and order is None:
        rivals = " or ".join(f"`{rival}`" for rival in time.rivals)
        doubts.append(
            f"{time.both_ways:,} of {time.texts:,} times read both ways, also as {rivals}: in which order are day and "
            "month?"
        )
    if not time.has_year:
        value["year"] = year
        told = "in the file's name" if year == "from-file-name" else "of the file's own time of change"
        doubts.append(f"the times don't say their year: the one {told} is taken, turned over at New Year")
    if time.disputed:
        zones = DISPUTED[time.disputed]
        value["timezone"] = timezone or zones[0]
        if timezone is None:
            doubts.append(
                f"{time.disputed} is the clock of {_either(zones)}: in which zone were they written?"
            )
    elif not time.has_zone:
        value["timezone"] = timezone or "UTC"
        if timezone is None:
            doubts.append("the times don't say their zone: UTC, or that of the server that wrote them?")
    why = f"{percent(time.share)} of the sample reads as {time.format}"
    short = name if value == {"column": name} else value
    return Choice(short, "; ".join(doubts) or why, Sureness.CHECK if doubts else Sureness.SURE)


def _give_up(profiles: Profiles) -> Choice:
    """Return the column that would be the time by its name, and what stands there."""
    likely = find_column("createdAt", profiles)
    likely = likely or next((name for name in profiles if any(word in fold(name) for word in _NAMED)), None)
    if likely is None:
        return Choice({"column": next(iter(profiles), "time")}, NO_TIMES, Sureness.CHECK)
    shown = ", ".join(f"`{shorten(value, 40)}`" for value in profiles[likely].values[:_SHOWN])
    return Choice({"column": likely}, f"{NO_TIMES}: `{likely}` has {shown or 'nothing'}", Sureness.CHECK)


def _write(name: str, time: TimeGuess, profiles: Profiles) -> tuple[dict[str, Any], list[str]]:
    """Return the column or columns with their format, and what is lost."""
    clock = None if time.has_clock or time.is_number else _find_clock(profiles, name)
    if clock is not None:
        date_format = "%Y-%m-%d" if time.format == "iso8601" else time.format
        return {"columns": (name, clock), "format": f"{date_format} {profiles[clock].clock}"}, []
    value: dict[str, Any] = {"column": name}
    if time.format != "iso8601":
        value["format"] = time.format
    lost = "the column holds dates without a time of day: every event is at midnight"
    return value, [] if time.has_clock else [lost]


def _agree(time: TimeGuess, candidates: Profiles) -> TimeGuess | None:
    """Return the reading that another column of this layout settles: who wrote both wrote them alike."""
    if not time.rivals:
        return None
    settled = {
        other.time.format: other.time
        for other in candidates.values()
        if other.time is not None
        and not other.time.rivals
        and other.time.format in (time.format, *time.rivals)
    }
    return next(iter(settled.values())) if len(settled) == 1 else None


def _find(candidates: Profiles) -> str | None:
    return find_column("createdAt", candidates) or _likeliest(candidates)


def _likeliest(candidates: Profiles) -> str | None:
    """Return the column with times that most likely says when it happened; what no chance explains.

    A number may count anything: it is a time where its name says so, or where it goes one way through the file.
    """
    likely = [
        name
        for name, profile in candidates.items()
        if profile.time is not None
        and (not profile.time.is_number or _may_be_time(name, profile, profile.time))
    ]
    # What keeps books of the row (synced, modified, due) comes last, what happened first.
    ranked = sorted(likely, key=lambda name: _rank(name, candidates[name]))
    return ranked[0] if ranked else None


def _may_be_time(name: str, profile: Profile, time: TimeGuess) -> bool:
    if any(word in fold(name) for word in _NAMED):
        return True
    # Serial days are numbers of a usual size: chance makes whole ones too easily.
    return profile.is_ordered and (time.format != "excel" or time.has_clock)


def _rank(name: str, profile: Profile) -> tuple[bool, ...]:
    assert profile.time is not None
    is_named = any(word in fold(name) for word in _NAMED)
    return (
        profile.filled < MOSTLY,
        _has_stem(name, _BOOKKEEPING),
        profile.time.is_number and not is_named,
        not profile.time.has_year,
        not _has_stem(name, _HAPPENED),
        not profile.time.has_clock,
        profile.is_nested,
        not profile.is_ordered,
    )


def _has_stem(name: str, stems: tuple[str, ...]) -> bool:
    words, folded = words_of(name), fold(name)
    return any(
        any(word.startswith(stem) for word in words) or (len(stem) >= _SHORT and stem in folded)
        for stem in stems
    )


def _find_clock(profiles: Profiles, date: str) -> str | None:
    """Return the column with the time of day that goes with the column `date`: the next one that holds such."""
    names = list(profiles)
    after = names[names.index(date) + 1 :] + names[: names.index(date)]
    return next(_clocks(profiles, after), None)


def _clocks(profiles: Profiles, names: list[str]) -> Iterator[str]:
    return (name for name in names if profiles[name].clock is not None and profiles[name].filled >= MOSTLY)


def _either(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
