"""What a batch of settlements changes in one part. Pure: reads and writes nothing.

An event's fate only moves forward: pending, refused, delivered. Settling it twice changes nothing, and delivered
wins over refused in either order, because the server has the event.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from etl.ledger.bitmap import count_bits, overlaps
from etl.ledger.facts import PartEntry
from etl.values.delivery import Refusal

__all__ = ["PartChange", "settle_part"]


class PartChange(NamedTuple):
    """The part as it is now, the refusals to add by index, and the indices whose refusal is void."""

    part: PartEntry
    added: dict[int, Refusal]
    voided: list[int]


def settle_part(part: PartEntry, settlements: Iterable[tuple[int, int, Refusal | None]]) -> PartChange:
    """Return what `settlements` change in this part; one for an event that was never to be sent is a bug."""
    delivered, refused, events = bytearray(part.delivered), bytearray(part.refused), part.events
    added: dict[int, Refusal] = {}
    voided: list[int] = []
    for _, index, refusal in settlements:
        if not 0 <= index < events:
            raise AssertionError(f"part {part.number} has no event {index}: it has {events}")
        byte, bit = index >> 3, 1 << (index & 7)
        if delivered[byte] & bit:
            continue
        if refusal is None:
            delivered[byte] |= bit
            if refused[byte] & bit:
                refused[byte] ^= bit
                if added.pop(index, None) is None:
                    voided.append(index)
        elif not refused[byte] & bit:
            refused[byte] |= bit
            added[index] = refusal
    if overlaps(delivered, part.duplicate) or overlaps(refused, part.duplicate):
        raise AssertionError(f"part {part.number}: a duplicate was settled, and duplicates are never sent")
    changed = replace(
        part,
        n_delivered=count_bits(delivered),
        n_refused=count_bits(refused),
        delivered=bytes(delivered),
        refused=bytes(refused),
    )
    return PartChange(changed, added, voided)
