"""Checks a receipt against the others of its chain that lie beside it, without the ledger that issued them."""

from pathlib import Path
from typing import NamedTuple

from etl.errors import InputError
from etl.limited import read_limited
from etl.values.receipt import Receipt, parse_receipt, receipt_digest

__all__ = ["Chained", "check_siblings", "read_receipt"]

MOST_BYTES = 256_000_000
_FIX = "Put back the copy that was kept of it, or ask for the receipts anew where the state is"


class Chained(NamedTuple):
    """How many receipts of its chain lie beside a receipt, before and after it; `goes_on`: earlier ones are missing."""

    before: int = 0
    after: int = 0
    goes_on: bool = False


def read_receipt(path: Path) -> tuple[Receipt, bytes]:
    """Return the receipt at `path`, and its bytes; raises `InputError` where it is none or contradicts itself."""
    try:
        written = read_limited(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"Expected a receipt, found: {reason} - {path}", "Name a receipt's file") from None
    receipt = parse_receipt(written, str(path))
    if contradiction := _find_contradiction(receipt):
        raise InputError(f"{contradiction} - {path}", _FIX)
    return receipt, written


def check_siblings(path: Path, receipt: Receipt, written: bytes) -> Chained:
    """Return how far the chain of the receipt at `path` can be told; raises `InputError` where it is broken.

    Only files named as the state folder names them, in a row of numbers, are taken for the chain.
    """
    if not _is_number(path.stem):
        return Chained(goes_on=receipt.previous_sha256 is not None)
    others = sorted(
        (int(one.stem), one) for one in path.parent.glob("*.json") if _is_number(one.stem) and one != path
    )
    number = int(path.stem)
    later = [one for at, one in others if at > number]
    after = _count_after(path, written, later)
    before, previous = 0, receipt.previous_sha256
    for one in [one for at, one in reversed(others) if at < number]:
        if previous is None:
            raise InputError(f"Expected the first receipt, found one before it: {one.name} - {path}", _FIX)
        earlier, bytes_before = read_receipt(one)
        if receipt_digest(bytes_before) != previous:
            raise InputError(
                f"Expected the receipt before it to have the sha256 {previous}, found "
                f"{receipt_digest(bytes_before)}: the chain is broken - {one}",
                _FIX,
            )
        before, previous = before + 1, earlier.previous_sha256
    return Chained(before, after, goes_on=previous is not None)


def _count_after(path: Path, written: bytes, later: list[Path]) -> int:
    digest, count = receipt_digest(written), 0
    for one in later:
        receipt, bytes_after = read_receipt(one)
        if receipt.previous_sha256 != digest:
            raise InputError(
                f"Expected the sha256 {receipt.previous_sha256}, which {one.name} says of the receipt before it, found "
                f"{digest}: the chain is broken - {path}",
                _FIX,
            )
        path, digest, count = one, receipt_digest(bytes_after), count + 1
    return count


def _is_number(stem: str) -> bool:
    return stem.isascii() and stem.isdigit()


def _find_contradiction(receipt: Receipt) -> str | None:
    books = receipt.books
    parts = books.delivered + books.rejected + books.duplicate + books.skipped + books.pending
    if books.read != parts:
        return f"Expected a receipt whose books add up, found {books.read:,} read and {parts:,} accounted for"
    counted = sum(count.events for count in receipt.events)
    if counted != books.delivered:
        return f"Expected a receipt whose days add up to what was delivered ({books.delivered:,}), found {counted:,}"
    return None
