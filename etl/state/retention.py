"""Removes the files of old loads, as `[state] keep_loads` asks: their ids and their rejects. The ledger keeps their
books.

Rule: the ledger says first that the files of a load are gone, then they go; so a load whose files are missing without
that is damage, and a run that is killed here goes on at the next. An unfinished load, one whose parts are kept until it
is verified, and any after it, is never touched.
"""

import shutil
from collections.abc import Container, Iterable
from pathlib import Path

from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.parts import explain_disk, load_folder

__all__ = ["clear_old_loads", "last_clearable"]


def last_clearable(loads: Iterable[LoadEntry], keep: int | None, waiting: Container[int] = ()) -> int:
    """Return the number of the newest load whose files may be removed, with all before it; 0 for none."""
    if keep is None:
        return 0
    in_order = sorted(loads, key=lambda load: load.number)
    old = in_order[: max(0, len(in_order) - keep)]
    last = 0
    for load in old:
        if load.state == "open" or load.number in waiting:
            break
        last = load.number
    return last


def clear_old_loads(
    folder: Path, ledger: Ledger, *, keep: int | None, waiting: Container[int] = ()
) -> tuple[int, ...]:
    """Remove the files of all loads but the newest `keep`; return the numbers of those that had any.

    Their rejects can't be listed or retried after that, and later loads can't find duplicates of their rows. Raises
    `StateError` where the disk refuses.
    """
    loads = ledger.loads()
    last = max(last_clearable(loads, keep, waiting), ledger.cleared_through)
    if last > ledger.cleared_through:
        ledger.notes.cleared_through = last
    cleared = []
    for load in loads:
        place = load_folder(folder, load.number)
        if load.number <= last and place.is_dir():
            try:
                shutil.rmtree(place)
            except OSError as error:
                raise explain_disk(error, place) from None
            cleared.append(load.number)
    return tuple(cleared)
