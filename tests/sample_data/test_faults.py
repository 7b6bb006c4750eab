"""The sample files hold the faults that `faults.json` lists, where it says, and no others.

Judged by the standard library and pyarrow, row by row: neither the generator nor the tool is asked.
"""

import csv
import gzip
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from etl.event import ENTITY_FIELDS, MAX_BODY_BYTES

SAMPLES = Path(__file__).parents[2] / "sample_data"
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
ACTIONS = {"copy", "code_copy", "thumbs_up", "thumbs_down", "link_open", "source_click"}

Judged = Iterator[tuple[str, int, str]]  # file, row, outcome


def judge_chat_messages() -> Judged:
    seen: set[str] = set()
    for path in sorted(SAMPLES.glob("chat-messages-2024-*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header, *records = (record for record in csv.reader(lines) if record)
        for number, record in enumerate(records, start=1):
            if len(record) != len(header):
                yield path.name, number, "malformed_record"
                continue
            row = dict(zip(header, record, strict=True))
            outcome = judge_chat_message(row)
            yield path.name, number, judge_repeat(outcome, row["event_id"], seen)


def judge_chat_message(row: dict[str, str]) -> str:
    if row["page_url"].startswith("https://staging."):
        return "skipped"
    if not row["message_id"]:
        return "missing_required"
    if row["action"] not in ACTIONS:
        return "unmapped_value"
    if row["latency_ms"] and not row["latency_ms"].isdecimal():
        return "unparsable_value"
    try:
        at = datetime.fromisoformat(row["occurred_at"])
    except ValueError:
        return "unparsable_timestamp"
    return "delivered" if at >= EARLIEST else "timestamp_out_of_range"


def judge_conversations() -> Judged:
    seen: set[str] = set()
    name = "conversations-2024.parquet"
    for number, row in enumerate(pq.read_table(SAMPLES / name).to_pylist(), start=1):
        outcome = "delivered"
        if row["is_internal"]:
            outcome = "skipped"
        elif not row["conversation_id"]:
            outcome = "missing_required"
        elif row["satisfaction"] is not None and math.isnan(row["satisfaction"]):
            outcome = "number_not_finite"
        elif row["happened_at"] < EARLIEST:
            outcome = "timestamp_out_of_range"
        yield name, number, judge_repeat(outcome, repr(row), seen)


def judge_docs_search() -> Judged:
    seen: set[str] = set()
    for path in sorted(SAMPLES.glob("search-2023-*.tsv.gz")):
        text = gzip.decompress(path.read_bytes()).decode("utf-8", "surrogateescape")
        csv.field_size_limit(len(text))
        records = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
        for number, record in enumerate(records, start=1):
            if len(record) != 10:
                yield path.name, number, "malformed_record"
                continue
            outcome = judge_search(record)
            key = repr((record[0], record[1], record[4], record[5]))
            yield path.name, number, judge_repeat(outcome, key, seen)


def judge_search(record: list[str]) -> str:
    started, region, query, filters = record[1], record[3], record[5], record[9]
    if any("\udc80" <= letter <= "\udcff" for letter in query):
        return "invalid_utf8"
    if region == "test":
        return "skipped"
    if "NULL" in (started, query) or not query.strip():
        return "missing_required"
    if filters != "NULL" and not is_json(filters):
        return "invalid_json"
    if len(query.encode()) > MAX_BODY_BYTES:
        return "body_too_large"
    return judge_local_time(started)


def judge_local_time(text: str) -> str:
    try:
        at = datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=LOS_ANGELES)
    except ValueError:
        return "unparsable_timestamp"
    first, second = at.utcoffset(), at.replace(fold=1).utcoffset()
    assert first is not None
    assert second is not None
    if first == second:
        return "delivered"
    return "ambiguous_timestamp" if first > second else "nonexistent_timestamp"


def judge_widget_events() -> Judged:
    name = "widget-events.ndjson"
    lines = (SAMPLES / name).read_text(encoding="utf-8").split("\n")
    for number, line in enumerate((line for line in lines if line), start=1):
        row = json.loads(line) if is_json(line) else None
        yield name, number, judge_widget_event(row) if isinstance(row, dict) else "malformed_record"


def judge_widget_event(row: dict[str, Any]) -> str:
    if row["env"] != "prod":
        return "skipped"
    own_field = {"messageId": "message_id", "conversationId": "conversation_id", "searchQuery": "query"}
    if row["entity"] not in ENTITY_FIELDS:
        return "unknown_entity_type"
    if not row.get(own_field[ENTITY_FIELDS[row["entity"]]]):
        return "missing_required"
    if not isinstance(row["ts"], int):
        return "unparsable_timestamp"
    return "delivered" if row["ts"] >= EARLIEST.timestamp() * 1000 else "timestamp_out_of_range"


def judge_repeat(outcome: str, event_id: str, seen: set[str]) -> str:
    if outcome != "delivered":
        return outcome
    if event_id in seen:
        return "duplicate"
    seen.add(event_id)
    return outcome


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


JUDGES: dict[str, Callable[[], Judged]] = {
    "chat-messages": judge_chat_messages,
    "conversations": judge_conversations,
    "docs-search": judge_docs_search,
    "widget-events": judge_widget_events,
}


@pytest.mark.parametrize("job", JUDGES)
def test_each_fault_is_where_the_list_says_and_there_is_no_other(job: str) -> None:
    listed = json.loads((SAMPLES / "faults.json").read_text(encoding="utf-8"))
    mine = [(fault["file"], fault["row"], fault["outcome"]) for fault in listed if fault["job"] == job]
    found = [judged for judged in JUDGES[job]() if judged[2] not in ("delivered", "skipped")]
    assert found == [fault for fault in mine if fault[2] != "delivered"]


@pytest.mark.parametrize("job", JUDGES)
def test_books_expected_of_each_job_are_those_of_its_rows(job: str) -> None:
    expected = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))[job]
    outcomes = Counter(outcome for _, _, outcome in JUDGES[job]())
    counted = {name: outcomes.pop(name, 0) for name in ("delivered", "duplicate", "skipped")}
    assert expected == {
        "read": outcomes.total() + sum(counted.values()),
        "rejected": outcomes.total(),
        "rejects": dict(outcomes),
        **counted,
    }


def test_kept_repeats_of_widget_events_are_the_same_line_as_the_one_before() -> None:
    listed = json.loads((SAMPLES / "faults.json").read_text(encoding="utf-8"))
    rows = [fault["row"] for fault in listed if fault["outcome"] == "delivered"]
    text = (SAMPLES / "widget-events.ndjson").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line]
    assert len(rows) == 3
    assert len(set(lines)) == len(lines) - len(rows)
    for row in rows:
        assert lines[row - 1] == lines[row - 2]
