"""Which events of a load may be on the server already. Noted before the request that may bring them there.

*What is noted.* Events are taken in the order of their places, so those that a request may have been made for are the
first ones, up to a place. That place is durable before the events up to it are handed to the sender. So after a crash,
whatever became of the runs before it, what may be on the server is exactly what is pending up to there; all else never
left. A send that ends knows better: which events it leaves uncertain, and notes the last of them.
"""

from etl.ledger.store import Ledger
from etl.values.delivery import EventPlace

__all__ = ["note_offered", "note_uncertain_through"]


def note_offered(ledger: Ledger, load: int, place: EventPlace) -> None:
    """Note, before they are handed out, that the pending events of `load` up to `place` may be on the server."""
    before = ledger.notes.offered.of(load)
    if before is None or place > before:
        ledger.notes.offered.put(load, place)


def note_uncertain_through(ledger: Ledger, load: int, place: EventPlace) -> None:
    """Note, once a send has ended, that no pending event of `load` past `place` is on the server."""
    if ledger.notes.offered.of(load) != place:
        ledger.notes.offered.put(load, place)
