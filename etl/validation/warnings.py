"""Finds what no check refuses and a person should still look at before sending. Pure: counts in, findings out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from etl.event_types import is_known_type, nearest_type
from etl.guess.writing import render_value
from etl.intake.id_audit import IdAudit, Repeat
from etl.job.line_numbers import place_of
from etl.job.model import Job
from etl.validation.body_findings import BodyLooks
from etl.validation.event_counts import OTHER, EventTally
from etl.values.books import Books
from etl.values.findings import Example, Finding, Level

__all__ = ["find_warnings"]

MIDNIGHT_SHARE: Final = 0.05
FEW_EVENTS: Final = 20
# Zones that are called like a clock with summer time and have none: what they are, what is meant, what they are like.
FIXED_CLOCKS: Final = {
    "EST": (5, "America/New_York", "America/Panama"),
    "MST": (7, "America/Denver", "America/Phoenix"),
}
MANY_MESSAGES: Final = 100
SHARED_IDS: Final = 0.1
MOST_TYPES_TOLD: Final = 10


def find_warnings(
    job: Job,
    tally: EventTally,
    looks: BodyLooks,
    ids: IdAudit,
    books: Books,
    names: tuple[str, ...],
    now: datetime,
) -> list[Finding]:
    """Return the warnings and notes on the events that would be sent."""
    return [
        *_look_at_times(job, tally, books, now),
        *_look_at_ids(job, ids, books, names),
        *_look_at_messages(job, looks, books),
        *_look_at_people(job, looks, names),
        *_look_at_types(job, tally, books),
    ]


def _look_at_times(job: Job, tally: EventTally, books: Books, now: datetime) -> Iterator[Finding]:
    spec = job.event.createdAt
    if tally.midnights >= FEW_EVENTS and tally.midnights >= MIDNIGHT_SHARE * tally.events:
        all_of_them = tally.midnights == tally.events
        clock = spec.timezone or "UTC"
        many = "all events" if all_of_them else f"{tally.midnights / tally.events:.0%} of the events"
        what = f"the time is midnight sharp ({clock}) for {many}: a date without a time of day, it seems"
        fix = 'if the source has the time of day in another column, join them: columns = ["date", "time"] in createdAt'
        yield _at_time(job, "warning", "midnight_times", what, tally.midnights, books, fix)
    if tally.last_us is not None and tally.last_us > now.timestamp() * 1e6:
        last = datetime.fromtimestamp(tally.last_us / 1e6, UTC)
        what = f"the time is in the future; the last is {last:%Y-%m-%d %H:%M:%S} UTC"
        fix = "local times read as UTC do that: name their zone with `timezone` in createdAt"
        yield _at_time(job, "warning", "future_times", what, 1, books, fix)
    if tally.events and spec.timezone in FIXED_CLOCKS:
        behind, place, same_all_year = FIXED_CLOCKS[spec.timezone]
        what = f"`{spec.timezone}` is {behind} hours behind UTC all year: it knows no summer time"
        fix = (
            f'name the place whose clock it is: timezone = "{place}"; without summer time: "{same_all_year}"'
        )
        yield _at_time(job, "warning", "fixed_offset_zone", what, tally.events, books, fix)
    if tally.changed_hour and spec.ambiguous != "reject":
        what = f"the hour happened twice in {spec.timezone}, and is read as the {spec.ambiguous} one"
        yield _at_time(
            job,
            "note",
            "changed_hour",
            what,
            tally.changed_hour,
            books,
            "nothing to do, if that is what the job means",
        )


def _look_at_ids(job: Job, ids: IdAudit, books: Books, names: tuple[str, ...]) -> Iterator[Finding]:
    differing, column = (
        ids.differing,
        ", ".join(job.event.id.key_columns or filter(None, (job.event.id.column,))),
    )
    place = place_of(job, "event", "id")
    repeats = list(ids.repeats)
    said = f"the id is that of an earlier row, but the content differs in {differing:,} of them"
    apart = (
        "if they are other events, add a column to `id` that tells them apart, or leave `id` out to make it of the "
        "content"
    )
    if differing and job.source.on_correction == "reject":
        yield Finding(
            "error", "conflict", f'{said}: on_correction = "reject"', differing, differing / books.read, apart,
            field="id", column=column,
            examples=_show_repeats([repeat for repeat in repeats if repeat.differs], names),
            job_file=str(place.path) if place.line else None, job_line=place.line,
        )  # fmt: skip
        differing, repeats = 0, [repeat for repeat in repeats if not repeat.differs]
    if not books.duplicate:
        return
    level: Level = "warning" if differing else "note"
    what = "the id is that of an earlier row: the event is sent once"
    fix = 'nothing to do for real repeats; to keep each, id = { duplicates = "number" }'
    if job.event.id.kind == "verbatim":
        fix = "nothing to do, if they are the same events exported twice"
    if differing:
        sends = job.source.on_correction == "send"
        what = f"{said}: {'the last of each id is sent' if sends else 'those wait for `retry --corrections`'}"
        fix = apart
    yield Finding(
        level, "id_collision" if differing else "duplicate", what, books.duplicate, books.duplicate / books.read,
        fix,
        field="id", column=column, examples=_show_repeats(repeats, names),
        job_file=str(place.path) if place.line else None, job_line=place.line,
    )  # fmt: skip


def _show_repeats(repeats: Iterable[Repeat], names: tuple[str, ...]) -> tuple[Example, ...]:
    """Return rows whose id an earlier row has, with where that one is."""
    return tuple(
        Example(
            names[repeat.file],
            repeat.row,
            None,
            f"{'another event with the id of' if repeat.differs else 'repeats'} "
            + (
                f"row {repeat.first_row}"
                if repeat.file == repeat.first_file
                else f"{names[repeat.first_file]} row {repeat.first_row}"
            ),
        )
        for repeat in repeats
    )


def _look_at_messages(job: Job, looks: BodyLooks, books: Books) -> Iterator[Finding]:
    """Yield what is told of a message's id that many rows share, as a conversation's or a channel's."""
    if looks.messages < MANY_MESSAGES or looks.message_ids > SHARED_IDS * looks.messages:
        return
    place = place_of(job, "event", "messageId")
    many = "the one value" if looks.message_ids == 1 else f"{looks.message_ids:,} values"
    what = (
        f"`messageId` has {many} in the {looks.messages:,} bodies looked at: a message has an id of its own"
    )
    yield Finding(
        "warning", "shared_message_id", what, looks.messages, min(1.0, looks.messages / books.read),
        "map the column that names each message; what many rows share is a conversationId",
        field="messageId", job_file=str(place.path) if place.line else None, job_line=place.line,
    )  # fmt: skip


def _look_at_people(job: Job, looks: BodyLooks, names: tuple[str, ...]) -> Iterator[Finding]:
    for noticed in looks.noticed():
        table, _, key = f"event.{noticed.path}".rpartition(".")
        place = place_of(job, table, key)
        what = (
            f"`{noticed.path}` holds what looks like {_article(noticed.kind)} in {noticed.rows:,} of the "
            f"{looks.looked_at:,} bodies looked at"
        )
        yield Finding(
            "warning", "personal_data", what, noticed.rows, noticed.rows / looks.looked_at,
            "leave the column out, or hash or cut it with `sql`, if it should not leave your systems",
            field=noticed.path, examples=(Example(names[noticed.file], noticed.row, None, noticed.kind),),
            job_file=str(place.path) if place.line else None, job_line=place.line,
        )  # fmt: skip


def _look_at_types(job: Job, tally: EventTally, books: Books) -> Iterator[Finding]:
    """Yield the types that history would be counted under apart from what comes in today."""
    events: Counter[str] = Counter()
    for (_, kind), count in tally.kinds.items():
        if count > 0 and kind != OTHER and not is_known_type(kind):
            events[kind] += count
    place = place_of(job, "event", "type")
    for kind, count in events.most_common(MOST_TYPES_TOLD):
        nearest = nearest_type(kind)
        what = f"the type `{kind}` is none that the API's own widgets send"
        fix = "keep it, if your reports count it by this name; the known ones: backfill init --list-types"
        if nearest is not None:
            fix = f"did you mean `{nearest}`? {_say_type(job, kind, nearest)}"
        yield Finding(
            "note" if nearest is None else "warning", "unknown_type", what, count, count / books.read, fix,
            field="type", column=job.event.type.column or "",
            job_file=str(place.path) if place.line else None, job_line=place.line,
        )  # fmt: skip


def _say_type(job: Job, kind: str, meant: str) -> str:
    """Return what to write, so that events of the type `kind` get the one that is meant."""
    spec = job.event.type
    if spec.value is not None:
        return f"type = {render_value({'value': meant})}"
    if spec.map is not None:
        return f"put it in the `map` of type in place of {render_value(kind)}"
    return f"in type, map = {render_value({kind: meant})}, with each other value as itself"


def _at_time(job: Job, level: Level, code: str, what: str, rows: int, books: Books, fix: str) -> Finding:
    place = place_of(job, "event", "createdAt")
    spec = job.event.createdAt
    column = spec.column or ", ".join(spec.columns or ())
    return Finding(
        level, code, what, rows, rows / books.read, fix, field="createdAt", column=column,
        job_file=str(place.path) if place.line else None, job_line=place.line,
    )  # fmt: skip


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
