"""Owns standard input, output and error while a command works. What is printed goes through here, or it isn't printed.

Three rules. Text is plain (`etl.plain`): only what asks for `escapes`, as a console of rich does, may send what a
terminal obeys. Characters that the stream's encoding lacks are replaced. And a stream that is closed, full or left by
its reader never changes what the exit code says of the work: the first failure is kept for the end, and nothing more is
written. Only a command that does nothing but print stops at that failure, and ends with 7 unless its reader has simply
left.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, Final, TextIO, cast

from etl.errors import StateError
from etl.plain import plain_text

__all__ = ["OutputLost", "Streams", "output_bytes", "prints_only"]

PRINTERS: Final = {"preview", "status", "rejects", "loads", "schema", "completion"}
_ASKS_FOR_TEXT: Final = {"-h", "--help", "--version", "--list-presets", "--list-types"}


class OutputLost(Exception):  # noqa: N818 - it states a condition
    """Standard output takes nothing more, and the command has nothing else to do."""


def prints_only(arguments: Sequence[str]) -> bool:
    """Whether printing is all that the command does which `arguments` call."""
    command = next((word for word in arguments if not word.startswith("-")), None)
    return command is None or command in PRINTERS or not _ASKS_FOR_TEXT.isdisjoint(arguments)


class Streams:
    """The standard streams of this process, taken over until `give_back`."""

    def __init__(self, *, prints_only: bool) -> None:
        _fill_closed_descriptors()
        self._before: tuple[Any, Any, Any] = sys.stdin, sys.stdout, sys.stderr
        self._prints_only = prints_only
        self._out = _Sink(sys.stdout, stops=prints_only)
        self._err = _Sink(sys.stderr, stops=False)
        sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
        sys.stdout, sys.stderr = (
            cast("TextIO", _PlainStream(sink, plain_text)) for sink in (self._out, self._err)
        )

    def give_back(self, code: int) -> int:
        """Write what is left, say what couldn't be written, and return the exit code for a command that came to
        `code`.
        """
        with suppress(OutputLost):
            self._out.flush()
        fault = self._out.fault
        if fault is not None and not isinstance(fault, BrokenPipeError):
            code = StateError.exit_code if self._prints_only and code == 0 else code
            stands = "" if self._prints_only else f"; the exit status, {code}, is that of the work and stands"
            self._err.write(
                f"Expected to write everything to standard output, found: {_reason(fault)}\n"
                f"Make room there, or let it go somewhere else{stands}\n"
            )
        self._err.flush()
        sys.stdin, sys.stdout, sys.stderr = self._before
        return code


def output_bytes() -> BinaryIO:
    """Return standard output for bytes, which go out as they are; raises `OutputLost` where it takes nothing more."""
    sink = cast("_PlainStream", sys.stdout).sink
    return cast("BinaryIO", _ByteStream(sink.write_bytes, sink.flush))


class _Sink:
    """A stream that may fail once: after that it drops what it is given, or raises where it `stops`."""

    def __init__(self, stream: TextIO | None, *, stops: bool) -> None:
        self.stream, self._stops = stream, stops
        self.fault: OSError | ValueError | None = None
        if stream is None:
            self.fault = OSError(errno.EBADF, "it is closed")
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def write(self, text: str) -> None:
        if self.stream is not None:
            self._try(self.stream.write, text)

    def write_bytes(self, data: bytes) -> None:
        if self.stream is not None:
            self.flush()
            self._try(self.stream.buffer.write, data)

    def flush(self) -> None:
        if self.stream is not None:
            self._try(self.stream.flush)

    def _try(self, act: Callable[..., object], *arguments: object) -> None:
        if self.fault is None:
            try:
                act(*arguments)
            except (OSError, ValueError) as error:  # a ValueError where a library closed it
                self.fault = error
                self._abandon()
        if self.fault is not None and self._stops:
            raise OutputLost

    def _abandon(self) -> None:
        """Let what is still buffered go nowhere: Python writes it at its end, and would exit with 120."""
        with suppress(OSError, ValueError):
            assert self.stream is not None
            null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(null, self.stream.fileno())
            os.close(null)


class _PlainStream(io.TextIOBase):
    """The stream that stands in for `sys.stdout` or `sys.stderr`. What comes by its `buffer` is text as well."""

    def __init__(self, sink: _Sink, clean: Callable[[str], str]) -> None:
        self.sink, self._clean = sink, clean

    @property
    def buffer(self) -> "_ByteStream":
        """The way of a library that prints UTF-8 whatever the encoding is."""
        return _ByteStream(lambda data: self.write(data.decode(errors="replace")), self.flush)

    @property
    def escapes(self) -> "_PlainStream":
        """The same stream for one who cleans the text of others itself, and may send escape sequences of its own."""
        return _PlainStream(self.sink, str)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.sink.stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.sink.write(self._clean(text))
        return len(text)

    def flush(self) -> None:
        self.sink.flush()

    def isatty(self) -> bool:
        with suppress(ValueError, AttributeError):  # closed, or never open
            return self.sink.stream.isatty()  # type: ignore[union-attr]
        return False

    def fileno(self) -> int:
        if self.sink.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.sink.stream.fileno()


class _ByteStream(io.RawIOBase):
    def __init__(self, write: Callable[[bytes], object], flush: Callable[[], None]) -> None:
        self._write, self._flush = write, flush

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._write(bytes(data))
        return len(data)

    def flush(self) -> None:
        self._flush()


def _fill_closed_descriptors() -> None:
    """Open the null device for each closed stream, so that no file opened later is taken for standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _reason(fault: OSError | ValueError) -> str:
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
