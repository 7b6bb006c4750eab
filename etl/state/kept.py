"""Opens the folder of a load with what the ledger knows of its files."""

from pathlib import Path

from etl.ledger.store import Ledger
from etl.stage.kept import KeptFolder
from etl.stage.parts import events_path, load_folder
from etl.values.staged import KeptFile

__all__ = ["kept_folder"]


def kept_folder(folder: Path, ledger: Ledger, load: int) -> KeptFolder:
    """Return the files of `load` in the state `folder`: parts, rejects, ids and others."""
    place = load_folder(folder, load)
    parts = [
        KeptFile(events_path(place, part.number).name, part.size_bytes, part.sha256)
        for part in ledger.parts(load)
    ]
    return KeptFolder(place, [*parts, *ledger.kept_files(load)], is_listed=ledger.lists_files(load))
