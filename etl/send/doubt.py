"""Decides how many answers without proof are too many: 2XX that don't carry the event that was sent.

Theory of operation. A server that has never proved an event is the wrong one, or changed: two such answers are enough,
and since one request goes alone until it is proved, they are for one event. One that has proved many may lie now and
then, as a proxy does that answers for it; how often it did so far says how many lies in a row are no chance any more
(once in 10^9). An event that meets five, while others are proved, is left pending: a
destination that keeps doubles must not get more of them.

Rule: pure.
"""

from math import ceil, log
from typing import Final, NamedTuple

__all__ = ["MAX_EVENT_UNPROVEN", "NO_DOUBT", "Doubt", "after_unproven", "most_in_a_row"]

MAX_EVENT_UNPROVEN: Final = 5
NEVER_PROVEN: Final = 2
MOST_IN_A_ROW: Final = 12
CHANCE: Final = 1e-9


class Doubt(NamedTuple):
    """Answers without proof: all of them, those since the last proof, and how many proofs there were by then."""

    unproven: int = 0
    in_a_row: int = 0
    proofs: int = 0

    @property
    def is_certain(self) -> bool:
        """Whether there were too many in a row."""
        return self.in_a_row >= most_in_a_row(self.proofs, self.unproven - self.in_a_row)


NO_DOUBT: Final = Doubt()


def after_unproven(doubt: Doubt, proofs: int) -> Doubt:
    """Return the doubt after one more answer without proof, where there were `proofs` before it."""
    in_a_row = doubt.in_a_row if proofs == doubt.proofs else 0
    return Doubt(doubt.unproven + 1, in_a_row + 1, proofs)


def most_in_a_row(proofs: int, unproven: int) -> int:
    """Return how many answers in a row without proof end a send that saw `proofs`, and `unproven` others between
    them.
    """
    if not proofs:
        return NEVER_PROVEN
    share = (unproven + 1) / (proofs + unproven + 1)
    return min(MOST_IN_A_ROW, max(NEVER_PROVEN, ceil(log(CHANCE) / log(share))))
