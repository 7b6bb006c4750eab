"""Whether events of a load may be on the server already. Noted before the first request."""

from typing import Final

from etl.ledger.store import Ledger

__all__ = ["begin_sending", "is_sent"]

# The number of the newest load of which a request may have been sent.
SENDING: Final = "sending_load"


def begin_sending(ledger: Ledger, load: int) -> None:
    """Note, before its first request, that events of `load` may be on the server from here on."""
    if not is_sent(ledger, load):
        ledger.set_meta(SENDING, str(load))


def is_sent(ledger: Ledger, load: int) -> bool:
    """Whether a request of `load` may have been made."""
    newest = ledger.meta(SENDING)
    return newest is not None and int(newest) >= load
