"""Values to rows of the ledger and back. Runs no SQL."""

from dataclasses import replace

from etl.ledger.bitmap import count_bits, empty_bitmap, is_well_formed
from etl.ledger.facts import LoadEntry, PartEntry, RunEntry
from etl.ledger.tables import Cell, Row, storable
from etl.values.books import Books
from etl.values.delivery import Refusal, Settlement
from etl.values.reject import RejectCode
from etl.values.staged import MAX_PART_EVENTS, SourceFile, StagedLoad, StagedPart

__all__ = [
    "books_of_load",
    "check_staged",
    "file_of",
    "file_row",
    "load_of",
    "load_row",
    "part_of",
    "part_row",
    "refusal_of",
    "refusal_row",
    "run_of",
    "run_row",
    "staged_entry",
    "staged_part_entry",
]


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


def load_row(entry: LoadEntry) -> list[Cell]:
    """Return the row of `entry`."""
    completed_at = None if entry.completed_at is None else float(entry.completed_at)
    return [
        *(entry.number, entry.kind, entry.state, float(entry.staged_at), completed_at),
        *(entry.read, entry.skipped, entry.rejected, entry.duplicate, entry.events, entry.n_parts),
        *(entry.mapping, entry.ids_digest, entry.id_scheme_version, int(entry.ids_kept)),
    ]


def load_of(row: Row) -> LoadEntry:
    """Return the load of `row`."""
    return replace(LoadEntry(*row), ids_kept=bool(row[-1]))


def part_row(load: int, entry: PartEntry) -> list[Cell]:
    """Return the row of `entry`, a part of `load`."""
    return [
        *(load, entry.number, entry.events, entry.size_bytes, entry.sha256),
        *(entry.n_duplicate, entry.n_delivered, entry.n_refused),
        *(entry.duplicate, entry.delivered, entry.refused),
    ]


def part_of(row: Row) -> PartEntry:
    """Return the part of `row`."""
    return PartEntry(*row[1:])


def file_row(load: int, position: int, file: SourceFile) -> list[Cell]:
    """Return the row of `file`; a path that is not UTF-8 is kept as its bytes."""
    raw = file.path.encode(errors="surrogateescape")
    path: Cell = raw if raw.decode(errors="replace") != file.path else file.path
    return [load, position, path, file.size, file.mtime_ns, file.sha256, file.rows]


def file_of(row: Row) -> SourceFile:
    """Return the source file of `row`."""
    path = row[2].decode(errors="surrogateescape") if isinstance(row[2], bytes) else row[2]
    return SourceFile(path, *row[3:])


def refusal_row(load: int, part: int, index: int, refusal: Refusal) -> list[Cell]:
    """Return the row of `refusal`."""
    texts = (refusal.server_code, refusal.detail, refusal.request_id)
    return [
        *(load, part, index, refusal.code.value, storable(refusal.reason), refusal.status),
        *(None if text is None else storable(text) for text in texts),
        *(refusal.attempts, float(refusal.first_at), float(refusal.last_at)),
    ]


def refusal_of(row: Row) -> Settlement:
    """Return the refusal of `row` with its place."""
    return Settlement(row[1], row[2], Refusal(RejectCode(row[3]), *row[4:]))


def run_row(entry: RunEntry) -> list[Cell]:
    """Return the row of `entry`."""
    ended_at = None if entry.ended_at is None else float(entry.ended_at)
    return [
        *(entry.number, entry.load, float(entry.started_at), ended_at, entry.exit_code, entry.state),
        *(entry.delivered, entry.attempts, entry.retries),
    ]


def run_of(row: Row, ending: Row = ()) -> RunEntry:
    """Return the run of `row`, with what it said at its `ending`, the row of that, if there is one."""
    return RunEntry(*row, *ending[1:])


def ending_row(entry: RunEntry) -> list[Cell]:
    """Return the row of what `entry` said when it ended."""
    return [entry.number, storable(entry.message), storable(entry.fix), storable(entry.log)]
