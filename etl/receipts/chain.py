"""The chain of a job's receipts on disk: files that are written once, each with the digest of the one before it.

The ledger notes the newest one once it is durable. So a receipt that was changed or taken out shows, be it the last;
and one that was written by a run that was killed before the ledger knew of it is taken up by whoever comes next.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from etl.errors import InputError
from etl.ledger.notes import ReceiptMark
from etl.ledger.store import Ledger
from etl.private import make_private_folder, replace_private
from etl.stage.parts import explain_disk
from etl.values.receipt import Receipt, parse_receipt, receipt_digest, render_receipt

__all__ = ["Link", "append_receipt", "read_chain", "receipts_folder"]


class Link(NamedTuple):
    """One receipt of the chain, and where it is; `break_reason` says why there is none to be believed there."""

    path: Path
    receipt: Receipt | None
    break_reason: str = ""


def receipts_folder(folder: Path) -> Path:
    """Return where the receipts of the job are whose state `folder` is."""
    return folder / "receipts"


def append_receipt(folder: Path, ledger: Ledger, receipt: Receipt) -> Link:
    """Write `receipt` as the newest of the chain, durable when this returns; raises `StateError`."""
    newest = _find_newest(folder, ledger)
    linked = receipt.model_copy(update={"previous_sha256": newest and newest.sha256})
    make_private_folder(receipts_folder(folder))
    # What lies there unknown to the ledger is left as it is.
    number = max([newest.number if newest else 0, *_numbers(folder)]) + 1
    path, written = _path_of(folder, number), render_receipt(linked)
    try:
        with replace_private(path) as file:
            file.write(written)
    except OSError as error:
        raise explain_disk(error, path) from None
    ledger.notes.newest_receipt = ReceiptMark(number, receipt_digest(written))
    return Link(path, linked)


def read_chain(folder: Path, ledger: Ledger) -> Iterator[Link]:
    """Yield the receipts from the newest to the first, each only if it is the one that was issued.

    Where one is gone or changed, that is told in its place, and is the end: which one was before it nobody knows.
    """
    mark, numbers = _find_newest(folder, ledger), _numbers(folder)
    while mark is not None:
        # A file that is none of the chain may lie between two that are.
        found = next((one for one in _written_through(folder, numbers, mark) if one[1] == mark.sha256), None)
        if found is None:
            yield _break_at(_path_of(folder, mark.number), mark)
            return
        number, _, written = found
        path = _path_of(folder, number)
        receipt = parse_receipt(written, str(path))
        yield Link(path, receipt)
        mark = ReceiptMark(number - 1, receipt.previous_sha256) if receipt.previous_sha256 else None


def _written_through(folder: Path, numbers: list[int], mark: ReceiptMark) -> Iterator[tuple[int, str, bytes]]:
    """Yield number, digest and bytes of the files up to that of `mark`, the last one first."""
    for number in reversed(numbers):
        if number <= mark.number:
            path = _path_of(folder, number)
            try:
                written = path.read_bytes()
            except OSError as error:
                raise explain_disk(error, path) from None
            yield number, receipt_digest(written), written


def _break_at(path: Path, mark: ReceiptMark) -> Link:
    found = "it changed" if path.exists() else "none"
    return Link(
        path, None, f"Expected the receipt that was issued (sha256 {mark.sha256}), found {found} - {path}"
    )


def _find_newest(folder: Path, ledger: Ledger) -> ReceiptMark | None:
    """Return the newest receipt: the one that the ledger notes, or one that was written on it just before a kill."""
    noted, there = ledger.notes.newest_receipt, _numbers(folder)
    if not there or (noted is not None and there[-1] <= noted.number):
        return noted
    path = _path_of(folder, there[-1])
    try:
        written = path.read_bytes()
        receipt = parse_receipt(written, str(path))
    except OSError as error:
        raise explain_disk(error, path) from None
    except InputError:
        return noted
    # A ledger from before this was noted knows none: there the newest file counts.
    if noted is not None and receipt.previous_sha256 != noted.sha256:
        return noted
    ledger.notes.newest_receipt = found = ReceiptMark(there[-1], receipt_digest(written))
    return found


def _numbers(folder: Path) -> list[int]:
    names = receipts_folder(folder).glob("*.json")
    return sorted(int(path.stem) for path in names if path.stem.isascii() and path.stem.isdigit())


def _path_of(folder: Path, number: int) -> Path:
    return receipts_folder(folder) / f"{number:06d}.json"
