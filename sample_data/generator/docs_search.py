"""Search logs as an old analytics tool exports them: gzipped TSV, no header, local times without a zone.

The two months are those in which Los Angeles sets its clocks forward and back.
"""

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from generator.draw import Draw
from generator.samples import DELIVERED, DUPLICATE, SKIPPED, Fates, Sample
from generator.wording import PAGES, QUERIES

__all__ = ["COLUMNS", "make_docs_search"]

Row = dict[str, str]

JOB: Final = "docs-search"
COLUMNS: Final = (
    "session_id",
    "started",
    "user_id",
    "region",
    "action",
    "query",
    "result_count",
    "clicked_pages",
    "duration_s",
    "filters",
)
ZONE: Final = ZoneInfo("America/Los_Angeles")
# 1:00 to 2:00 happens twice in this night; only the rows below that say so may fall into it.
CLOCKS_GO_BACK: Final = (datetime(2023, 11, 5, 8, tzinfo=UTC), datetime(2023, 11, 5, 10, tzinfo=UTC))
REGIONS: Final = {"us-west": 48.0, "us-east": 25, "eu": 24, "test": 3}
MISSING: Final = "NULL"
PASTED_LOG: Final = (
    "2023-11-14T08:03:51Z ERROR smtp.relay: upstream closed the connection, retrying in 30 s; " * 24_000
)

DAMAGE_MARCH: Final[dict[int, tuple[str, str, Row]]] = {
    163: ("missing_required", "the query is only spaces", {"query": "   "}),
    266: (
        "nonexistent_timestamp",
        "clocks went from 2:00 to 3:00 that night",
        {"started": "03/12/2023 02:30:00 AM"},
    ),
    390: ("invalid_json", "the JSON in filters is cut off", {"filters": '{"version":"v2","la'}),
    564: (
        "unparsable_timestamp",
        "day and month swapped: no month 23",
        {"started": "23/03/2023 09:00:38 AM"},
    ),
    688: ("missing_required", "the query is NULL", {"query": MISSING}),
}
DAMAGE_NOVEMBER: Final[dict[int, tuple[str, str, Row]]] = {
    96: (
        "ambiguous_timestamp",
        "1:05 came twice that night: clocks went back at 2:00",
        {"started": "11/05/2023 01:05:44 AM"},
    ),
    97: ("ambiguous_timestamp", "in the same hour", {"started": "11/05/2023 01:30:00 AM"}),
    290: (
        "body_too_large",
        "somebody pasted a whole log: a body of over 2 MB",
        {"query": PASTED_LOG.strip()},
    ),
    415: ("missing_required", "the time is NULL", {"started": MISSING}),
    491: ("unparsable_timestamp", "a 24-hour time with PM", {"started": "11/21/2023 17:44:00 PM"}),
}


def make_docs_search() -> list[Sample]:
    """Return the two months of search events."""
    draw = Draw("docs-search 2023")
    march = _make_rows(draw, datetime(2023, 3, 1, 8, tzinfo=UTC), 30, sessions=280)
    november = _make_rows(draw, datetime(2023, 11, 1, 7, tzinfo=UTC), 30, sessions=300)
    return [
        _write_march("search-2023-03.tsv.gz", march),
        _write_november("search-2023-11.tsv.gz", november),
    ]


def _make_rows(draw: Draw, first_day: datetime, days: int, *, sessions: int) -> list[Row]:
    timed: list[tuple[datetime, Row]] = []
    for at in draw.moments(first_day, days, sessions):
        timed.extend(_make_session(draw, at.replace(microsecond=0)))
    timed.sort(key=lambda pair: pair[0])
    return [{**row, "started": _write_local(at)} for at, row in timed]


def _make_session(draw: Draw, at: datetime) -> list[tuple[datetime, Row]]:
    """One search: the query, its response, and often a click."""
    if CLOCKS_GO_BACK[0] <= at + timedelta(minutes=5) and at < CLOCKS_GO_BACK[1]:
        at += timedelta(hours=3)
    query = {
        "session_id": draw.token(12),
        "user_id": MISSING if draw.chance(0.35) else str(draw.number(10_000, 10_400)),
        "region": draw.weighted(REGIONS),
        "action": "q",
        "query": (" " if draw.chance(0.05) else "") + draw.one_of(QUERIES),
        "result_count": MISSING,
        "clicked_pages": MISSING,
        "duration_s": MISSING,
        "filters": draw.one_of((MISSING, MISSING, _write_filters(draw))),
    }
    found = 0 if draw.chance(0.08) else draw.number(1, 40)
    seconds = str(draw.decimal(0.05, 2.4, 3))
    answered = at + timedelta(seconds=1)
    steps = [
        (at, query),
        (answered, {**query, "action": "r", "result_count": str(found), "duration_s": seconds}),
    ]
    pages = draw.some_of(PAGES, 3) if found else []
    if pages:
        clicked = answered + timedelta(seconds=draw.number(2, 90))
        steps.append((clicked, {**query, "action": "c", "clicked_pages": ";".join(pages)}))
    return steps


def _write_filters(draw: Draw) -> str:
    chosen = {"version": draw.one_of(("v1", "v2")), "lang": draw.one_of(("en", "de", "ja"))}
    return json.dumps(chosen, separators=(",", ":"))


def _write_local(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%m/%d/%Y %I:%M:%S %p")


def _write_march(file: str, rows: list[Row]) -> Sample:
    fates = Fates()
    lines: list[bytes] = []
    repeated = 305
    rows[repeated - 1] = {**rows[repeated - 1], "region": "eu"}
    for number, row in enumerate(rows, start=1):
        lines.append(_damage_row(fates, number, row, DAMAGE_MARCH))
        if number == repeated:
            fates.add(DUPLICATE, "the row before it, in every column")
            lines.append(_write_line(row))
    return Sample(JOB, file, _compress(lines), fates.freeze())


def _write_november(file: str, rows: list[Row]) -> Sample:
    fates = Fates()
    lines: list[bytes] = []
    measured_again = 540
    rows[measured_again - 1] = {**rows[measured_again - 1], "region": "us-west"}
    for number, row in enumerate(rows, start=1):
        if number == 222:
            fates.add("invalid_utf8", "the query is in Latin-1, not UTF-8")
            latin = {**row, "region": "eu", "query": "clé d’accès révoquée".replace("’", "'")}
            lines.append(_write_line(latin, encoding="latin-1"))
            continue
        lines.append(_damage_row(fates, number, row, DAMAGE_NOVEMBER))
        if number == measured_again:
            fates.add(DUPLICATE, "the id's columns as in the row before it; another duration")
            lines.append(_write_line({**row, "duration_s": "9.999"}))
    fates.add("malformed_record", "the export stopped here: too few fields, no line end")
    lines.append(_write_line(rows[0])[:34])
    return Sample(JOB, file, _compress(lines), fates.freeze())


def _damage_row(fates: Fates, number: int, row: Row, damage: dict[int, tuple[str, str, Row]]) -> bytes:
    if number in damage:
        code, note, changes = damage[number]
        fates.add(code, note)
        return _write_line({**row, "region": "us-west", **changes})
    fates.add(SKIPPED if row["region"] == "test" else DELIVERED)
    return _write_line(row)


def _write_line(row: Row, *, encoding: str = "utf-8") -> bytes:
    line = io.StringIO()
    writer = csv.writer(line, delimiter="\t", lineterminator="\n")
    writer.writerow(row[column] for column in COLUMNS)
    return line.getvalue().encode(encoding)


def _compress(lines: list[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), compresslevel=9, mtime=0)
