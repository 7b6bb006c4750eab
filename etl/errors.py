"""The errors a person can cause or meet, grouped by what the reader should do next.

Each class carries the exit code the command ends with. A message says what was expected, what was found
and where; its last line is the fix. Nothing here formats a traceback: an error of this tree is never a bug.

    BackfillError
    ├── JobError            2   mend the command line or the job file
    │   └── EndpointError   2   mend the endpoint
    ├── InputError          4   mend the input files
    ├── Incomplete          5   run again later
    ├── KeyProblem          6   mend the key
    ├── StateError          7   mend the disk, or the state folder
    ├── JobLocked           8   wait for the other run
    ├── DestinationDiffers  9   look at what the destination holds
    └── LimitReached       10   look at the rejects, or raise the limit
"""

from typing import ClassVar

from etl.plain import plain_line

__all__ = [
    "BackfillError",
    "DestinationDiffers",
    "EndpointError",
    "Incomplete",
    "InputError",
    "JobError",
    "JobLocked",
    "KeyProblem",
    "LimitReached",
    "StateError",
]


class BackfillError(Exception):
    """Something the reader can mend: `problem` says what and where, `fix` says how.

    Raise a subclass; this one exists to be caught at the edges. Each text becomes one plain line, whatever it quotes;
    of several problems, `problem` is a tuple with a line for each.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str | tuple[str, ...], fix: str) -> None:
        self.problem = "\n".join(map(plain_line, (problem,) if isinstance(problem, str) else problem))
        self.fix = plain_line(fix)
        super().__init__(f"{self.problem}\n{self.fix}")


class JobError(BackfillError):
    """The command line or the job file says something that can't be done."""

    exit_code = 2


class EndpointError(JobError):
    """The endpoint answers, but is not the events API."""


class InputError(BackfillError):
    """A source file is missing, unreadable, changed, or not what its name says."""

    exit_code = 4


class Incomplete(BackfillError):  # noqa: N818 - it states a condition, as the exit code does
    """A passing cause stopped the run; the same command resumes it."""

    exit_code = 5


class KeyProblem(BackfillError):  # noqa: N818
    """The API key is missing, unreadable or refused."""

    exit_code = 6


class StateError(BackfillError):
    """The disk, the ledger or a staged part can't be trusted or written."""

    exit_code = 7


class JobLocked(BackfillError):  # noqa: N818
    """Another run holds the job."""

    exit_code = 8


class DestinationDiffers(BackfillError):  # noqa: N818
    """What the destination holds is not what this state says, or not as it was sent."""

    exit_code = 9


class LimitReached(BackfillError):  # noqa: N818
    """A limit of the job was reached; everything unsent stays pending."""

    exit_code = 10
