"""What a run says when it ends: its state, its exit code, and what to do next. Pure."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from etl.errors import JobError, KeyProblem, LimitReached, StateError
from etl.job.model import Job, MaxRejects
from etl.send.account import SendReport
from etl.typed import type_command
from etl.values.books import Books
from etl.values.outcome import RunState

__all__ = ["Conclusion", "check_rejects", "conclude", "heed_open_rejects", "interrupted"]

REJECTS_CODE = 3
INCOMPLETE_CODE = 5
_ASK_LATER = (
    "Run again with a key that reads: they are asked for first, and sent only where they aren't there; or send them "
    "unasked: --on-uncertain resend"
)


class Conclusion(NamedTuple):
    """How a run ended, and why, for a person; both texts are empty where nothing went wrong."""

    state: RunState
    exit_code: int
    message: str = ""
    fix: str = ""


def conclude(report: SendReport | None, *, rejected: int, number: int | None) -> Conclusion:
    """Return how a run ended: its last sending is `report`, `rejected` its rejects, `number` the signal it got."""
    stopped = report.stopped if report else None
    reason = report.stop_reason if report else ""
    match stopped:
        case None:
            return Conclusion("complete", REJECTS_CODE if rejected else 0)
        case "limit":
            return Conclusion(
                "incomplete", 0, f"Stopped as asked: {reason}", "Run again without --limit to send the rest"
            )
        case "interrupted":
            return interrupted(number or signal.SIGINT)
        case "key":
            fix = "Set a key of this project that may write events, then run again; nothing more was sent"
            return Conclusion("aborted", KeyProblem.exit_code, f"The key was refused: {reason}", fix)
        case "endpoint":
            fix = "Check [upload] endpoint in the job file, then run again; nothing more was sent"
            return Conclusion(
                "aborted", JobError.exit_code, f"The endpoint is not the events API: {reason}", fix
            )
        case "certificate":
            fix = (
                "Where an authority of your own signs it, name its certificates (SSL_CERT_FILE=ca.pem); else "
                "check [upload] endpoint; then run again; nothing more was sent"
            )
            return Conclusion("aborted", JobError.exit_code, f"The endpoint can't be trusted: {reason}", fix)
        case "rejects":
            fix = "Look at the rejects below; mend the mapping, or raise [limits] max_rejects, and run again"
            return Conclusion(
                "aborted", LimitReached.exit_code, f"The server refuses too many events: {reason}", fix
            )
        case "disk":
            problem = f"Expected room for what the sandbox takes, found none: {reason}"
            fix = "Free some space there, then run the same command again: it goes on where it stopped"
            return Conclusion("aborted", StateError.exit_code, problem, fix)
        case "unproven":
            return _unproven(report, reason)
        case "unreadable":
            return Conclusion(
                "incomplete", KeyProblem.exit_code, f"The key reads no more: {reason}", _ASK_LATER
            )
        case "unasked":
            return Conclusion("incomplete", INCOMPLETE_CODE, f"Gave up asking for now: {reason}", _ASK_LATER)
        case _:
            return _gave_up(report, reason)


def check_rejects(job_path: Path, books: Books, most: MaxRejects) -> None:
    """Raise `LimitReached` where a load with `books` has more rejects than `most`."""
    if not most.allows(books.rejected, books.read):
        share = 100 * books.rejected / books.read
        raise LimitReached(
            f"Expected at most {most.text} rejects, found {books.rejected:,} of {books.read:,} rows ({share:.1f}%) - "
            f"[limits] max_rejects, {job_path}",
            "Look at the rejects and mend the job or the file, or raise max_rejects, and run again; "
            f"{'nothing more was sent' if books.delivered else 'nothing was sent'}",
        )


def heed_open_rejects(ending: Conclusion, job: Job, open_rejects: Mapping[str, int]) -> Conclusion:
    """Return how the run ended, where the job wants open rejects of any run to fail it."""
    total = sum(open_rejects.values())
    if ending.state != "complete" or ending.exit_code or not total or job.limits.open_rejects == "warn":
        return ending
    codes = ", ".join(f"{code} {count:,}" for code, count in open_rejects.items())
    return Conclusion(
        "complete",
        REJECTS_CODE,
        f"Expected no open rejects, found {total:,}: {codes} - [limits] open_rejects, {job.path}",
        f"Mend and send them again: {type_command('retry')}; or close those that nobody will mend: "
        f"{type_command('dismiss', '--all', '--reason', 'why')}",
    )


def interrupted(number: int) -> Conclusion:
    """Return how a run ended that the signal `number` stopped."""
    return Conclusion("interrupted", 128 + number)


def _unproven(report: SendReport | None, reason: str) -> Conclusion:
    """Return how a run ended whose successes didn't carry the events: at the wrong place, or at one that changed."""
    fix = (
        f"See what it answers with ({type_command('doctor')}), and run again once that is mended; what was "
        "answered so may be stored there, stays pending, and keeps its id"
    )
    if report is not None and report.sent:
        problem = f"The destination stopped proving what it takes: {reason}"
        return Conclusion("incomplete", INCOMPLETE_CODE, problem, fix)
    return Conclusion(
        "aborted",
        JobError.exit_code,
        f"The endpoint is not the events API: {reason}",
        f"Check [upload] endpoint. {fix}",
    )


def _gave_up(report: SendReport | None, reason: str) -> Conclusion:
    if report is not None and not any(status for status in report.statuses):
        return Conclusion(
            "incomplete",
            INCOMPLETE_CODE,
            f"Expected an answer from the events API, found none: {reason}",
            "Check the network and [upload] endpoint, then run the same command again; nothing is lost",
        )
    fix = "Run the same command again later: it goes on where it stopped"
    return Conclusion("incomplete", INCOMPLETE_CODE, f"Gave up for now: {reason}", fix)
