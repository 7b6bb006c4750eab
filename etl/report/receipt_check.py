"""Says what asking for the events of a receipt found, for a person. Pure: values in, lines out."""

from collections.abc import Iterator
from typing import Final

from etl.plain import plain_line
from etl.report.verification import effort_line
from etl.values.receipt_check import ReceiptCheck

__all__ = ["receipt_check_lines"]

_MEANING: Final = {
    "present": "there once",
    "missing": "the receipt calls them delivered, and the destination doesn't have them",
    "doubled": "the destination has more than one event with the id",
    "unknown": "it can't be told",
}
_MOST_COUNTS: Final = 10


def receipt_check_lines(found: ReceiptCheck, *, share: float | None = None) -> Iterator[str]:
    """Yield the lines of `backfill verify --receipt`.

    `share` is the share of all events that may at most be missing, where a sample was asked for and none of it was.
    """
    yield f"{found.job}, load {found.load}: {_headline(found)}"
    yield f"  receipt  {found.receipt}: {_chain(found)}"
    yield f"  ids      {found.ids}: all {found.delivered:,}, with the sha256 that the receipt says"
    if found.endpoint != found.sent_to:
        yield f"  asked    {found.endpoint}; the receipt says that they were sent to {plain_line(found.sent_to)}"
    if found.asked:
        yield from _counts(found)
        yield effort_line(found)
    if share is not None:
        yield (
            f"  of {found.asked:,}, none missing: fewer than {100 * share:.2g} % are, with 95 % confidence"
        )
    if found.present:
        yield from _contents(found)
    if found.message:
        yield found.message
    if found.fix:
        yield found.fix


def _headline(found: ReceiptCheck) -> str:
    if not found.asked:
        return f"none of {found.delivered:,} events of the receipt could be asked for"
    what = (
        f"{found.asked:,} of {found.delivered:,} events"
        if found.asked < found.delivered
        else f"{found.asked:,} events"
    )
    if found.present == found.asked:
        all_ = "all " if found.asked == found.delivered else ""
        as_sent = " and as they were sent" if found.proven == found.present and not found.counts else ""
        return f"{all_}{what} are at the destination, once each{as_sent}"
    return f"{found.present:,} of {what} are at the destination, once each"


def _chain(found: ReceiptCheck) -> str:
    if found.goes_on:
        rest = "the one before isn't beside it, so that the chain can't be followed to its begin"
    else:
        rest = "the first of its job" if not found.before else "the chain begins there"
    told = [
        f"{count:,} {word} it as the chain says"
        for count, word in ((found.before, "before"), (found.after, "after"))
        if count
    ]
    return ", ".join([*told, rest])


def _counts(found: ReceiptCheck) -> Iterator[str]:
    counts = {word: getattr(found, word) for word in _MEANING}
    width = max(len(f"{count:,}") for count in counts.values())
    for word, count in counts.items():
        yield f"  {word:<7}  {f'{count:,}':>{width}}  {_MEANING[word] if count else ''}".rstrip()


def _contents(found: ReceiptCheck) -> Iterator[str]:
    if found.uncounted_reason:
        yield f"  days and types can't be compared: {found.uncounted_reason}"
    elif not found.counts:
        yield "  by day and type they are as many as the receipt counts"
    for one in found.counts[:_MOST_COUNTS]:
        yield (
            f"  {one.day} {one.entity_type} {plain_line(one.type)}: {one.found:,} instead of {one.expected:,}"
        )
    if len(found.counts) > _MOST_COUNTS:
        yield f"  and {len(found.counts) - _MOST_COUNTS:,} more: see --json"
    if found.proven:
        yield f"  {found.proven:,} carry an id that is the digest of their content, which proves it"
    if rest := found.present - found.proven:
        yield f"  what {rest:,} of them hold can't be compared: a receipt has no contents"
