"""How faithfully the sandbox keeps what it answered 200 to: it may forget, alter or double an event. Pure.

Which events is decided by their ids, so that the same are hit each time. Each is hit once: what is forgotten is kept
when it comes again.
"""

import zlib
from typing import Any, Final

import orjson
import rfc8785

from etl.sandbox.faults import Fault, Faults
from etl.sandbox.moments import microseconds_of, utc_text

__all__ = ["alter", "fate_of", "shown_as_strings"]

_HOUR_US: Final = 3_600_000_000


def fate_of(faults: Faults, event_id: str) -> Fault | None:
    """Return what becomes of an event after it was answered: forgotten, altered, doubled, or None: kept as it is."""
    point = zlib.crc32(f"keep:{faults.seed}:{event_id}".encode()) / 2**32
    for fault, share in (
        (Fault.FORGOTTEN, faults.forget_share),
        (Fault.ALTERED, faults.alter_share),
        (Fault.DOUBLED, faults.double_share),
    ):
        if point < share:
            return fault
        point -= share
    return None


def alter(event: dict[str, Any], event_id: str, created_at: str) -> dict[str, Any]:
    """Return the event with one thing changed: its time, its type, or the first member of its properties."""
    kind = zlib.crc32(f"alter:{event_id}".encode()) % 3
    properties = event.get("properties")
    if kind == 0 and isinstance(properties, dict) and properties:
        name = next(iter(properties))
        return event | {"properties": properties | {name: "altered by the sandbox"}}
    if kind == 1:
        moment = microseconds_of(created_at)
        assert moment is not None
        return event | {"createdAt": utc_text(moment + _HOUR_US)}
    return event | {"type": f"{event['type']}_altered"}


def shown_as_strings(values: dict[str, Any]) -> dict[str, str | None]:
    """Return properties with each value as text, as the API's published client types them."""
    return {
        name: value if value is None or isinstance(value, str) else _as_javascript_writes(value)
        for name, value in values.items()
    }


def _as_javascript_writes(value: Any) -> str:
    try:
        return rfc8785.dumps(value).decode()  # numbers as JavaScript writes them: 1.0 as 1
    except ValueError:  # an integer that JavaScript can't hold
        return orjson.dumps(value).decode()
