"""Finds the delivered events that a later load delivered again under their ids: corrected rows. What the destination
shows under such an id is what was sent last, so that of the earlier event nothing is to be asked.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from etl.ledger.bitmap import set_indices
from etl.ledger.store import Ledger
from etl.state.kept_load import kept_folder

__all__ = ["Superseded", "find_superseded"]

# The indices by part, of the loads that have any.
Superseded = Mapping[int, Mapping[int, frozenset[int]]]


def find_superseded(folder: Path, ledger: Ledger, loads: Iterable[int]) -> Superseded:
    """Return which delivered events of `loads` a later one of them delivered again; raises `StateError`.

    Only loads that can hold such rows are compared, by hashes of 64 bits, which hold little memory.
    """
    found: dict[int, dict[int, frozenset[int]]] = {}
    newer = pl.Series("id", dtype=pl.UInt64)
    for number in sorted(loads, reverse=True):
        overrides = _overrides(ledger, number)
        if not overrides and newer.is_empty():
            continue
        hashes = [newer]
        kept = kept_folder(folder, ledger, number)
        for part in ledger.parts(number):
            delivered = pl.Series(set_indices(part.delivered), dtype=pl.UInt32)
            ids = kept.read_ids(part.number, ["id"])["id"].gather(delivered).hash()
            if indices := delivered.filter(ids.is_in(newer.implode())).to_list():
                found.setdefault(number, {})[part.number] = frozenset(indices)
            hashes.append(ids)
        if overrides:
            newer = pl.concat(hashes)
    return found


def _overrides(ledger: Ledger, load: int) -> bool:
    """Whether a load may hold events that go out again under ids which were delivered before it."""
    corrections = ledger.notes.corrections.of(load)
    return ledger.load(load).kind != "files" or bool(corrections and corrections.sent)
