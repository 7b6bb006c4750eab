"""What staging made, as values: they go into the ledger and come out of it. Times are seconds since the epoch, UTC."""

from dataclasses import dataclass
from typing import Literal

from etl.event import ID_SCHEME_VERSION

__all__ = [
    "DELIVERED",
    "FEW_PART_EVENTS",
    "MAX_PART_BYTES",
    "MAX_PART_EVENTS",
    "PENDING",
    "REFUSED",
    "REPEATED",
    "Corrections",
    "KeptFile",
    "LoadKind",
    "RenamedRows",
    "SourceFile",
    "StagedLoad",
    "StagedPart",
]

MAX_PART_EVENTS = 65_536
FEW_PART_EVENTS = 16_384
# Of bodies and original columns: what a part takes in memory while it is written.
MAX_PART_BYTES = 32 << 20
# What became of an event of a part so far.
PENDING, DELIVERED, REFUSED, REPEATED = range(4)
LoadKind = Literal["files", "retry"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One source file as it was when its rows were staged. `size` is in bytes."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Corrections:
    """The rows of a load that came again with another content: how many were found, go out, or became rejects.

    `unknown` are rows whose first delivery kept no digest to compare with. `first` is the position of the file and the
    number of the first row that doesn't go.
    """

    found: int = 0
    sent: int = 0
    rejected: int = 0
    unknown: int = 0
    first: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class RenamedRows:
    """How many events of a load an older mapping delivered under another id, and of how many the content differs.

    `first` is the position of the file, the number and the id of the first such row.
    """

    events: int = 0
    changed: int = 0
    first: tuple[int, int, str] | None = None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a load's folder as it was written: later decisions rest on it, so it is checked before it is
    believed.
    """

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StagedPart:
    """One part as staged: `events` counts its rows, those marked in the bitmap `duplicates` included.

    The bitmap has one bit an event, the lowest bit of each byte first.
    """

    number: int
    events: int
    size_bytes: int
    sha256: str
    duplicates: bytes
    n_duplicate: int


@dataclass(frozen=True, slots=True)
class StagedLoad:
    """One load as staged: `rejected` counts the rejects found so far, `mapping` is a fingerprint.

    `kept` are the files of its folder besides the parts of events.
    """

    number: int
    kind: LoadKind
    staged_at: float
    read: int
    skipped: int
    rejected: int
    files: tuple[SourceFile, ...]
    parts: tuple[StagedPart, ...]
    mapping: str
    ids_digest: str
    id_scheme_version: int = ID_SCHEME_VERSION
    kept: tuple[KeptFile, ...] = ()
