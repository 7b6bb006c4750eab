"""Reads small files that a person names: never more than is sensible, and never waiting for ever.

A pipe is welcome, as in `--key-file <(pass show key)`; one that nobody writes to, or a device without an end, is told.
"""

import errno
import os
import select
import stat
import time
from pathlib import Path
from typing import Final

__all__ = ["read_limited"]

WAIT_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 1 << 20


def read_limited(path: Path, most_bytes: int, *, wait_seconds: float = WAIT_SECONDS) -> bytes:
    """Return what the file, pipe or device at `path` holds.

    Raises OSError, also where that is more than `most_bytes`, or where nothing comes for `wait_seconds`.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        content = bytearray()
        # The size says it at once, where there is one.
        while os.fstat(handle).st_size <= most_bytes >= len(content):
            chunk = _read_some(handle, wait_seconds, is_first=not content)
            if not chunk:
                return bytes(content)
            content += chunk
        raise OSError(errno.EFBIG, f"more than {most_bytes:,} bytes")
    finally:
        os.close(handle)


def _read_some(handle: int, wait_seconds: float, *, is_first: bool) -> bytes:
    """Return the next bytes, none at the end; a named pipe that nobody has opened to write is waited for."""
    waits_for_writer = is_first and stat.S_ISFIFO(os.fstat(handle).st_mode)
    give_up_at = time.monotonic() + wait_seconds
    while select.select([handle], [], [], wait_seconds)[0]:
        chunk = os.read(handle, _CHUNK_BYTES)
        if chunk or not waits_for_writer:
            return chunk
        if time.monotonic() > give_up_at:
            break
        time.sleep(0.02)
    raise OSError(errno.ETIMEDOUT, f"nothing to read for {wait_seconds:.0f} s")
