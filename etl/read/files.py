"""Which files a job reads: globs, formats, compression, fingerprints. Opens files, parses none."""

import glob
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa

from etl.errors import InputError
from etl.job.model import Job

__all__ = ["Fingerprint", "SourcePath", "explain_os_error", "fingerprint", "open_bytes", "resolve_files"]

FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
# First bytes that settle what a file is, whatever its name says.
SIGNATURES: Final = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "parquet",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xd0\xcf\x11\xe0": "Excel",
    b"%PDF": "PDF",
    b"SQLite format 3\x00": "SQLite",
    b"\xfd7zXZ\x00": "xz",
}


@dataclass(frozen=True, slots=True)
class SourcePath:
    """One file to read: `name` is how the job's reader knows it, `path` is where it is."""

    name: str
    path: Path
    format: str
    compression: str | None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file is known by: size in bytes, modification time in ns, SHA-256 in hex."""

    size: int
    mtime_ns: int
    sha256: str


def resolve_files(job: Job) -> tuple[SourcePath, ...]:
    """Return the files of the job, sorted within each pattern, each once.

    Raises `InputError` where a pattern matches nothing or a file's kind can't be told.
    """
    found: dict[Path, SourcePath] = {}
    for pattern in job.source.paths:
        matches = sorted(glob.glob(str(job.folder / pattern), recursive=True))
        files = [Path(match) for match in matches if not Path(match).is_dir()]
        if not files:
            raise InputError(
                f"Expected files, found none that match `{pattern}` - [source] paths, {job.path}",
                _fix_for_no_match(job.folder, pattern),
            )
        for path in files:
            found.setdefault(path.resolve(), _describe(path, job))
    return tuple(found.values())


def fingerprint(source: SourcePath) -> Fingerprint:
    """Return the fingerprint of the file as it is now; raises `InputError` where it can't be read."""
    try:
        with source.path.open("rb") as file:
            state = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise explain_os_error(error, source) from None
    return Fingerprint(state.st_size, state.st_mtime_ns, digest)


def open_bytes(source: SourcePath) -> BinaryIO:
    """Open the file as a stream of decompressed bytes. Truncated and damaged streams raise OSError on read."""
    return pa.input_stream(str(source.path), compression=source.compression)  # type: ignore[no-any-return]


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
    return InputError(f"Expected a readable file, found: {reason[:200]} - {source.name}", "Check the file and its disk")


def _describe(path: Path, job: Job) -> SourcePath:
    name = os.path.relpath(path, job.folder)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    inner = suffixes[-2] if compression and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
    kind = job.source.format or FORMATS.get(inner)
    if kind is None:
        raise InputError(
            f"Expected a name that ends in .csv, .tsv, .ndjson or .parquet (and .gz or .zst), found `{path.name}` - {name}",
            'Say what the files are: format = "csv" under [source]',
        )
    source = SourcePath(name, path, kind, compression)
    _check_signature(source)
    return source


def _check_signature(source: SourcePath) -> None:
    """Refuse a file whose first bytes say that it is not what its name says."""
    try:
        with source.path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise explain_os_error(error, source) from None
    if not head:
        raise InputError(f"Expected rows, found an empty file - {source.name}", "Export the file again, or remove it from [source] paths")
    found = next((kind for signature, kind in SIGNATURES.items() if head.startswith(signature)), "text")
    expected = source.compression or ("parquet" if source.format == "parquet" else "text")
    if found == expected:
        return
    shown = "something else" if found == "text" and expected != "text" else f"{found} data"
    if found == "text" and expected in ("gzip", "zstd", "parquet"):
        shown = f"no {expected} signature in its first bytes ({head[:8]!r})"
    wanted = f"{expected} data" if expected != "text" else f"{source.format} text"
    raise InputError(f"Expected {wanted}, found {shown} - {source.name}", _fix_for_kind(found, source))


def _fix_for_kind(found: str, source: SourcePath) -> str:
    if found == "gzip":
        return f"Rename it to {source.path.name}.gz"
    if found == "zstd":
        return f"Rename it to {source.path.name}.zst"
    if found == "parquet":
        return 'Set format = "parquet" under [source]'
    if found == "text" and source.compression:
        return f"Rename it without the {source.path.suffix}: it is not compressed"
    if found in ("Excel", "zip"):
        return "Save the sheet as CSV (UTF-8), or unpack the archive"
    return "Export the file again as CSV, TSV, NDJSON or Parquet"


def _fix_for_no_match(folder: Path, pattern: str) -> str:
    where = (folder / pattern).parent
    if glob.has_magic(str(where)) or where.is_dir():
        return f"Check the pattern; it is relative to the job file's folder, {folder}"
    return f"Check the folder: {where} doesn't exist"
