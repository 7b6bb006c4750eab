"""Issues receipts: one for each complete load, and another when a verification found something new."""

from pathlib import Path
from typing import NamedTuple

from etl.errors import JobError
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.receipts.chain import append_receipt, read_chain
from etl.receipts.compose import compose_receipt
from etl.typed import type_command
from etl.values.receipt import Receipt

__all__ = ["Issued", "find_load", "issue_due", "issue_receipt", "issue_verified"]


class Issued(NamedTuple):
    """A receipt and where it is. `break_reason` names a receipt of the chain that is not as it was issued, if one was
    met.
    """

    path: Path
    receipt: Receipt
    break_reason: str = ""


def find_load(job: Job, ledger: Ledger | None, number: int | None) -> int:
    """Return the load that is meant: load `number`, or the newest; raises `JobError` where its files aren't kept."""
    loads = ledger.loads() if ledger is not None else ()
    there = [load.number for load in loads if ledger is None or load.number > ledger.cleared_through]
    wanted = number if number is not None else max(there, default=0)
    if wanted not in there:
        known = f"loads {there[0]} to {there[-1]}" if there else "none"
        raise JobError(
            f"Expected {f'load {number}' if number else 'a load'} of {job.name} whose files are kept, found {known} - "
            f"{job.path}",
            f"See them: {type_command('loads')}",
        )
    return wanted


def issue_receipt(folder: Path, ledger: Ledger, load: int, *, issued_at: float) -> Issued:
    """Return the receipt of `load`: its newest one, or where that is out of date a new one.

    Raises `StateError` where a part can't be read or believed, or the disk won't have it.
    """
    before, path, reason = _find(folder, ledger, load)
    receipt = compose_receipt(folder, ledger, ledger.load(load), issued_at=issued_at)
    if before is not None and path is not None and _says_the_same(before, receipt):
        return Issued(path, before, reason)
    written = append_receipt(folder, ledger, receipt)
    assert written.receipt is not None
    return Issued(written.path, written.receipt, reason)


def issue_due(folder: Path, ledger: Ledger, *, issued_at: float) -> None:
    """Issue the receipts of the complete loads that have none: of those that ended since this was called first.

    Whoever has a job in hand calls it, at its begin and when a load is complete: what a kill in between left undone is
    done by the next one. Raises `StateError`.
    """
    complete = [load.number for load in ledger.loads() if load.state == "complete"]
    through = ledger.notes.receipts_through
    if through is None:
        # A new ledger, or one from before receipts were written by themselves.
        ledger.notes.receipts_through = max(complete, default=0)
        return
    for load in complete:
        if load > max(through, ledger.cleared_through):
            newest = next(read_chain(folder, ledger), None)
            if newest is None or newest.receipt is None or not _is_complete(newest.receipt, load):
                append_receipt(
                    folder, ledger, compose_receipt(folder, ledger, ledger.load(load), issued_at=issued_at)
                )
            ledger.notes.receipts_through = load


def issue_verified(folder: Path, ledger: Ledger, load: int, *, issued_at: float) -> None:
    """Issue another receipt of a complete `load` where its newest verification says what none of its receipts said.

    The same findings again, or a sample after all were asked for, are no news: `backfill receipt` tells of them, too.
    """
    verification = ledger.proofs.newest(load)
    if verification is None or verification.ended_at is None or ledger.load(load).state != "complete":
        return
    before, _, _ = _find(folder, ledger, load)
    known = before.verification if before else None
    if known is not None:
        names = ("asked", "confirmed", "missing", "doubled", "altered", "unknown")
        is_same = all(getattr(known, name) == getattr(verification.counts, name) for name in names)
        is_less = verification.sample is not None and not known.is_sample
        is_less = is_less and not (verification.counts.differences or known.missing)
        if is_less or (is_same and known.is_sample == (verification.sample is not None)):
            return
    issue_receipt(folder, ledger, load, issued_at=issued_at)


def _find(folder: Path, ledger: Ledger, load: int) -> tuple[Receipt | None, Path | None, str]:
    """Return the newest receipt of `load`, and where it is; or why there may be one that can't be believed."""
    for path, receipt, reason in read_chain(folder, ledger):
        if receipt is None:
            return None, None, reason
        if receipt.load == load:
            return receipt, path, ""
    return None, None, ""


def _is_complete(receipt: Receipt, load: int) -> bool:
    return receipt.load == load and receipt.completed_at is not None


def _says_the_same(before: Receipt, now: Receipt) -> bool:
    own = {"issued_at": now.issued_at, "previous_sha256": None, "tool_version": now.tool_version}
    return before.model_copy(update=own) == now.model_copy(update=own)
