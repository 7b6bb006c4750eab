"""Fetches one remote file into a folder: once, whole, and on from where it broke off.

A version of a remote file is known by its ETag, or where there is none by its size and modification time. What was
fetched is kept with that beside it: the same version isn't fetched again, and a part of another version is never
gone on with. Writes only under the folder it is given.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from etl.errors import Incomplete, StateError
from etl.read.partitions import Partitions

__all__ = ["Fetched", "Passing", "Remote", "Reply", "Version", "fetch"]

ATTEMPTS: Final = 5
_FIRST_WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that can be read here: how the job's reader knows it, where it is, and what its folders' names say."""

    name: str
    path: Path
    etag: str | None = None
    partitions: Partitions = ()


class Version(NamedTuple):
    """What tells one version of a remote file from another; empty where the server says nothing."""

    etag: str | None
    modified: str | None
    size: int | None

    @property
    def is_known(self) -> bool:
        """Whether the same version can be told again; a weak ETag does not vouch for the bytes."""
        return bool(self.etag and not self.etag.startswith("W/")) or bool(
            self.modified and self.size is not None
        )


class Reply(NamedTuple):
    """A remote file's bytes from `start` on; `chunks` is None where the known version is still the one."""

    version: Version
    start: int
    chunks: Generator[bytes, None, None] | None


class Passing(Exception):  # noqa: N818 - it states a condition
    """The server is out of reach or out of order for now: the next attempt may do."""


class Remote(Protocol):
    """A remote file: `name` is safe to show, `identity` tells it from others."""

    @property
    def name(self) -> str:
        """What messages and reports call it."""
        ...

    @property
    def identity(self) -> str:
        """What the files fetched from it are kept by."""
        ...

    def open(self, whole: Version | None, part: Version | None, part_bytes: int) -> Reply:
        """Ask for the file: nothing where it is still `whole`, the rest where it is still `part`, else all of it.

        Raises `InputError` where it can't be had, `Passing` where it may be had later.
        """
        ...


def fetch(remote: Remote, folder: Path, sleep: Callable[[float], None] = time.sleep) -> Fetched:
    """Return the remote file as it is now, fetched into `folder` where that isn't there yet.

    Raises `InputError` where it can't be had, `Incomplete` where the network fails again and again, `StateError` where
    the disk won't have it.
    """
    shelf = _Shelf(folder, remote.identity)
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(_FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
        try:
            version = _fetch_on(remote, shelf)
        except Passing as passing:
            reason = str(passing)
            continue
        except OSError as error:
            raise StateError(
                f"Expected room and leave to write fetched files, found: {error.strerror or error} - {folder}",
                "Free some space there, or choose another place with --state-dir",
            ) from None
        return Fetched(remote.name, shelf.data, version.etag)
    raise Incomplete(
        f"Expected {remote.name}, found: {reason}, {ATTEMPTS} times in a row",
        "Run the same command again later: what is fetched is kept, and it goes on from there",
    )


def _fetch_on(remote: Remote, shelf: "_Shelf") -> Version:
    part = shelf.read_version(shelf.part)
    part_bytes = shelf.part.stat().st_size if part and part.is_known and shelf.part.exists() else 0
    reply = remote.open(shelf.read_version(shelf.data), part if part_bytes else None, part_bytes)
    if reply.chunks is None:
        return reply.version
    with closing(reply.chunks), shelf.open_part(reply.start) as file:
        shelf.write_version(shelf.part, reply.version)
        received = reply.start
        for chunk in reply.chunks:
            file.write(chunk)
            received += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    if reply.version.size is not None and received != reply.version.size:
        raise Passing(f"the answer broke off after {received:,} of {reply.version.size:,} bytes")
    shelf.keep(reply.version)
    return reply.version


class _Shelf:
    """The files that one remote file has here: `.data` when whole, `.part` before, each with its version beside it."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        stem = hashlib.sha256(identity.encode()).hexdigest()[:32]
        self.data, self.part = folder / f"{stem}.data", folder / f"{stem}.part"

    def read_version(self, file: Path) -> Version | None:
        """Return the version of `file`, or None where it isn't there or nothing sure is known of it."""
        try:
            etag, modified, size = json.loads(file.with_suffix(file.suffix + ".json").read_text())
            exists = file.exists()
        except (OSError, ValueError):
            return None
        return Version(etag, modified, size) if exists else None

    def write_version(self, file: Path, version: Version) -> None:
        beside = file.with_suffix(file.suffix + ".json")
        aside = beside.with_suffix(".new")
        with os.fdopen(
            os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w"
        ) as out:
            json.dump(version, out)
        aside.replace(beside)

    def open_part(self, start: int) -> BinaryIO:
        """Open the part to go on at byte `start`, with nothing after it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.fdopen(os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        file.truncate(start)
        file.seek(start)
        return file

    def keep(self, version: Version) -> None:
        # The version goes first and comes last: between the two, the data counts as not there.
        self.data.with_suffix(".data.json").unlink(missing_ok=True)
        self.part.replace(self.data)
        self.part.with_suffix(".part.json").unlink(missing_ok=True)
        self.write_version(self.data, version)
