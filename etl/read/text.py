"""Opens a text file as UTF-8: decompressed, transcoded, without its byte order mark."""

import codecs
from collections.abc import Iterator
from typing import Final

from etl.errors import JobError
from etl.read.files import SourcePath, explain_os_error, open_bytes

__all__ = ["CHUNK_BYTES", "check_encoding", "read_chunks"]

CHUNK_BYTES: Final = 4 << 20
_UTF8: Final = {"utf-8", "utf-8-sig", "ascii"}


def check_encoding(encoding: str) -> str:
    """Return the name Python knows `encoding` by; raises `JobError` where there is none."""
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise JobError(
            f"Expected an encoding like `utf-8`, `utf-16` or `windows-1252`, found `{encoding}` - [source.csv] encoding",
            "Name the encoding the files are written in, or leave it out for UTF-8",
        ) from None


def read_chunks(source: SourcePath, encoding: str = "utf-8") -> Iterator[tuple[bytes, bool]]:
    """Yield the file's text as UTF-8 in chunks of about `CHUNK_BYTES`, and whether each is the last.

    Bytes that are not in `encoding` stay undecodable, so that the record they stand in can be told.
    Raises `InputError` where the file can't be read to its end.
    """
    try:
        chunks = _decode(_read_raw(source), check_encoding(encoding))
        waiting = next(chunks, b"").removeprefix(codecs.BOM_UTF8)
        for chunk in chunks:
            yield waiting, False
            waiting = chunk
        yield waiting, True
    except OSError as error:
        raise explain_os_error(error, source) from None


def _read_raw(source: SourcePath) -> Iterator[bytes]:
    with open_bytes(source) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _decode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in _UTF8:
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
