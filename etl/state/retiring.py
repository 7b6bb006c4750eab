"""Lets the parts of complete loads give way to their ids: at once, once a load is verified, or never, as the job says.

Rule: parts that wait to be verified are what a repair sends without the source, and what names an altered field. They
stay while anything of their load is missing, doubled, altered or unknown.
"""

from pathlib import Path
from typing import Final

from etl.job.unattended import Keeping
from etl.ledger.bitmap import set_indices
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.stage.kept import retire_part
from etl.stage.parts import load_folder, remove_parts
from etl.state.kept_load import kept_folder

__all__ = ["retire_parts", "waiting_loads"]

_UNTIL_VERIFIED: Final = "until-verified"


def retire_parts(folder: Path, ledger: Ledger, load: LoadEntry, keep: Keeping) -> None:
    """Put the ids of a load beside its parts and remove these, where it is complete and `keep` lets them go.

    Killed at any moment, it is done by whoever does it again. Raises `StateError`.
    """
    if load.state != "complete":
        return
    if load.ids_kept:
        remove_parts(load_folder(folder, load.number))
    elif keep is False or (keep == _UNTIL_VERIFIED and _is_proved(ledger, load)):
        _put_ids(folder, ledger, load.number)


def waiting_loads(ledger: Ledger, keep: Keeping) -> tuple[int, ...]:
    """Return the numbers of the complete loads whose parts are kept until they are verified."""
    if keep != _UNTIL_VERIFIED:
        return ()
    whole = [load for load in ledger.loads() if load.state == "complete" and not load.ids_kept]
    return tuple(load.number for load in whole if not _is_proved(ledger, load))


def _is_proved(ledger: Ledger, load: LoadEntry) -> bool:
    """Whether all delivered events of a complete load were asked for, and each was there once and as it was sent.

    Those of which a later load sent a correction are asked for there.
    """
    newest = ledger.proofs.newest(load.number)
    if not ledger.books(load.number).delivered:
        return True
    if newest is None or newest.ended_at is None or newest.sample is not None:
        return False
    is_of_all = load.completed_at is not None and newest.began_at >= load.completed_at
    return is_of_all and newest.counts.confirmed == newest.counts.asked


def _put_ids(folder: Path, ledger: Ledger, load: int) -> None:
    parts, kept = ledger.parts(load), kept_folder(folder, ledger, load)
    takes_over = ledger.takes_over(load) is not None
    files = [
        file
        for part in parts
        for file in retire_part(kept, part.number, set_indices(part.refused), takes_over=takes_over)
    ]
    ledger.keep_ids(load, files)
    remove_parts(load_folder(folder, load))
