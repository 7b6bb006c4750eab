"""Says what a receipt says, for a person. Pure: values in, lines out."""

from collections.abc import Iterator

from etl.plain import plain_line
from etl.values.receipt import Receipt

__all__ = ["receipt_lines"]


def receipt_lines(receipt: Receipt) -> Iterator[str]:
    """Yield the lines of `backfill receipt --format text`."""
    yield f"Receipt of job {receipt.job}, load {receipt.load}, issued {receipt.issued_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"  endpoint    {plain_line(receipt.endpoint)}"
    yield f"  tool        backfill {receipt.tool_version}, id scheme {receipt.id_scheme_version}"
    yield f"  mapping     {receipt.mapping}"
    for source in receipt.sources:
        yield (
            f"  source      {plain_line(source.path)}: {source.size_bytes:,} bytes, {source.rows:,} rows, sha256 "
            f"{source.sha256}"
        )
    books = ", ".join(f"{name} {count:,}" for name, count in receipt.books.model_dump().items())
    yield f"  books       {books}"
    if receipt.first_event_at is not None and receipt.last_event_at is not None:
        yield f"  event times {receipt.first_event_at.isoformat()} to {receipt.last_event_at.isoformat()}"
    by_type: dict[tuple[str, str], int] = {}
    for count in receipt.events:
        key = (count.entity_type, count.type)
        by_type[key] = by_type.get(key, 0) + count.events
    for (entity_type, kind), events in sorted(by_type.items()):
        yield f"  events      {entity_type} {plain_line(kind)}: {events:,}"
    for code, rejected in receipt.rejects.items():
        yield f"  rejects     {code}: {rejected:,}"
    yield f"  ids         sha256 {receipt.ids_sha256} (sorted, one a line)"
    if receipt.found_there:
        yield f"  found there {receipt.found_there:,} of the delivered events were found at the destination"
    yield from _verification(receipt)
    yield f"  before it   {receipt.previous_sha256 or 'none: this is the first of the job'}"


def _verification(receipt: Receipt) -> Iterator[str]:
    found = receipt.verification
    if found is None:
        yield "  verified    never: that the server has the events is its own word"
        return
    which = "a sample" if found.is_sample else "all"
    words = ("confirmed", "missing", "doubled", "altered", "unknown")
    counts = ", ".join(f"{word} {getattr(found, word):,}" for word in words)
    yield f"  verified    {which} {found.asked:,} events, {found.ended_at:%Y-%m-%d %H:%M:%S} UTC: {counts}"
