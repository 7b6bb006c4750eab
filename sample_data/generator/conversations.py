"""Conversation events as a warehouse exports them: one Parquet file with typed columns.

The bytes depend on the version of pyarrow, whose name the footer holds; the rows and the schema don't.
"""

import io
import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from generator.draw import Draw
from generator.samples import DELIVERED, DUPLICATE, SKIPPED, Fates, Sample

__all__ = ["SCHEMA", "make_conversations"]

Row = dict[str, Any]

SCHEMA: Final = pa.schema(
    [
        ("happened_at", pa.timestamp("us", tz="UTC")),
        ("event", pa.string()),
        ("conversation_id", pa.string()),
        ("account_id", pa.int64()),
        ("plan", pa.string()),
        ("product", pa.string()),
        ("is_internal", pa.bool_()),
        ("message_count", pa.int32()),
        ("resolved", pa.bool_()),
        ("satisfaction", pa.float64()),
        ("tags", pa.list_(pa.string())),
        (
            "handoff",
            pa.struct([("channel", pa.string()), ("agent_email", pa.string()), ("wait_s", pa.int64())]),
        ),
    ]
)
EVENTS: Final = {
    "conversation_shared": 22.0,
    "shared_chat_loaded": 26,
    "get_help_option_clicked": 20,
    "user_escalation_indicated": 17,
    "chat_clear_button_clicked": 15,
}
TAGS: Final = (
    "auth",
    "billing",
    "webhooks",
    "python",
    "typescript",
    "rate-limits",
    "self-hosting",
    "how-to, basics",
)
PRODUCTS: Final = {"mail": 58.0, "events": 30, "legacy-gateway": 12}
PLANS: Final = {"free": 50.0, "team": 33, "enterprise": 17}
AGENTS: Final = ("ana@support.example.com", "björn@support.example.com", "chiara@support.example.com", None)
# Wider than 2^53: read as a JavaScript number such an id would lose its last digits.
ACCOUNT_IDS_START: Final = 9_214_000_000_000_000_001

REPEATED: Final = 377
DAMAGE: Final[dict[int, tuple[str, str, Row]]] = {
    64: ("missing_required", "conversation_id is null", {"conversation_id": None}),
    251: ("number_not_finite", "satisfaction is NaN, which JSON can't hold", {"satisfaction": math.nan}),
    489: (
        "timestamp_out_of_range",
        "1970: a zero exported as a date",
        {"happened_at": datetime(1970, 1, 1, tzinfo=UTC)},
    ),
    702: ("missing_required", "conversation_id is an empty text", {"conversation_id": ""}),
}


def make_conversations() -> list[Sample]:
    """Return the year of conversation events."""
    draw = Draw("conversations 2024")
    rows: list[Row] = []
    fates = Fates()
    for number, at in enumerate(draw.moments(datetime(2024, 1, 1, tzinfo=UTC), 366, 800), start=1):
        row = _make_row(draw, at)
        if number in DAMAGE:
            code, note, changes = DAMAGE[number]
            row = {**row, "is_internal": False, **changes}
            fates.add(code, note)
        else:
            row["is_internal"] = row["is_internal"] and number != REPEATED
            fates.add(SKIPPED if row["is_internal"] else DELIVERED)
        rows.append(row)
        if number == REPEATED:
            fates.add(DUPLICATE, "the row before it, in every column")
            rows.append(row)
    return [Sample("conversations", "conversations-2024.parquet", _write_parquet(rows), fates.freeze())]


def _make_row(draw: Draw, at: datetime) -> Row:
    event = draw.weighted(EVENTS)
    handoff = None
    if event == "user_escalation_indicated":
        channel = draw.one_of(("email", "zendesk", "slack"))
        handoff = {"channel": channel, "agent_email": draw.one_of(AGENTS), "wait_s": draw.number(20, 5_400)}
    return {
        "happened_at": at + timedelta(microseconds=draw.number(0, 999)),
        "event": event,
        "conversation_id": f"cnv_{draw.token(10)}",
        "account_id": ACCOUNT_IDS_START + 2 * draw.number(0, 90),
        "plan": draw.weighted(PLANS),
        "product": draw.weighted(PRODUCTS),
        "is_internal": draw.chance(0.04),
        "message_count": draw.number(1, 24),
        "resolved": None if draw.chance(0.3) else draw.chance(0.7),
        "satisfaction": None if draw.chance(0.6) else draw.decimal(1, 5, 2),
        "tags": None if draw.chance(0.1) else draw.some_of(TAGS, 3),
        "handoff": handoff,
    }


def _write_parquet(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, out, row_group_size=300, compression="zstd", compression_level=9, version="2.6")
    return out.getvalue()
