"""Says what a person can type next: whole commands for the job in hand, with the flags that name the same state again.

How a job was named is known where a command begins, and wanted in sentences far below. So it is said once, as a locale
is: `JobName.speak`, and every sentence takes its commands from `type_command`.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

__all__ = ["JobName", "type_command"]

# What these commands have no option for, they aren't told.
_WITHOUT_STATE: Final = {"preview"}
_WITHOUT_DESTINATION: Final = {"preview", "validate"}


@dataclass(frozen=True, slots=True)
class JobName:
    """How a job is named on the command line: its file, and the flags that say whose state is meant."""

    path: str
    sandbox: bool = False
    endpoint: str | None = None
    state_dir: str | os.PathLike[str] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def type(self, verb: str, *options: str) -> str:
        """Return the command `verb` for the job, with `options`, as a shell takes it."""
        return shlex.join(["backfill", verb, self.path, *self._flags(verb, options), *options])

    def _flags(self, verb: str, options: tuple[str, ...]) -> Iterator[str]:
        if verb not in _WITHOUT_DESTINATION and "--sandbox" not in options:
            if self.sandbox:
                yield "--sandbox"
            if self.endpoint:
                yield from ("--endpoint", self.endpoint)
        if verb not in _WITHOUT_STATE and self.state_dir:
            yield from ("--state-dir", os.fspath(self.state_dir))
        for name, value in self.settings.items():
            yield from ("--set", f"{name}={value}")

    def speak(self) -> None:
        """Take this job for the one in hand, until the next is."""
        global _last
        _last = self
        _IN_HAND.set(self)


_IN_HAND: Final[ContextVar[JobName]] = ContextVar("job in hand")
_last = JobName("JOB")


def type_command(verb: str, *options: str) -> str:
    """Return the command `verb` for the job in hand, with `options`, as a person types it."""
    return _IN_HAND.get(_last).type(verb, *options)
