"""Tells from the ledger what verifying proved of a job's events so far."""

from etl.ledger.store import Ledger
from etl.values.proven import Proven
from etl.values.verification import VerificationCounts

__all__ = ["read_proven"]


def read_proven(ledger: Ledger, now: float) -> Proven | None:
    """Return it as of `now` (seconds since the epoch); None where nothing was ever verified. Raises `StateError`."""
    loads = ledger.loads()
    newest = [one for load in loads if (one := ledger.proofs.newest(load.number)) is not None]
    if not newest:
        return None
    at = max(one.ended_at or one.began_at for one in newest)
    counts = sum((one.counts for one in newest), VerificationCounts())
    delivered = ledger.books_of(load.number for load in loads).delivered
    return Proven(delivered, counts, at, max(0.0, now - at))
