"""What an archive holds: its files by name. Rule: a member's name is only ever a name, never a place to write to."""

import lzma
import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple, cast
from zlib import error as ZlibError  # noqa: N812 - it is an exception

import pyarrow as pa

from etl.errors import InputError

__all__ = ["Member", "explained", "is_tar", "list_members", "open_tar"]

MOST_MEMBERS: Final = 1_000_000
_TAR: Final = re.compile(r"(?i)\.(?:tar(?:\.(?:gz|bz2|zst|zstd|xz))?|tgz|tbz2?|tzst|txz)$")
_CODECS: Final = {
    **dict.fromkeys(("zst", "zstd", "tzst"), "zstd"),
    **dict.fromkeys(("gz", "tgz"), "gzip"),
    **dict.fromkeys(("bz2", "tbz", "tbz2"), "bz2"),
}
_BLOCK_BYTES: Final = 512
_CHUNK_BYTES: Final = 1 << 20
_DAMAGE: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    pa.ArrowException,
    ZlibError,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


class Member(NamedTuple):
    """A file in an archive: how it is known, how the archive calls it, its unpacked size, and how many files precede
    it.
    """

    name: str
    own_name: str
    size: int
    number: int
    is_encrypted: bool = False


def is_tar(name: str) -> bool:
    """Whether a file called so is a tar, compressed or not."""
    return _TAR.search(name.partition("?")[0]) is not None


def list_members(path: Path, name: str) -> list[Member]:
    """Return the files in the archive called `name`, in its order; raises `InputError` where there are too many."""
    if is_tar(name):
        with open_tar(path, name) as archive:
            files = [(one.name, one.size, False) for one in archive if one.isfile()]
    else:
        with zipfile.ZipFile(path) as zipped:
            inside = [one for one in zipped.infolist() if not one.is_dir()]
        files = [(one.filename, one.file_size, bool(one.flag_bits & 1)) for one in inside]
    found = [
        Member(_tidy(own_name), own_name, size, number, is_encrypted)
        for number, (own_name, size, is_encrypted) in enumerate(files)
    ]
    if len(found) > MOST_MEMBERS:
        raise InputError(
            f"Expected at most {MOST_MEMBERS:,} files in an archive, found {len(found):,} - {name}",
            "Unpack it, and give the folder under [source] paths",
        )
    return [one for one in found if not _is_bookkeeping(one.name)]


@contextmanager
def open_tar(path: Path, name: str) -> Iterator[tarfile.TarFile]:
    """Open a tar to go through once, from its start to its end; raises `tarfile.ReadError` where that was cut off."""
    suffix = name.partition("?")[0].rpartition(".")[2].lower()
    with ExitStack() as stack:
        whole = _Watched(stack.enter_context(_decompress(path, suffix)))
        tar = stack.enter_context(tarfile.open(fileobj=cast("IO[bytes]", whole), mode="r|"))
        yield tar
        # The library takes any end for the end: only zeros are one.
        while whole.read(_CHUNK_BYTES):
            pass
        if whole.last.strip(b"\0") or len(whole.last) < _BLOCK_BYTES:
            raise tarfile.ReadError("unexpected end of data")


def _decompress(path: Path, suffix: str) -> AbstractContextManager[IO[bytes]]:
    if suffix in ("xz", "txz"):
        return lzma.open(path)
    stream: AbstractContextManager[IO[bytes]] = pa.input_stream(str(path), compression=_CODECS.get(suffix))
    return stream


class _Watched:
    """A stream that remembers the last block that was read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""

    def read(self, size: int) -> bytes:
        try:
            chunk = self._stream.read(size)
        except OSError as error:  # so the library calls a stream that was cut off
            raise tarfile.ReadError(str(error)) from None
        self.last = (self.last + chunk)[-_BLOCK_BYTES:]
        return chunk


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what the libraries raise for damaged archives into `InputError`."""
    try:
        yield
    except _DAMAGE as error:
        reason = str(error).splitlines()[0][:200] if str(error) else "unreadable"
        raise InputError(
            f"Expected a whole archive, found: {reason} - {name}",
            "Copy or export the file again: it is truncated or damaged",
        ) from None


def _tidy(name: str) -> str:
    """Return a member's name as a path of plain parts, with slashes, as other archives write it."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join(parts)


def _is_bookkeeping(name: str) -> bool:
    return any(part.startswith((".", "_")) and part != ".." for part in PurePosixPath(name).parts)
