"""Opens a text file as UTF-8: decompressed, transcoded, without its byte order mark.

Bytes that aren't in the file's encoding become bytes that aren't UTF-8, so that the record they stand in can be told.
"""

import codecs
from collections.abc import Iterator
from typing import Final

from etl.errors import JobError
from etl.read.files import SourcePath
from etl.read.streams import read_stream
from etl.values.rows import MOST_RAW_CHARS

__all__ = ["CHUNK_BYTES", "check_encoding", "codec_of", "count_source_bytes", "open_text", "show_raw"]

CHUNK_BYTES: Final = 4 << 20
_SAMPLE_BYTES: Final = 4096
_UTF8: Final = {"utf-8", "utf-8-sig", "ascii"}
# Marks that no text in UTF-8 starts with.
_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Codecs that Python lists as encodings and that don't stand for text as it is written.
_NO_TEXT: Final = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7"}


def check_encoding(encoding: str) -> str:
    """Return the name Python knows `encoding` by; raises `JobError` where there is none."""
    try:
        name = codecs.lookup(encoding).name
        name.encode(name)  # raises LookupError for hex, zlib and the like
        if name.replace("_", "-") not in {known.replace("_", "-") for known in _NO_TEXT}:
            return name
    except (LookupError, ValueError):
        pass
    raise JobError(
        f"Expected an encoding like `utf-8`, `utf-16` or `windows-1252`, found `{encoding}` - [source.csv] encoding",
        "Name the encoding the files are written in, or leave it out for UTF-8",
    )


def open_text(
    source: SourcePath, encoding: str = "utf-8", chunk_bytes: int = CHUNK_BYTES
) -> Iterator[tuple[bytes, bool]]:
    """Yield the file's text as UTF-8 in chunks of about `chunk_bytes`, and whether each is the last.

    A UTF-16 or UTF-32 byte order mark counts where the job asks for UTF-8, which can't start so. Raises `InputError`
    where the file can't be read to its end, `JobError` for an unknown encoding.
    """
    chunks = _decode(_with_whole_mark(read_stream(source, chunk_bytes)), check_encoding(encoding))
    waiting = next(chunks, b"")
    for chunk in chunks:
        yield waiting, False
        waiting = chunk
    yield waiting, True


def codec_of(source: SourcePath, encoding: str = "utf-8") -> str:
    """Return the codec that the file is written in, its byte order included; raises as `open_text` does."""
    first = next(_with_whole_mark(read_stream(source, _SAMPLE_BYTES)))
    return _find_codec(first, check_encoding(encoding))


def count_source_bytes(text: bytes, codec: str) -> int:
    """Return how many bytes of a file in `codec` became `text`, which `open_text` gave."""
    if codec == "utf-8":
        return len(text)
    return len(text.decode("utf-8", "surrogatepass").encode(codec, "replace"))


def _with_whole_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `chunks` with at least four bytes in the first, where there are as many."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 4:
            break
    yield first
    yield from chunks


def _decode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    first = next(chunks)
    codec = _find_codec(first, encoding)
    if codec == "utf-8":
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(codec)(_MARK_UNDECODABLE)
    text = decoder.decode(first).removeprefix("\ufeff")
    for chunk in chunks:
        yield text.encode("utf-8", "surrogatepass")
        text = decoder.decode(chunk)
    yield (text + decoder.decode(b"", final=True)).encode("utf-8", "surrogatepass")


def _find_codec(first: bytes, encoding: str) -> str:
    """Return the codec of a file in `encoding` that starts with `first`: in UTF-8, a byte order mark says otherwise."""
    if encoding in _UTF8:
        return next((codec for mark, codec in _MARKS.items() if first.startswith(mark)), "utf-8")
    return _find_byte_order(first, encoding) if encoding in ("utf-16", "utf-32") else encoding


def _find_byte_order(first: bytes, encoding: str) -> str:
    """Return the encoding with its byte order: by its mark, else by where the zero bytes of plain letters stand."""
    mark = next(
        (mark for mark, name in _MARKS.items() if name.startswith(encoding) and first.startswith(mark)), None
    )
    if mark is not None:
        return _MARKS[mark]
    sample, width = first[:4096], 2 if encoding == "utf-16" else 4
    high_first, high_last = sample[0::width].count(0), sample[width - 1 :: width].count(0)
    return f"{encoding}-be" if high_first > high_last else f"{encoding}-le"


def _keep_undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


# A lone surrogate is no UTF-8 once `surrogatepass` lets it through.
_MARK_UNDECODABLE: Final = "backfill.mark_undecodable"
codecs.register_error(_MARK_UNDECODABLE, _keep_undecodable)


def show_raw(record: bytes) -> str:
    """Return the record as text, at most `MOST_RAW_CHARS` of it; undecodable bytes show as U+FFFD."""
    return record[: MOST_RAW_CHARS * 4].decode("utf-8", "replace")[:MOST_RAW_CHARS]
