"""Where a row is from, as far as the name of its file tells: what a job may map like a column. Pure."""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Final, Literal
from urllib.parse import urlsplit

__all__ = ["PLACES", "ROW_NUMBER", "Whence", "place_column", "tell_whence"]

Whence = Literal["file", "folder", "path", "sheet", "row"]
PLACES: Final[tuple[Whence, ...]] = ("file", "folder", "path", "sheet", "row")
_SHEET: Final = re.compile(r"(?is)^(.*?\.(?:xlsx|xlsm|xlsb|xls|ods))!(.+)$")
_ARCHIVE: Final = re.compile(
    r"(?is)^(.*?\.(?:zip|tgz|tbz2?|tzst|txz|tar(?:\.(?:gz|bz2|zst|zstd|xz))?))!(.+)$"
)
_SUFFIXES: Final = re.compile(r"(?i)(?:\.tar)?\.[a-z0-9]+$")


def place_column(place: Whence) -> str:
    """Return the name of the column that holds `place`, which stays with the row wherever it is kept."""
    return f"({place})"


ROW_NUMBER: Final = place_column("row")


def tell_whence(name: str, folder: Path) -> dict[str, str | None]:
    """Return, by the columns that hold them, what is known of the rows of a file that reports call `name`.

    `folder` is the job file's own, which the name is relative to. A member of an archive that is in no folder counts as
    in one called like the archive, as it is when it is unpacked.
    """
    whole, sheet = (match[1], match[2]) if (match := _SHEET.match(name)) else (name, None)
    if match := _ARCHIVE.match(whole):
        parts = match[2].split("/")
        around = parts[-2] if len(parts) > 1 else _SUFFIXES.sub("", _last(match[1]))
        return _as_columns(parts[-1], around, name, sheet)
    if "://" in whole:
        path = PurePosixPath(urlsplit(whole).path)
        return _as_columns(path.name, path.parent.name, name, sheet)
    place = Path(os.path.normpath(folder.absolute() / whole))
    return _as_columns(place.name, place.parent.name, name, sheet)


def _as_columns(file: str, around: str, path: str, sheet: str | None) -> dict[str, str | None]:
    values: dict[Whence, str | None] = {"file": file, "folder": around or None, "path": path, "sheet": sheet}
    return {place_column(place): value for place, value in values.items()}


def _last(name: str) -> str:
    path = urlsplit(name).path if "://" in name else name
    return PurePosixPath(path).name
