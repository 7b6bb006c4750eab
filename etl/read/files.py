"""A file that a job reads: what it is, what it is known by, why it can't be read. Opens files, parses none."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from etl.errors import InputError
from etl.read.partitions import Partitions

__all__ = ["Fingerprint", "SourcePath", "explain_os_error", "fingerprint"]


@dataclass(frozen=True, slots=True)
class SourcePath:
    """One file to read: `name` is how the job's reader knows it, `path` is where it is.

    `compression` is `gzip`, `zstd`, `bzip2`, `zip` or None; `partitions` are the columns its folders' names give;
    `etag` is what a remote store knew this version by. `end` is where its whole lines end (in bytes) while somebody is
    still writing it; None where all of it counts. `sheet` is the one of a workbook that is meant.
    """

    name: str
    path: Path
    format: str
    compression: str | None
    partitions: Partitions = ()
    etag: str | None = None
    end: int | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file is recognised by: its size, modification time, SHA-256, and ETag where it is remote."""

    size: int
    mtime_ns: int
    sha256: str
    etag: str | None = None


def fingerprint(source: SourcePath, size: int | None = None) -> Fingerprint:
    """Return the fingerprint of the file as it is now, or of its first `size` bytes.

    Raises `InputError` where it can't be read.
    """
    try:
        with source.path.open("rb") as file:
            state = os.fstat(file.fileno())
            digest = (
                hashlib.file_digest(file, "sha256").hexdigest() if size is None else _digest_start(file, size)
            )
    except OSError as error:
        raise explain_os_error(error, source) from None
    return Fingerprint(state.st_size if size is None else size, state.st_mtime_ns, digest, source.etag)


def explain_os_error(error: OSError, source: SourcePath) -> InputError:
    """Return the error a person reads for a file that can't be read to its end."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"Expected a file, found nothing - {source.name}", "Put the file back, or mend [source] paths"
        )
    if isinstance(error, PermissionError):
        return InputError(
            f"Expected a readable file, found: permission denied - {source.name}",
            f"Allow reading it: chmod u+r {source.path}",
        )
    if source.compression:
        return InputError(
            f"Expected whole {source.compression} data, found: {reason[:200]} - {source.name}",
            "Copy or export the file again: it is truncated or damaged",
        )
    return InputError(
        f"Expected a readable file, found: {reason[:200]} - {source.name}", "Check the file and its disk"
    )


def _digest_start(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(size, 1 << 20))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()
