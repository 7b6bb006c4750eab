"""Says what verifying a job found, for a person. Pure: values in, lines out."""

from collections.abc import Iterator

from etl.errors import DestinationDiffers
from etl.report.summary import format_duration
from etl.typed import JobName
from etl.values.receipt_check import ReceiptCheck
from etl.values.verification import JobVerification, VerificationCounts

__all__ = ["describe_progress", "effort_line", "verification_lines"]

_WORDS = ("confirmed", "missing", "doubled", "altered", "unknown")
_MEANING = {
    "confirmed": "there once, and as sent",
    "missing": "the destination answered that they were stored, and doesn't have them",
    "doubled": "the destination has more than one event with the id",
    "altered": "the destination has something else than was sent",
    "unknown": "it can't be told",
}


def verification_lines(found: JobVerification, name: JobName, *, share: float | None = None) -> Iterator[str]:
    """Yield the lines of `backfill verify`, of the job called `name`.

    `share` is the share of all events that may at most be missing, where a sample was asked for and none of it was.
    """
    if not found.loads:
        yield f"{found.job}: no event was delivered yet, so there is nothing to verify"
        yield from _advice(found)
        return
    yield f"{found.job}: {_headline(found)}"
    if found.counts.asked:
        yield from _counts(found)
        yield effort_line(found)
    if found.superseded:
        yield (
            f"  of {found.superseded:,} more, a later load sent a corrected row under the same id: what was sent last "
            "is what was asked for"
        )
    yield from _repair_lines(found)
    if share is not None:
        yield (
            f"  of {found.counts.asked:,}, none missing: fewer than {100 * share:.2g} % are, with 95 % confidence"
        )
    yield from _advice(found)
    if found.counts.differences:
        yield f"See each: {name.type('verify', '-o', 'differences.csv')}"
    if found.counts.missing and not found.resent:
        yield (f"Send what is missing again, with the same ids and bytes: {name.type('verify', '--repair')}")


def _headline(found: JobVerification) -> str:
    """Return what whoever answers for the events wants to know first: whether they are there."""
    counts, what = found.counts, "delivered events"
    if not counts.asked:
        return f"none of {found.delivered:,} delivered events could be asked for"
    if found.loads[0].sample is not None:
        what = f"events drawn from {found.delivered:,} delivered ones"
    elif counts.asked < found.delivered:
        what = f"events asked for so far, of {found.delivered:,} delivered ones,"
    are = "are at the destination, once each and as they were sent"
    if counts.asked and counts.confirmed == counts.asked:
        return f"all {counts.asked:,} {what} {are}"
    rest = [
        f"{count:,} {'is' if count == 1 else 'are'} not"
        if word == "not"
        else f"of {count:,} it can't be told"
        for word, count in (("not", counts.differences), ("unknown", counts.unknown))
        if count
    ]
    return "; ".join([f"{counts.confirmed:,} of {counts.asked:,} {what} {are}", *rest])


def _counts(found: JobVerification) -> Iterator[str]:
    counted = [(word, getattr(found.counts, word)) for word in _WORDS]
    rows = [(word, f"{count:,}", _MEANING[word] if count else "") for word, count in counted]
    if (others := found.others).count is not None and others.first and others.last:
        note = f"of the same types, from {others.first:%Y-%m-%d} to {others.last:%Y-%m-%d}, that this job did not send"
        rows.append(("others", f"{others.count:,}", note))
    elif others.reason:
        rows.append(("others", "?", f"how many other events are there can't be told: {others.reason}"))
    width = max(len(count) for _, count, _ in rows)
    for word, count, note in rows:
        yield f"  {word:<9}  {count:>{width}}  {note}".rstrip()


def effort_line(found: JobVerification | ReceiptCheck) -> str:
    """Return what the asking took, and how late an event showed."""
    queries = f"{found.queries:,} quer{'y' if found.queries == 1 else 'ies'}"
    lag = f"; some showed up to {format_duration(found.lag_seconds)} late" if found.lag_seconds else ""
    return f"  each was asked for by its id: {queries} in {format_duration(found.elapsed_seconds)}{lag}"


def _repair_lines(found: JobVerification) -> Iterator[str]:
    if found.resent:
        yield f"  sent {found.resent:,} missing events again, with the same ids: {found.repaired:,} are there now"
    if found.lost:
        yield (
            f"  {found.lost:,} missing events can't be sent again: neither their parts nor their source give them as "
            "they were sent"
        )


def _advice(found: JobVerification) -> Iterator[str]:
    if found.message and found.exit_code != DestinationDiffers.exit_code:  # the first line has said it
        yield found.message
    if found.fix:
        yield found.fix


def describe_progress(counts: VerificationCounts, total: int) -> str:
    """Return one line on how far a verification is."""
    found = "".join(f", {getattr(counts, word):,} {word}" for word in _WORDS[1:] if getattr(counts, word))
    return f"asked for {counts.asked:,} of {total:,}{found}"
