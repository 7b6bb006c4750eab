"""Notes which loads a run has told of. Killed before that, the next run tells of them in its place.

Rule: a load is told by the last thing that a run writes into the ledger. So a kill at any step of the closing leaves
either all to be told again, with the load's own exit code, or nothing to be told.
"""

from etl.ledger.store import Ledger

__all__ = ["begin_telling", "note_told"]


def begin_telling(ledger: Ledger) -> list[int]:
    """Return the numbers of the complete loads of which no run has told."""
    complete = _complete_loads(ledger)
    told_through = ledger.notes.told_through
    if told_through is None:
        # A new ledger, or one from before this was noted: what is complete by now counts as told.
        ledger.notes.told_through = max(complete, default=0)
        return []
    return [number for number in complete if number > told_through]


def note_told(ledger: Ledger) -> None:
    """Note that all loads that are complete have been told of."""
    newest = max(_complete_loads(ledger), default=0)
    if ledger.notes.told_through != newest:
        ledger.notes.told_through = newest


def _complete_loads(ledger: Ledger) -> list[int]:
    return [load.number for load in ledger.loads() if load.state == "complete"]
