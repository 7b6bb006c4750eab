"""Widget events as an application logs them: one NDJSON file with nested objects and ids of two types.

One file holds all three kinds of entity; each line has only the keys that its kind needs.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from generator.draw import Draw
from generator.samples import DELIVERED, SKIPPED, Fates, Sample
from generator.wording import PAGES, QUERIES, SITE

__all__ = ["make_widget_events"]

Line = dict[str, Any]

EVENTS: Final = {
    "modal_opened": 26.0,
    "user_message_submitted": 22,
    "assistant_answer_displayed": 20,
    "search_query_submitted": 14,
    "search_result_clicked": 8,
    "modal_closed": 10,
}
ENTITIES: Final = {"modal": "conversation", "user": "message", "assistant": "message", "search": "search"}
REPEATED: Final = {58: 1, 171: 2}
REPEAT_NOTE: Final = "the line before it again, in every byte: the job says to keep each"
DAMAGE: Final[dict[int, tuple[str, str, Line]]] = {
    33: ("timestamp_out_of_range", "1970: the clock was never set", {"ts": 0}),
    140: ("unparsable_timestamp", "a word where the time should be", {"ts": "yesterday"}),
    205: ("unknown_entity_type", "an entity the events API doesn't have", {"entity": "page"}),
    261: ("missing_required", "a message without its message_id", {"entity": "message", "message_id": None}),
    282: (
        "timestamp_out_of_range",
        "seconds where milliseconds should be: 1970 again",
        {"ts": 1_709_798_401},
    ),
}


def make_widget_events() -> list[Sample]:
    """Return a week of widget events."""
    draw = Draw("widget-events 2024")
    fates = Fates()
    lines: list[str] = []
    for number, at in enumerate(draw.moments(datetime(2024, 3, 4, tzinfo=UTC), 7, 297), start=1):
        line = _make_line(draw, at)
        if number in REPEATED:
            line["env"] = "prod"  # a repeat must not be a skipped row
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        if number == 97:
            fates.add("malformed_record", "the line breaks off: not JSON")
            lines.append(text[: len(text) // 2])
        elif number == 188:
            fates.add("malformed_record", "a JSON list, not an object")
            lines.append(json.dumps(list(line.values()), ensure_ascii=False, separators=(",", ":")))
        elif number in DAMAGE:
            code, note, changes = DAMAGE[number]
            fates.add(code, note)
            damaged = {**line, "env": "prod", **changes}
            lines.append(json.dumps(damaged, ensure_ascii=False, separators=(",", ":")))
        else:
            fates.add(DELIVERED if line["env"] == "prod" else SKIPPED)
            lines.append(text)
            for _ in range(REPEATED.get(number, 0)):
                fates.add(DELIVERED, REPEAT_NOTE)
                lines.append(text)
        if number == 120:
            # Not a record, so it counts as no row: the numbers after it don't shift.
            lines.append("")
    data = "".join(line + "\n" for line in lines).encode()
    return [Sample("widget-events", "widget-events.ndjson", data, fates.freeze())]


def _make_line(draw: Draw, at: datetime) -> Line:
    event = draw.weighted(EVENTS)
    entity = ENTITIES[event.split("_")[0]]
    line: Line = {
        "ts": int(at.timestamp() * 1000 + 0.5),
        "event": event,
        "entity": entity,
        "env": "test" if draw.chance(0.04) else "prod",
        # The old widget counted users and conversations; the new one gives them random names.
        "user_id": draw.number(1_000, 1_400) if draw.chance(0.4) else f"u_{draw.token(8)}",
    }
    if entity != "search":
        line["conversation_id"] = _draw_conversation_id(draw)
    if entity == "message":
        line["message_id"] = f"msg_{draw.token(12)}"
    if entity == "search":
        line["query"] = draw.one_of(QUERIES)
    line["widget"] = {
        "version": draw.one_of(("0.3.117", "0.4.0")),
        "theme": {"mode": draw.one_of(("dark", "light")), "accent": None},
    }
    line["details"] = _make_details(draw, event)
    return line


def _draw_conversation_id(draw: Draw) -> int | str:
    if draw.chance(0.4):
        return 7_164_000_000_000_000_000 + draw.number(1, 999_999_999)
    return f"cnv_{draw.token(10)}"


def _make_details(draw: Draw, event: str) -> Line:
    page = SITE + draw.one_of(PAGES)
    if event == "assistant_answer_displayed":
        sources = [{"url": SITE + path, "score": draw.decimal(0.3, 1, 3)} for path in draw.some_of(PAGES, 3)]
        return {"page": page, "sources": sources, "tokens": draw.number(40, 900)}
    if event == "search_result_clicked":
        return {"page": page, "position": draw.number(1, 8)}
    return {"page": page}
