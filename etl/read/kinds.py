"""What kind of file a source is: its format and its compression, by name and by first bytes.

Rule: the name says what a file is, and its bytes must agree. Where a name says nothing, bytes that can't be text do.
"""

import codecs
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from etl.errors import InputError
from etl.read.archives.single import only_member

__all__ = [
    "APPENDABLE",
    "FLAGGED",
    "LINED",
    "TYPED",
    "Kind",
    "UnknownFormatError",
    "format_in_name",
    "tell_kind",
]

FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".avro": "avro",
}
# Whose columns hold values of several types, row by row.
FLAGGED: Final = frozenset({"ndjson", "json"})
# Whose rows come with the line of the file, or the row of the sheet, that they begin in.
LINED: Final = FLAGGED | {"excel", "access_log"}
# To whose files somebody may append rows.
APPENDABLE: Final = frozenset({"csv", "tsv", "ndjson", "access_log"})
# Whose rows are read again from the file itself: no text of a value gives back every one exactly.
TYPED: Final = frozenset({"parquet", "arrow", "avro"})
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2", ".zip": "zip"}
# First bytes that settle what a file is, whatever its name says.
_SIGNATURES: Final = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "parquet",
    b"ARROW1": "Arrow",
    b"\xff\xff\xff\xff": "Arrow",
    b"Obj\x01": "Avro",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\xd0\xcf\x11\xe0": "Excel",
    b"%PDF-": "PDF",
    b"SQLite format 3\x00": "SQLite",
    b"\xfd7zXZ\x00": "xz",
}
_WEB_PAGE: Final = "a web page (HTML)"
_PAGE_STARTS: Final = (b"<!doctype html", b"<html", b"<head")
_HEAD_BYTES: Final = 64
_NO_TEXT: Final = {"parquet": "Parquet", "excel": "a workbook", "arrow": "Arrow", "avro": "Avro"}
_BINARY: Final = {"parquet": "parquet", "arrow": "Arrow", "avro": "Avro"}


class UnknownFormatError(InputError):
    """Neither the name of a file nor its first bytes say in which format it is."""


class Kind(NamedTuple):
    """A file's format (`csv`, `tsv`, `ndjson`, `json`, `excel`, `parquet`, `arrow`, `avro`) and compression, if any."""

    format: str
    compression: str | None


def format_in_name(name: str) -> str | None:
    """Return the format that the name alone tells, None where it tells none; `book.xlsx!Data` is a sheet's."""
    return _read_suffixes(_SHEET.sub("", name))[0]


def tell_kind(name: str, path: Path, wanted: str | None) -> Kind:
    """Return what the file called `name` at `path` is; `wanted` is the format the job says.

    Raises `InputError` where that can't be told, or its first bytes say otherwise, and `OSError` from reading them.
    """
    found = _find_signature(path)
    if found is None:
        raise InputError(
            f"Expected rows, found an empty file - {name}",
            "Export the file again, or remove it from [source] paths",
        )
    known, compression = _read_suffixes(name)
    if compression is None and known is None and found in COMPRESSIONS.values():
        compression = found
    kind = wanted or known
    if kind is None and compression == "zip" and found == "zip":
        kind = _read_suffixes(_name_in_zip(name, path))[0]
    if kind is None:
        kind = next((form for form, sign in _BINARY.items() if sign == found), None)
    if kind is None:
        raise UnknownFormatError(
            "Expected a name that ends in .csv, .tsv, .ndjson, .json, .xlsx or .parquet (and .gz, .zst, .bz2 or .zip), "
            f"found `{_last(name)}` - {name}",
            'Say what the files are: format = "csv" under [source]',
        )
    _check_signature(name, kind, compression, found)
    if kind in _NO_TEXT and compression:
        raise InputError(
            f"Expected {_NO_TEXT[kind]} as it is, found it inside {compression} - {name}",
            f"Decompress it: {_NO_TEXT[kind]} compresses itself",
        )
    return Kind(kind, compression)


_SHEET: Final = re.compile(r"(?is)(?<=\.xlsx|\.xlsm|\.xlsb)!.*|(?<=\.xls|\.ods)!.*")


def _read_suffixes(name: str) -> tuple[str | None, str | None]:
    suffixes = [suffix.lower() for suffix in PurePosixPath(name.partition("?")[0]).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    inner = suffixes[:-1] if compression else suffixes
    return (FORMATS.get(inner[-1]) if inner else None), compression


def _find_signature(path: Path) -> str | None:
    """Return what the file's bytes say it is: `text` where nothing else, None where there are none."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head.startswith(b"PAR1"):
            # Text may start so too: Parquet also ends so. A truncated one holds zero bytes early on.
            file.seek(-4, 2)
            is_parquet = file.read(4) == b"PAR1" or any(byte < 9 for byte in head)
            return "parquet" if is_parquet else "text"
    if not head:
        return None
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bzip2"
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(_PAGE_STARTS):
        return _WEB_PAGE
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), "text")


def _name_in_zip(name: str, path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            return only_member(archive, name).filename
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(
            f"Expected a whole zip, found: {error} - {name}",
            "Copy or export the file again: it is truncated or damaged",
        ) from None


def _check_signature(name: str, kind: str, compression: str | None, found: str) -> None:
    if kind == "excel" and compression is None:
        _check_workbook(name, found)
        return
    expected = compression or _BINARY.get(kind, "text")
    if found == expected:
        return
    shown = f"no {expected} signature in its first bytes" if found == "text" else f"{found} data"
    shown = found if found == _WEB_PAGE else shown
    wanted = f"{expected} data" if expected != "text" else f"{kind} text"
    raise InputError(f"Expected {wanted}, found {shown} - {name}", _fix_for(found, name, compression))


def _check_workbook(name: str, found: str) -> None:
    if found in ("text", _WEB_PAGE):
        raise InputError(
            f"Expected a workbook, found {found} - {name}",
            'Open it in a spreadsheet and save it as .xlsx, or where it is CSV by another name: format = "csv" under '
            "[source]",
        )
    if found == "Excel" and PurePosixPath(_SHEET.sub("", name)).suffix.lower() != ".xls":
        raise InputError(
            f"Expected a workbook as its name says, found one with a password, or an old .xls - {name}",
            "Save a copy without a password, or name it .xls where that is what it is",
        )
    if found not in ("zip", "Excel"):
        raise InputError(
            f"Expected a workbook, found {found} data - {name}", "Export the file again as .xlsx or CSV"
        )


def _fix_for(found: str, name: str, compression: str | None) -> str:
    suffix = next((suffix for suffix, kind in COMPRESSIONS.items() if kind == found and found != "zip"), None)
    if suffix:
        return f"Rename it to {_last(name)}{suffix}"
    if found == "parquet":
        return 'Set format = "parquet" under [source], and name it .parquet'
    if found == "text" and compression:
        return f"Rename it without the {PurePosixPath(name).suffix}: it is not compressed, or it is damaged"
    if found == _WEB_PAGE:
        return "Download it again, signed in: a login or error page was saved in its place"
    if found in ("Excel", "zip"):
        return "Name it as what it is: .xlsx, .xls or .ods for a workbook, .zip for an archive"
    return "Export the file again as CSV, TSV, NDJSON, JSON or Parquet"


def _last(name: str) -> str:
    return PurePosixPath(name).name
