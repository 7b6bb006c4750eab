"""A zip that holds one file. Rule: more than one is refused, for nobody said which."""

import zipfile
from pathlib import Path

from etl.errors import InputError

__all__ = ["only_member"]


def only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Return the one file in the zip called `name`; raises `InputError` for none, several or an encrypted one."""
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        shown = ", ".join(f"`{Path(member.filename).name}`" for member in members[:3])
        found = f"{len(members):,} ({shown}{', …' if len(members) > 3 else ''})" if members else "none"
        raise InputError(
            f"Expected a zip that holds one file, found {found} - {name}",
            "Unpack it, and give the files themselves under [source] paths",
        )
    if members[0].flag_bits & 1:
        raise InputError(
            f"Expected a zip without a password, found an encrypted one - {name}", "Unpack it first"
        )
    return members[0]
