"""Chat message events as a docs widget exports them: two CSV files, a quarter each.

The second file starts with a byte order mark and repeats the first one's last row, as overlapping exports do.
"""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from generator.draw import Draw
from generator.samples import DELIVERED, DUPLICATE, SKIPPED, Fates, Sample
from generator.wording import COMMENTS_BAD, COMMENTS_GOOD, COUNTRIES, PAGES, SITE, STAGING

__all__ = ["make_chat_messages"]

Row = dict[str, str]

JOB: Final = "chat-messages"
COLUMNS: Final = (
    "event_id",
    "occurred_at",
    "action",
    "message_id",
    "conversation_id",
    "user_id",
    "identified_by",
    "page_url",
    "browser",
    "country",
    "from_docs",
    "latency_ms",
    "feedback_comment",
)
ACTIONS: Final = {
    "copy": 28.0,
    "code_copy": 24,
    "source_click": 16,
    "link_open": 14,
    "thumbs_up": 11,
    "thumbs_down": 7,
}
BROWSERS: Final = {"Chrome 121": 55.0, "Safari 17": 20, "Firefox 122": 14, "Edge 121": 11}
OLD_WIDGET_ZONE: Final = timezone(timedelta(hours=1))
REPEATED_Q1: Final = 430

# Row of the file, counted before repeats -> (reject code, why, what to change in the row).
DAMAGE_Q1: Final[dict[int, tuple[str, str, Row]]] = {
    118: (
        "missing_required",
        "no message_id; its comment starts like a spreadsheet formula",
        {
            "message_id": "",
            "action": "thumbs_down",
            "feedback_comment": '=HYPERLINK("https://phish.example","open me")',
        },
    ),
    207: ("unparsable_value", "latency_ms is a word", {"latency_ms": "timeout"}),
    356: ("unmapped_value", "an action the job's map doesn't know", {"action": "emoji_react"}),
    473: (
        "unparsable_timestamp",
        "the day doesn't exist: 30 February",
        {"occurred_at": "2024-02-30T09:24:40.539Z"},
    ),
    512: (
        "timestamp_out_of_range",
        "1970: a zero exported as a date",
        {"occurred_at": "1970-01-01T00:00:00.000Z"},
    ),
}
DAMAGE_Q2: Final[dict[int, tuple[str, str, Row]]] = {
    88: ("unparsable_timestamp", "a placeholder where the time should be", {"occurred_at": "n/a"}),
    402: ("unmapped_value", "an action in capitals: the map is case-sensitive", {"action": "COPY"}),
    640: ("missing_required", "no message_id", {"message_id": ""}),
}


def make_chat_messages() -> list[Sample]:
    """Return the two quarters of chat message events."""
    draw = Draw("chat-messages 2024")
    first = [_make_row(draw, at) for at in draw.moments(datetime(2024, 1, 1, tzinfo=UTC), 91, 720)]
    second = [_make_row(draw, at) for at in draw.moments(datetime(2024, 4, 1, tzinfo=UTC), 91, 770)]
    for index in (REPEATED_Q1 - 1, -1):  # rows that come twice must not be skipped ones
        first[index] = _off_staging(first[index])
    return [
        _write_q1("chat-messages-2024-q1.csv", first),
        _write_q2("chat-messages-2024-q2.csv", second, first[-1]),
    ]


def _make_row(draw: Draw, at: datetime) -> Row:
    action = draw.weighted(ACTIONS)
    identified_by = draw.weighted({"cookie": 70.0, "login": 22, "": 8})
    comment = ""
    if action.startswith("thumbs_") and draw.chance(0.7):
        comment = draw.one_of(COMMENTS_GOOD if action == "thumbs_up" else COMMENTS_BAD)
    host = STAGING if draw.chance(0.03) else SITE
    return {
        "event_id": f"evt_{draw.token(20)}",
        "occurred_at": _write_time(at, old_widget=draw.chance(0.2)),
        "action": action,
        "message_id": f"msg_{draw.token(12)}",
        "conversation_id": f"cnv_{draw.token(10)}",
        "user_id": f"usr_{draw.number(1, 260):04d}" if identified_by else "",
        "identified_by": identified_by,
        "page_url": host + draw.one_of(PAGES),
        "browser": draw.weighted(BROWSERS),
        "country": draw.weighted(COUNTRIES),
        "from_docs": "true" if draw.chance(0.86) else "false",
        "latency_ms": "" if draw.chance(0.05) else str(draw.number(380, 9_400)),
        "feedback_comment": comment,
    }


def _write_time(at: datetime, *, old_widget: bool) -> str:
    if old_widget:
        return at.astimezone(OLD_WIDGET_ZONE).isoformat(timespec="milliseconds")
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_q1(file: str, rows: list[Row]) -> Sample:
    fates = Fates()
    out = io.StringIO()
    out.write(_write_line(dict(zip(COLUMNS, COLUMNS, strict=True))))
    for number, row in enumerate(rows, start=1):
        if number == 290:
            fates.add("malformed_record", "cut off in the middle: too few fields")
            out.write(f"{row['event_id']},{row['occurred_at'][:14]}\n")
            continue
        _write_row(out, fates, number, row, DAMAGE_Q1)
        if number == REPEATED_Q1:
            fates.add(DUPLICATE, "the row before it, exported twice")
            out.write(_write_line(row))
    return Sample(JOB, file, out.getvalue().encode(), fates.freeze())


def _write_q2(file: str, rows: list[Row], last_of_first: Row) -> Sample:
    fates = Fates()
    out = io.StringIO()
    out.write(_write_line(dict(zip(COLUMNS, COLUMNS, strict=True))))
    fates.add(DUPLICATE, "the last row of the first quarter's file: the exports overlap")
    out.write(_write_line(last_of_first))
    for number, row in enumerate(rows, start=2):
        if number == 233:
            fates.add("malformed_record", "a comma in a comment without quotes: too many fields")
            out.write(",".join({**row, "feedback_comment": "good, but too long"}.values()) + "\n")
            continue
        if number == 500:
            # Not a record, so it counts as no row: the numbers after it don't shift.
            out.write("\n")
        _write_row(out, fates, number, row, DAMAGE_Q2)
    return Sample(JOB, file, out.getvalue().encode("utf-8-sig"), fates.freeze())


def _write_row(
    out: io.StringIO, fates: Fates, number: int, row: Row, damage: Mapping[int, tuple[str, str, Row]]
) -> None:
    if number in damage:
        code, note, changes = damage[number]
        row = {**_off_staging(row), **changes}
        fates.add(code, note)
    else:
        fates.add(SKIPPED if row["page_url"].startswith(STAGING) else DELIVERED)
    out.write(_write_line(row))


def _off_staging(row: Row) -> Row:
    return {**row, "page_url": SITE + PAGES[0]}


def _write_line(row: Row) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row[column] for column in COLUMNS)
    return line.getvalue()
