"""Which loads a run has told of: report written, end recorded. Killed before that, the next run tells of them in its place.

Rule: a load is told by the last thing that a run writes into the ledger. So a kill at any step of the closing leaves either all to
be told again, with the load's own exit code, or nothing to be told.
"""

from typing import Final

from etl.ledger.store import Ledger

__all__ = ["TOLD", "begin_telling", "note_told"]

# The number of the newest load that was told of, with all before it.
TOLD: Final = "told_through"


def begin_telling(ledger: Ledger) -> list[int]:
    """Return the numbers of the complete loads of which no run has told."""
    complete = _complete_loads(ledger)
    said = ledger.meta(TOLD)
    if said is None:
        # A new ledger, or one from before this was noted: what is complete by now counts as told.
        ledger.set_meta(TOLD, str(max(complete, default=0)))
        return []
    return [number for number in complete if number > int(said)]


def note_told(ledger: Ledger) -> None:
    """Note that all loads that are complete have been told of."""
    newest = str(max(_complete_loads(ledger), default=0))
    if ledger.meta(TOLD) != newest:
        ledger.set_meta(TOLD, newest)


def _complete_loads(ledger: Ledger) -> list[int]:
    return [load.number for load in ledger.loads() if load.state == "complete"]
