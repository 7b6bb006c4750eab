"""Tells from the ledger what verifying proved of a job's events so far."""

from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.values.proven import Proven
from etl.values.verification import Verification, VerificationCounts

__all__ = ["read_proven"]


def read_proven(ledger: Ledger, now: float) -> Proven | None:
    """Return it as of `now` (seconds since the epoch); None where nothing was ever verified. Raises `StateError`."""
    loads = ledger.loads()
    newest = {load.number: one for load in loads if (one := ledger.proofs.newest(load.number)) is not None}
    if not newest:
        return None
    at = max(one.ended_at or one.began_at for one in newest.values())
    counts = sum((one.counts for one in newest.values()), VerificationCounts())
    delivered = sum(_count_delivered(ledger, load, newest.get(load.number)) for load in loads)
    return Proven(delivered, counts, at, max(0.0, now - at))


def _count_delivered(ledger: Ledger, load: LoadEntry, verification: Verification | None) -> int:
    """Return how many events of a load count as delivered. A verification of all of a complete load asks for none that
    a later load corrected, so that its count holds.
    """
    if verification is not None and verification.sample is None and verification.ended_at is not None:
        completed_at = load.completed_at
        if completed_at is not None and verification.began_at >= completed_at:
            return verification.counts.asked
    return ledger.books(load.number).delivered
