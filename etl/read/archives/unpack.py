"""Unpacks the members of an archive that a job reads: each once a version of the archive, aside, then renamed.

Files are numbered, never called by the archive's names. What would fill the disk, or was made to, is refused before
anything is written, and stopped where the archive understates it.
"""

import hashlib
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

from etl.errors import InputError, StateError
from etl.private import create_private_file, make_private_folder
from etl.read.archives.members import Member, explained, is_tar, list_members, open_tar
from etl.read.globbing import compile_glob

__all__ = ["Unpacked", "unpack"]

_CHUNK_BYTES: Final = 1 << 20
# Logs shrink to a tenth or a hundredth of their size; what shrinks to less than this was made to fill a disk.
MOST_RATIO: Final = 300
SMALL_BYTES: Final = 1 << 28
SPARE_BYTES: Final = 1 << 28
# A disk writes many small files as fast as one where it is asked for them together.
SYNCS_AT_ONCE: Final = 16


class Unpacked(NamedTuple):
    """A member, and where it is on disk."""

    name: str
    path: Path


def unpack(
    path: Path, name: str, pattern: str | None, folder: Path, is_data: Callable[[str], bool]
) -> list[Unpacked]:
    """Return the members that match `pattern`, or all that are data, sorted by name, unpacked under `folder`.

    Raises `InputError` for an archive that can't be read or isn't what it says, `StateError` where the disk won't have
    its files.
    """
    with explained(name):
        members = list_members(path, name)
    chosen = sorted(_choose(members, pattern, name, is_data))
    _check_names(chosen, name)
    shelf = _open_shelf(path, folder)
    places = {member.number: shelf / f"{member.number:06}" for member in chosen}
    missing = [member for member in chosen if not places[member.number].exists()]
    if missing:
        _check_size(missing, path, name, shelf)
        try:
            with explained(name):
                written = _write(path, name, missing, places)
            _keep(written)
        except OSError as error:
            raise StateError(
                f"Expected room and leave to unpack files, found: {error.strerror or error} - {shelf}",
                "Free some space there, or choose another place with --state-dir",
            ) from None
    return [Unpacked(member.name, places[member.number]) for member in chosen]


def _choose(
    members: Sequence[Member], pattern: str | None, name: str, is_data: Callable[[str], bool]
) -> list[Member]:
    matches = compile_glob(pattern).fullmatch if pattern is not None else is_data
    chosen = [member for member in members if matches(member.name)]
    if not chosen:
        shown = ", ".join(f"`{member.name}`" for member in members[:3])
        held = (
            f"{len(members):,} files ({shown}{', …' if len(members) > 3 else ''})" if members else "no files"
        )
        wanted = (
            f"files that match `{pattern}`" if pattern is not None else "files whose names tell their format"
        )
        raise InputError(
            f"Expected {wanted} in the archive, found {held} - {name}",
            f'Say which, as in paths = ["{PurePosixPath(name).name}!**/*.json"]: * stays within a folder, '
            "**/ goes into all of them",
        )
    return chosen


def _check_names(chosen: Sequence[Member], name: str) -> None:
    """Refuse what nobody could tell apart, what leads out of the archive, and what can't be read without a password."""
    counts = Counter(member.name for member in chosen)
    for member in chosen:
        if member.is_encrypted:
            raise InputError(
                f"Expected an archive without a password, found `{member.name}` encrypted - {name}",
                "Unpack it first, and give the folder under [source] paths",
            )
        if ".." in member.name.split("/"):
            raise InputError(
                f"Expected names inside of the archive, found `{member.name}`, which leads out of it - {name}",
                "Ask where the archive is from: only one that was made to do harm holds such a name",
            )
        if counts[member.name] > 1:
            raise InputError(
                f"Expected names that differ, found `{member.name}` {counts[member.name]} times - {name}",
                "Unpack it, and give the files under [source] paths",
            )


def _check_size(missing: Sequence[Member], path: Path, name: str, shelf: Path) -> None:
    size = sum(member.size for member in missing)
    packed = path.stat().st_size
    if size > SMALL_BYTES and size > packed * MOST_RATIO:
        raise InputError(
            f"Expected logs, found {packed >> 10:,} KB that unpack to {size >> 20:,} MB, as only an archive does that "
            f"was made to fill disks - {name}",
            "If it is meant, unpack it yourself, and give the folder under [source] paths",
        )
    room = shutil.disk_usage(shelf).free - SPARE_BYTES
    if size > room:
        raise StateError(
            f"Expected room for {size >> 20:,} MB of unpacked files, found {max(0, room) >> 20:,} MB - {shelf}",
            "Free some space there, or choose another place with --state-dir",
        )


def _open_shelf(path: Path, folder: Path) -> Path:
    """Return the folder for this version of the archive; those of earlier ones go."""
    state = path.stat()
    whose = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    version = hashlib.sha256(f"{state.st_size} {state.st_mtime_ns} {state.st_ino}".encode()).hexdigest()[:16]
    shelf = folder / f"{whose}-{version}"
    if not shelf.exists():
        for old in folder.glob(f"{whose}-*"):
            shutil.rmtree(old, ignore_errors=True)
        make_private_folder(shelf)
    return shelf


def _write(
    path: Path, name: str, missing: Sequence[Member], places: dict[int, Path]
) -> list[tuple[Path, Path]]:
    """Write the members aside; return where each is, and where it belongs."""
    written: list[tuple[Path, Path]] = []
    mtime_ns = path.stat().st_mtime_ns
    wanted = {member.own_name: member for member in missing}
    if is_tar(name):
        with open_tar(path, name) as tar:
            for one in tar:
                if one.isfile() and one.name in wanted and (stream := tar.extractfile(one)) is not None:
                    member = wanted[one.name]
                    written.append(
                        (_copy(stream, member, places[member.number], mtime_ns), places[member.number])
                    )
        return written
    with zipfile.ZipFile(path) as archive:
        for own_name, member in wanted.items():
            with archive.open(own_name) as stream:
                written.append(
                    (_copy(stream, member, places[member.number], mtime_ns), places[member.number])
                )
    return written


def _keep(written: Sequence[tuple[Path, Path]]) -> None:
    """Give the files their names once they are on disk: a file with its name is whole."""
    with ThreadPoolExecutor(SYNCS_AT_ONCE, "unpack") as pool:
        for (aside, place), _ in zip(written, pool.map(_sync, (aside for aside, _ in written)), strict=True):
            aside.replace(place)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _copy(stream: IO[bytes], member: Member, place: Path, mtime_ns: int) -> Path:
    """Write one member aside; return where."""
    aside = place.with_suffix(f".{os.getpid()}.part")
    create_private_file(aside)
    with aside.open("r+b") as file:
        left = member.size
        while chunk := stream.read(min(_CHUNK_BYTES, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"`{member.name}` holds more than it says")
            file.write(chunk)
    os.utime(aside, ns=(mtime_ns, mtime_ns))
    return aside
