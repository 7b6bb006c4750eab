"""Which clock a zone's short name means. Pure: tables.

A name is read as an offset only where it means one all over the world, or where the job says whose clock it is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["DISPUTED", "ZONE_OF", "advise_zone", "offsets_of"]

# Minutes ahead of UTC. Those of North America are what such logs mean: no other clock that is in use has the name.
_OFFSETS: Final = {
    "UTC": 0, "GMT": 0, "Z": 0, "UT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120,
    "EET": 120, "EEST": 180, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480,
    "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600, "NST": -210, "NDT": -150, "BRT": -180, "JST": 540, "KST": 540,
    "HKT": 480, "SGT": 480, "WIB": 420, "PKT": 300, "NPT": 345, "AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630,
    "AWST": 480, "NZST": 720, "NZDT": 780, "SAST": 120, "EAT": 180, "WAT": 60, "CAT": 120,
}  # fmt: skip
# The zone that a name is one of the two clocks of: summer and winter alike.
ZONE_OF: Final = {
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "PT": "America/Los_Angeles",
    "MDT": "America/Denver", "MT": "America/Denver", "MST": "America/Denver",
    "CDT": "America/Chicago", "CT": "America/Chicago",
    "EST": "America/New_York", "EDT": "America/New_York", "ET": "America/New_York",
    "AKST": "America/Anchorage", "AKDT": "America/Anchorage", "HST": "Pacific/Honolulu",
    "NST": "America/St_Johns", "NDT": "America/St_Johns", "BRT": "America/Sao_Paulo",
    "WET": "Europe/Lisbon", "WEST": "Europe/Lisbon", "CET": "Europe/Berlin", "CEST": "Europe/Berlin",
    "MEZ": "Europe/Berlin", "MESZ": "Europe/Berlin", "EET": "Europe/Helsinki", "EEST": "Europe/Helsinki",
    "MSK": "Europe/Moscow", "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "HKT": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore", "WIB": "Asia/Jakarta", "PKT": "Asia/Karachi", "NPT": "Asia/Kathmandu",
    "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "ACST": "Australia/Adelaide",
    "ACDT": "Australia/Adelaide", "AWST": "Australia/Perth", "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland", "SAST": "Africa/Johannesburg", "EAT": "Africa/Nairobi", "WAT": "Africa/Lagos",
    "CAT": "Africa/Maputo", "GMT": "UTC", "UT": "UTC", "Z": "UTC",
}  # fmt: skip
# Names that several clocks in use have.
DISPUTED: Final = {
    "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "CST": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "AST": ("America/Halifax", "Asia/Riyadh"),
    "ADT": ("America/Halifax", "Asia/Baghdad"),
    "GST": ("Asia/Dubai", "Atlantic/South_Georgia"),
    "SST": ("Pacific/Pago_Pago", "Asia/Singapore"),
}


@lru_cache(maxsize=64)
def offsets_of(timezone: str | None) -> Mapping[str, int]:
    """Return what the names mean, in minutes ahead of UTC; those of the clock `timezone` mean that clock's.

    A name that meant several offsets over the years, as MSK did, is not among them: such a row is a reject.
    """
    own: dict[str, set[int]] = {}
    if timezone is not None:
        clock = ZoneInfo(timezone)
        for year in range(1990, 2038):
            for month in (1, 7):
                moment = datetime(year, month, 1, tzinfo=UTC).astimezone(clock)
                ahead, name = moment.utcoffset(), moment.tzname()
                if ahead is not None and name and name.isalpha():
                    own.setdefault(name, set()).add(round(ahead.total_seconds() / 60))
    known = {**_OFFSETS, **{name: min(offsets) for name, offsets in own.items()}}
    return MappingProxyType(
        {name: offset for name, offset in known.items() if len(own.get(name, (offset,))) == 1}
    )


def advise_zone(name: str) -> str | tuple[str, ...] | None:
    """Return the IANA zone that a short name means, several where it may mean each, None where it is none."""
    short = name.strip().upper()
    return ZONE_OF.get(short) or DISPUTED.get(short)
