"""Opens the folder of a load with what the ledger knows of its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from etl.ledger.store import Ledger
from etl.stage.kept import KeptFolder
from etl.stage.parts import events_path, load_folder
from etl.values.staged import KeptFile

__all__ = ["KeptLoad", "kept_folder"]


def kept_folder(folder: Path, ledger: Ledger, load: int) -> KeptFolder:
    """Return the files of `load` in the state `folder`: parts, rejects, ids and others."""
    place = load_folder(folder, load)
    parts = [
        KeptFile(events_path(place, part.number).name, part.size_bytes, part.sha256)
        for part in ledger.parts(load)
    ]
    return KeptFolder(place, [*parts, *ledger.kept_files(load)], is_listed=ledger.lists_files(load))


@dataclass(frozen=True, slots=True)
class KeptLoad:
    """A load: its number, the ledger that knows it, and what is kept of its files."""

    ledger: Ledger
    number: int
    files: KeptFolder

    @classmethod
    def of(cls, folder: Path, ledger: Ledger, number: int) -> Self:
        """Return the load `number` of the job whose state is in `folder`."""
        return cls(ledger, number, kept_folder(folder, ledger, number))
