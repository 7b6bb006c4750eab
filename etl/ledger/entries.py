"""What staging made, as entries of the ledger; and the books that follow from an entry. Runs no SQL."""

from etl.ledger.bitmap import count_bits, empty_bitmap, is_well_formed
from etl.ledger.facts import LoadEntry, PartEntry
from etl.values.books import Books
from etl.values.staged import MAX_PART_EVENTS, StagedLoad, StagedPart

__all__ = ["books_of_load", "check_staged", "staged_entry", "staged_part_entry"]


def check_staged(load: StagedLoad) -> None:
    """Raise AssertionError where the counts of `load` don't add up: that is a bug of staging."""
    for part in load.parts:
        well_formed = is_well_formed(part.duplicates, part.events) and part.events <= MAX_PART_EVENTS
        if not well_formed or count_bits(part.duplicates) != part.n_duplicate:
            raise AssertionError(
                f"load {load.number}: part {part.number} has a malformed bitmap of duplicates"
            )
    numbers = [part.number for part in load.parts]
    if len(set(numbers)) != len(numbers):
        raise AssertionError(f"load {load.number}: two parts have one number")
    staged = sum(part.events for part in load.parts)
    if load.read != load.skipped + load.rejected + staged:
        raise AssertionError(
            f"load {load.number}: the books don't balance: read {load.read}, skipped {load.skipped}, "
            f"rejected {load.rejected}, staged {staged}"
        )


def staged_entry(load: StagedLoad) -> LoadEntry:
    """Return `load` as the ledger's entry of a load that was just staged."""
    duplicate = sum(part.n_duplicate for part in load.parts)
    return LoadEntry(
        number=load.number,
        kind=load.kind,
        state="open",
        staged_at=load.staged_at,
        completed_at=None,
        read=load.read,
        skipped=load.skipped,
        rejected=load.rejected,
        duplicate=duplicate,
        events=sum(part.events for part in load.parts) - duplicate,
        n_parts=len(load.parts),
        mapping=load.mapping,
        ids_digest=load.ids_digest,
        id_scheme_version=load.id_scheme_version,
        ids_kept=False,
    )


def staged_part_entry(part: StagedPart) -> PartEntry:
    """Return `part` as the ledger's entry of a part of which nothing is settled."""
    unset = empty_bitmap(part.events)
    return PartEntry(
        *(part.number, part.events, part.size_bytes, part.sha256, part.n_duplicate, 0, 0),
        *(part.duplicates, unset, unset),
    )


def books_of_load(load: LoadEntry, delivered: int, refused: int) -> Books:
    """Return the books of `load`, of whose events so many are delivered and refused."""
    return Books(
        read=load.read,
        delivered=delivered,
        rejected=load.rejected + refused,
        duplicate=load.duplicate,
        skipped=load.skipped,
        pending=load.events - delivered - refused,
    )
