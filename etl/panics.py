"""Keeps what Polars prints of its own panics from whoever reads standard error: the panic itself is told as an error.

Its text goes straight to the process's second descriptor, where nothing of Python's can stop it.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

__all__ = ["without_panic_text"]

_STANDARD_ERROR: Final = 2
_PANICKED: Final = b" panicked at "
_THREAD: Final = b"\nthread '"
# One at a time: whoever comes second would take the first one's file for standard error.
_TURN: Final = threading.RLock()


@contextmanager
def without_panic_text() -> Iterator[None]:
    """Hold back standard error while what may panic is tried: all but the text of panics is written afterwards."""
    with _TURN:
        try:
            outside, held = os.dup(_STANDARD_ERROR), os.memfd_create("standard error")
        except OSError:  # it is closed, or there is no descriptor left: then so be it
            yield
            return
        try:
            os.dup2(held, _STANDARD_ERROR)
            yield
        finally:
            os.dup2(outside, _STANDARD_ERROR)
            with suppress(OSError):
                os.write(outside, _leave_out_panics(os.pread(held, os.fstat(held).st_size, 0)))
            os.close(held)
            os.close(outside)


def _leave_out_panics(said: bytes) -> bytes:
    """Return what was said before the first panic: nothing tells where the text of one ends."""
    before, panicked, _ = said.partition(_PANICKED)
    return before.rpartition(_THREAD)[0] if panicked else said
