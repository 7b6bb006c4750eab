"""Where log lines go: a stream, a file of the job's state folder, Python's own logging.

Rule: a sink that fails is dropped without a word to the run; what it had to say is in the others.
"""

import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from etl.errors import StateError
from etl.private import make_private_folder, open_private
from etl.watch.log_line import LogForm, LogLine, format_json, format_line

__all__ = ["LOGGER_NAME", "LogFile", "Sink", "logger_sink", "old_logs", "stream_sink"]

LOGGER_NAME: Final = "backfill"
_LOG_NAME: Final = re.compile(r"run-(\d{6,})\.jsonl", re.ASCII)
_LEVELS: Final = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Sink = Callable[[LogLine], None]


def stream_sink(stream: TextIO, form: LogForm) -> Sink:
    """Return a sink that writes lines to `stream`, each at once."""

    def write(line: LogLine) -> None:
        print(format_line(line, form), file=stream, flush=True)

    return write


def logger_sink(logger: logging.Logger) -> Sink:
    """Return a sink that hands lines to Python's logging; a record has the whole line as `record.backfill`."""

    def write(line: LogLine) -> None:
        logger.log(_LEVELS[line.level], format_line(line, "text"), extra={"backfill": line.to_json()})

    return write


class LogFile:
    """The log of run `run` in `folder`, one JSON object a line; the logs of all but the newest `keep` runs are removed.

    Where it can't be made, it swallows what it is given: `problem` says why.
    """

    def __init__(self, folder: Path, run: int, *, keep: int) -> None:
        self.path = folder / f"run-{run:06d}.jsonl"
        self.problem = ""
        self._file: BinaryIO | None = None
        try:
            make_private_folder(folder)
            self._file = open_private(self.path)
            names = [entry.name for entry in folder.iterdir()]
            for name in old_logs(names, keep=keep):
                (folder / name).unlink(missing_ok=True)
        except StateError as error:
            self.problem = error.problem
        except OSError as error:
            self.problem = f"{error.strerror} - {self.path}"

    def __call__(self, line: LogLine) -> None:
        """Write `line`, at once."""
        if self._file is not None:
            self._file.write(format_json(line).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            # A full disk refuses the last bytes again here.
            with suppress(OSError):
                file.close()


def old_logs(names: Iterable[str], *, keep: int) -> list[str]:
    """Return those of `names` that are logs of runs, without the newest `keep`."""
    logs = sorted((int(match[1]), name) for name in names if (match := _LOG_NAME.fullmatch(name)))
    return [name for _, name in logs[: max(0, len(logs) - keep)]]
