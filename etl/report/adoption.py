"""Says what adopting a job came to, for a person. Pure: values in, lines out."""

from collections.abc import Iterator

from etl.report.summary import format_duration
from etl.typed import JobName
from etl.values.adoption import Adoption, OtherwiseThere

__all__ = ["adoption_lines", "describe_adoption"]

MOST_SHOWN = 5
_MEANING = {
    "found": "there once, and as they would be sent: they count as delivered",
    "absent": "not there: a run sends them",
    "altered": "there otherwise than they would be sent",
    "doubled": "there more than once",
    "unknown": "it can't be told",
}


def adoption_lines(done: Adoption, name: JobName) -> Iterator[str]:
    """Yield the lines of `backfill adopt`, of the job called `name`."""
    if done.load is None:
        yield f"{done.job}: {done.message or 'nothing is pending, and nothing new was found to adopt'}"
        if done.fix:
            yield done.fix
        return
    yield f"{done.job}: asked for {done.asked:,} pending events by id; sent nothing"
    width = len(f"{max(getattr(done, word) for word in _MEANING):,}")
    for word, meaning in _MEANING.items():
        count = getattr(done, word)
        yield f"  {word:<7}  {count:>{width},}  {meaning if count else ''}".rstrip()
    if done.accepted:
        yield f"  {done.accepted:,} of those that are there otherwise count as delivered, as asked"
    yield f"  {done.queries:,} quer{'y' if done.queries == 1 else 'ies'} in {format_duration(done.elapsed_seconds)}"
    yield from map(_describe, done.first[:MOST_SHOWN])
    if len(done.first) > MOST_SHOWN:
        yield f"  and {done.altered + done.doubled - MOST_SHOWN:,} more: --json lists the first {len(done.first):,}"
    if done.message:
        yield done.message
    if done.fix:
        yield done.fix
    elif done.pending:
        yield f"Send the {done.pending:,} that are pending: {name.type('run')}"
    else:
        yield f"Nothing is pending; close the books of the load: {name.type('run')}"


def _describe(one: OtherwiseThere) -> str:
    where = f"{one.file} row {one.row:,} ({one.id})"
    if not one.field:
        return f"  {one.finding}: {where}"
    return f"  {one.finding}: {where}: {one.field} is {one.found}, would be sent as {one.expected}"


def describe_adoption(done: Adoption, total: int) -> str:
    """Return one line on how far an adoption is."""
    return f"asked for {done.asked:,} of {total:,}, {done.found:,} found, {done.absent:,} absent"
