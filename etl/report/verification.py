"""Says what verifying a job found, for a person. Pure: values in, lines out."""

import shlex
from collections.abc import Iterator

from etl.report.summary import format_duration
from etl.values.verification import JobVerification, VerificationCounts

__all__ = ["describe_progress", "verification_lines"]

_WORDS = ("confirmed", "missing", "doubled", "altered", "unknown")
_MEANING = {
    "missing": "the destination answered that they were stored, and doesn't have them",
    "doubled": "the destination has more than one event with the id",
    "altered": "the destination has something else than was sent",
    "unknown": "it can't be told",
}


def verification_lines(
    found: JobVerification, job_path: str, *, flags: str = "", share: float | None = None
) -> Iterator[str]:
    """Yield the lines of `backfill verify`; `flags` name the same state again.

    `share` is the share of all events that may at most be missing, where a sample was asked for and none of it was.
    """
    if not found.loads:
        yield f"{found.job}: no event was delivered yet, so there is nothing to verify"
        yield from _advice(found)
        return
    counts, whose = found.counts, "a sample of its" if found.loads[0].sample is not None else "its"
    yield f"{found.job}: verified {counts.asked:,} of {whose} delivered events by asking for each by id"
    width = len(f"{max(getattr(counts, word) for word in _WORDS):,}")
    for word in _WORDS:
        count = getattr(counts, word)
        note = _MEANING.get(word, "there once, and as sent") if count else ""
        yield f"  {word:<9}  {count:>{width},}  {note}".rstrip()
    lag = f", shown up to {format_duration(found.lag_seconds)} late" if found.lag_seconds else ""
    yield f"  {found.queries:,} queries in {format_duration(found.elapsed_seconds)}{lag}"
    if found.resent:
        yield f"  sent {found.resent:,} missing events again, with the same ids: {found.repaired:,} are there now"
    if found.lost:
        yield (
            f"  {found.lost:,} missing events can't be sent again: neither their parts nor their source give them as "
            "they were sent"
        )
    if share is not None:
        yield f"  of {counts.asked:,}, none missing: fewer than {100 * share:.2g} % are, with 95 % confidence"
    yield from _advice(found)
    if counts.differences:
        yield f"See each: backfill verify{flags} -o differences.csv {shlex.quote(job_path)}"
    if counts.missing and not found.resent:
        yield (
            f"Send what is missing again, with the same ids and bytes: backfill verify --repair{flags} "
            f"{shlex.quote(job_path)}"
        )


def _advice(found: JobVerification) -> Iterator[str]:
    if found.message:
        yield found.message
    if found.fix:
        yield found.fix


def describe_progress(counts: VerificationCounts, total: int) -> str:
    """Return one line on how far a verification is."""
    found = "".join(f", {getattr(counts, word):,} {word}" for word in _WORDS[1:] if getattr(counts, word))
    return f"asked for {counts.asked:,} of {total:,}{found}"
