"""Names of what is inside of a file: `a.zip!logs/*.json` are members of an archive, `book.xlsx!Data` is a sheet."""

import re
import zipfile
from pathlib import Path
from typing import Final

from etl.read.archives.members import is_tar

__all__ = ["is_archive", "split_inside"]

_INSIDE: Final = re.compile(
    r"(?is)(.*?\.(?:zip|tar|tar\.(?:gz|bz2|zst|zstd|xz)|tgz|tbz2?|tzst|txz|xlsx|xlsm|xlsb|xls|ods)(?:\?[^!]*)?)!(.+)"
)


def split_inside(pattern: str, folder: Path) -> tuple[str, str | None]:
    """Return the file, and what inside of it is meant; None where the pattern names no such thing."""
    match = _INSIDE.fullmatch(pattern)
    if match is None or (folder / pattern).exists():
        return pattern, None
    return match[1], match[2]


def is_archive(name: str, path: Path, *, names_members: bool) -> bool:
    """Whether the file called `name` holds files of its own.

    A zip of one file is that file, compressed, unless the job names members.
    """
    if is_tar(name):
        return True
    if not name.partition("?")[0].lower().endswith(".zip") or not zipfile.is_zipfile(path):
        return False
    if names_members:
        return True
    try:
        inside = _list_files(path)
    except (zipfile.BadZipFile, NotImplementedError):  # told where it is read
        return False
    return len(inside) > 1


def _list_files(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as archive:
        return [
            one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")
        ]
