"""Streams the decompressed bytes of a source file. Rule: a stream that can't be read to its end is an `InputError`."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from typing import BinaryIO, Final, cast

import pyarrow as pa

from etl.errors import InputError
from etl.read.archives.single import only_member
from etl.read.files import SourcePath, explain_os_error

__all__ = ["read_stream"]

_CODECS: Final = {"gzip": "gzip", "zstd": "zstd", "bzip2": "bz2"}
# What the libraries raise for bytes that are not what they should be.
_DAMAGE: Final = (
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


def read_stream(source: SourcePath, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the file's bytes, decompressed, at most `chunk_bytes` at a time."""
    left = source.end
    try:
        with _open(source) as stream:
            while chunk := stream.read(chunk_bytes if left is None else min(left, chunk_bytes)):
                left = None if left is None else left - len(chunk)
                yield chunk
    except InputError:
        raise
    except OSError as error:
        raise explain_os_error(error, source) from None
    except _DAMAGE as error:
        raise explain_os_error(
            OSError(str(error).splitlines()[0] if str(error) else "damaged data"), source
        ) from None


@contextmanager
def _open(source: SourcePath) -> Iterator[BinaryIO]:
    if source.compression == "zip":
        with (
            zipfile.ZipFile(source.path) as archive,
            archive.open(only_member(archive, source.name)) as stream,
        ):
            yield cast("BinaryIO", stream)
        return
    codec = _CODECS[source.compression] if source.compression else None
    with pa.input_stream(str(source.path), compression=codec) as stream:
        yield stream
