"""What there is to say of a canary, as lines and errors. Pure."""

from collections.abc import Sequence
from typing import Final

from etl.errors import BackfillError, DestinationDiffers, EndpointError, Incomplete, KeyProblem
from etl.report.summary import format_duration
from etl.typed import type_command
from etl.values.verification import DifferenceKind, EventDifference
from etl.witness.result_page import Problem, ProblemKind

__all__ = [
    "cannot_ask",
    "describe_difference",
    "differs",
    "passed_line",
    "still_pending",
    "untold",
    "waived_line",
]

# Of what differs, so many are told one by one.
MOST_TOLD: Final = 10
_AGAIN: Final = "Run the same command again: the same events are asked for again"
_ASKABLE: Final = "Expected a destination that can be asked for the canary once it is sent"


def passed_line(load: int, count: int, pending: int, lag_seconds: float) -> str:
    """Return the line that says that all of the canary is there as it was sent, and `pending` others follow."""
    late = f", the last {format_duration(lag_seconds)} late" if lag_seconds else ""
    rest = f"the other {pending:,} follow" if pending else "there are no others"
    return f"Canary: the {count:,} events that stand for load {load} are there once and as they were sent{late}; {rest}"


def waived_line(count: int, *, has_failed: bool) -> str:
    """Return the line that says that the others go without another look at the canary."""
    if has_failed:
        seen = f"not all of its {count:,} events were there as they were sent"
        return f"Canary: {seen}; as asked, the others go nevertheless"
    return f"Canary: its {count:,} events were sent first and, as asked, not looked at"


def cannot_ask(problem: Problem) -> BackfillError:
    """Return the error of a destination that can't be asked, before anything is sent."""
    without = f"run without a canary: {type_command('run', '--canary', '0')}"
    if problem.kind is ProblemKind.KEY_CANNOT_READ:
        return KeyProblem(
            f"Expected a key that can read, to ask for the canary once it is sent, found: {problem.reason}; nothing "
            "was sent",
            f"Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY), or {without}",
        )
    found = f"{_ASKABLE}, found: {problem.reason}; nothing was sent"
    if problem.kind is ProblemKind.NO_ROUTE:
        return EndpointError(found, f"Check [upload] endpoint, or {without}")
    return Incomplete(found, "Run the same command again, later")


def differs(said: Sequence[str], count: int, pending: int) -> DestinationDiffers:
    """Return the error of a canary of `count` events, of which those in `said` aren't as they were sent."""
    rest = f"; the other {pending:,} of the load are pending" if pending else ""
    lines = [f"  {line}" for line in said[:MOST_TOLD]]
    if len(said) > MOST_TOLD:
        lines.append(f"  and {len(said) - MOST_TOLD:,} more")
    return DestinationDiffers(
        (
            f"Expected the canary to be there once and as it was sent, found {len(said):,} of its {count:,} events "
            f"otherwise{rest}",
            *lines,
        ),
        "Find out what changes them; the next run asks for the same events again, and goes on if they are as they were "
        f"sent. To send the others nevertheless: {type_command('run', '--canary', '0')}",
    )


def describe_difference(one: EventDifference, patience_seconds: float) -> str:
    """Return how an event isn't as it was sent."""
    match one.kind:
        case DifferenceKind.MISSING:
            waited = format_duration(patience_seconds)
            return f"missing: it was answered as stored, and didn't show within {waited}"
        case DifferenceKind.DOUBLED:
            return "doubled: it is there more than once"
        case DifferenceKind.ALTERED:
            return f"altered: {one.field} was sent as {one.expected}, and is {one.found}"
        case DifferenceKind.UNKNOWN:
            return f"unknown: {one.reason}"


def untold(problem: Problem, count: int) -> BackfillError:
    """Return the error of a canary of `count` events that was sent, and of which it can't be told what became of it."""
    error = KeyProblem if problem.kind is ProblemKind.KEY_CANNOT_READ else Incomplete
    return error(
        f"Expected to find the canary as it was sent, found that it can't be told: {problem.reason}; its {count:,} "
        "events were sent, the others of the load are pending",
        f"{_AGAIN}; or send the others nevertheless: {type_command('run', '--canary', '0')}",
    )


def still_pending(left: int, count: int) -> BackfillError:
    """Return the error of a canary of `count` events, of which `left` couldn't be sent."""
    return Incomplete(
        f"Expected the canary to be sent, found {left:,} of its {count:,} events still pending", _AGAIN
    )
