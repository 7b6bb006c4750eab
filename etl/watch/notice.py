"""Whether anyone should be told how a run went, and in which words. Pure.

Rule: a notice leaves the machine, so it holds counts, codes and our own words; never a cell, never what a server said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from etl.job.model import NoticeCause, NotifySpec
from etl.values.outcome import Outcome
from etl.watch.public_reason import public_reason

__all__ = ["Heartbeat", "History", "Notice", "choose_heartbeat", "decide_notices", "webhook_payload"]

Heartbeat = Literal["start", "success", "fail"]
DAY_SECONDS: Final = 86_400
# Done, whether or not some rows were rejected.
_DONE: Final = (0, 3)
# Another run holds the job and will tell for itself; or a person at the keyboard stopped this one.
_NO_NEWS: Final = (8, 130)
_CODES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the job before this run. Times are seconds since the epoch, UTC.

    `last_new_at`: when rows were last staged from its files, this run included; where none ever were, when the job
    first ran. `last_run_at`: when the run before this one ended; None where this is the first.
    """

    last_new_at: float | None = None
    last_run_at: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know: why, in one line, and the lines that go with it."""

    cause: NoticeCause
    headline: str
    details: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole of it."""
        return "\n".join([self.headline, *self.details])


def decide_notices(spec: NotifySpec, outcome: Outcome, history: History, now: float) -> tuple[Notice, ...]:
    """Return what to tell of a run that ended with `outcome` at `now` (seconds since the epoch).

    That nothing is new is said once for each `nothing_new_days` that went by, not at each run.
    """
    found = (_failure(outcome), _rejects(spec, outcome), _nothing_new(spec, outcome, history, now))
    return tuple(notice for notice in found if notice is not None and notice.cause in spec.on)


def choose_heartbeat(outcome: Outcome) -> Heartbeat | None:
    """Return what the heartbeat says of a run that ended with `outcome`; None where it says nothing."""
    if outcome.exit_code in _NO_NEWS:
        return None
    return "success" if outcome.exit_code in _DONE else "fail"


def webhook_payload(notices: tuple[Notice, ...]) -> dict[str, str]:
    """Return the JSON object of one message for a Slack-compatible webhook."""
    text = "\n\n".join(notice.text for notice in notices)
    # Slack reads these three as markup: https://api.slack.com/reference/surfaces/formatting#escaping
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return {"text": text}


def _failure(outcome: Outcome) -> Notice | None:
    if outcome.exit_code in (*_DONE, *_NO_NEWS):
        return None
    headline = f"backfill {outcome.job}: {outcome.state}, exit {outcome.exit_code} - {public_reason(outcome)}"
    return Notice("failure", headline, _counts(outcome))


def _rejects(spec: NotifySpec, outcome: Outcome) -> Notice | None:
    books = outcome.books
    if outcome.exit_code in _DONE and outcome.message and outcome.open_rejects:
        # The job wants open rejects to fail it, so they are news each time.
        opened = sum(outcome.open_rejects.values())
        headline = f"backfill {outcome.job}: {opened:,} reject{' is' if opened == 1 else 's are'} open"
        return Notice("rejects", headline, _most_codes(outcome.open_rejects))
    if outcome.exit_code not in _DONE or spec.rejects_share.allows(books.rejected, books.read):
        return None
    share = 100 * books.rejected / books.read
    headline = f"backfill {outcome.job}: {books.rejected:,} of {books.read:,} rows rejected ({share:.2g}%)"
    return Notice("rejects", headline, _most_codes(outcome.rejects))


def _most_codes(counts: Mapping[str, int]) -> tuple[str, ...]:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_CODES_SHOWN]
    return (", ".join(f"{count:,} {code}" for code, count in most),) if most else ()


def _nothing_new(spec: NotifySpec, outcome: Outcome, history: History, now: float) -> Notice | None:
    if outcome.exit_code not in _DONE or outcome.books.read or history.last_new_at is None:
        return None
    period_seconds = spec.nothing_new_days * DAY_SECONDS
    age_seconds = now - history.last_new_at
    age_before = (
        history.last_run_at if history.last_run_at is not None else history.last_new_at
    ) - history.last_new_at
    if age_seconds // period_seconds <= max(0.0, age_before) // period_seconds:
        return None
    days = int(age_seconds // DAY_SECONDS)
    return Notice(
        "nothing_new", f"backfill {outcome.job}: no new rows for {days} day{'s' if days != 1 else ''}"
    )


def _counts(outcome: Outcome) -> tuple[str, ...]:
    books = outcome.books
    if not books.read:
        return ()
    words = ("delivered", "rejected", "duplicate", "skipped", "pending")
    counts = ", ".join(f"{getattr(books, word):,} {word}" for word in words if getattr(books, word))
    return (f"{books.read:,} rows read: {counts}", *_proven(outcome))


def _proven(outcome: Outcome) -> tuple[str, ...]:
    if outcome.proven is None:
        return ()
    at = datetime.fromtimestamp(outcome.proven.verified_at, UTC)
    return (f"{outcome.proven.text}; verified {at:%Y-%m-%d %H:%M} UTC",)
