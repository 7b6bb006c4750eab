"""Real logs, end to end: every event with its own time and an id that its body alone gives, each once."""

import json
import signal
import time
import uuid
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etl.ledger.settler import BATCH_EVENTS
from etl.sandbox.process import SandboxProcess
from etl.send.concurrency import MAX_IN_FLIGHT
from tests.workbench import SHARED_DATA, call, finish, start

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://api.analytics.inkeep.com/events")
MOST_RESENT = MAX_IN_FLIGHT + 2 * BATCH_EVENTS

pytestmark = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real logs are not beside this checkout")

GITTER = """
name = "gitter"
[source]
paths = ["{data}/gitter_datascience.tsv"]
[source.csv]
header = false
columns = ["room_id", "room_uri", "sent_at", "from_userid", "from_username", "message_id", "text"]
[event]
entityType = {{ value = "message" }}
type = {{ value = "user_message_submitted" }}
messageId = "message_id"
createdAt = "sent_at"
[event.properties]
room = "room_uri"
text = "text"
[event.userProperties]
id = "from_userid"
[upload]
rate = "max"
patience = "2s"
"""
SEARCHES = """
name = "searches"
[source]
paths = ["{data}/search_log.tsv"]
[source.csv]
header = false
columns = ["UserId", "Start", "Region", "Query", "Duration", "Urls", "ClickedUrls"]
null_values = ["", "NULL"]
[event]
entityType = {{ value = "search" }}
type = {{ value = "search_query_submitted" }}
searchQuery = "Query"
createdAt = {{ column = "Start", format = "%m/%d/%Y %I:%M:%S %p", timezone = "America/Los_Angeles" }}
[event.properties]
urls = {{ column = "Urls", split = ";" }}
[upload]
rate = "max"
patience = "2s"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text.format(data=SHARED_DATA))
    return path


def recompute_id(body: str) -> str:
    event_id = json.loads(body)["id"]
    return str(uuid.uuid5(NAMESPACE, body.replace(f'"id":"{event_id}",', "", 1)))


def stored(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    return list(sandbox.events())


def test_a_chat_log_is_delivered_whole_killed_and_resumed(tmp_path: Path) -> None:
    job = write(tmp_path, GITTER)
    with SandboxProcess("--latency-ms", "1") as sandbox:
        arguments = ("run", "--json", "--endpoint", sandbox.url, job)
        process = start(*arguments, key=sandbox.api_key)
        while sandbox.stats()["stored"] < 1500:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert finish(process).code == -signal.SIGKILL
        resumed = finish(start(*arguments, key=sandbox.api_key))
        outcome = json.loads(resumed.out)
        events, stats = stored(sandbox), sandbox.stats()
        again = finish(start(*arguments, key=sandbox.api_key))
        assert sandbox.stats()["attempts"] == stats["attempts"]
    assert resumed.code == 0, resumed.err
    rows = outcome["rows"]
    assert rows["read"] == rows["delivered"] == 7636
    assert rows["read"] == sum(
        rows[word] for word in ("delivered", "rejected", "duplicate", "skipped", "pending")
    )
    assert json.loads(again.out)["rows"]["read"] == 0
    assert len(events) == len({event["id"] for event in events}) == 7636
    assert stats["attempts"] - 7636 <= MOST_RESENT
    assert all(recompute_id(event["body"]) == event["id"] for event in events)
    times = Counter(json.loads(event["body"])["createdAt"] for event in events)
    assert times == Counter(_times_of_gitter())


def _times_of_gitter() -> list[str]:
    import csv

    with (SHARED_DATA / "gitter_datascience.tsv").open(encoding="utf-8", newline="") as file:
        return [record[2] for record in csv.reader(file, delimiter="\t")]


def test_a_search_log_is_delivered_with_every_row_at_its_time_in_utc(tmp_path: Path) -> None:
    job = write(tmp_path, SEARCHES)
    lines = (SHARED_DATA / "search_log.tsv").read_text(encoding="utf-8-sig").splitlines()
    zone = ZoneInfo("America/Los_Angeles")
    expected: Counter[str] = Counter()
    for line in lines:
        local = datetime.strptime(line.split("\t")[1], "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=zone)
        expected[local.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S.000Z")] += 1
    said = call("run", "--sandbox", "--json", job)
    rows = json.loads(said.out)["rows"]
    assert said.code == 0, said.err
    assert rows["read"] == rows["delivered"] + rows["duplicate"] == len(lines)
    with SandboxProcess(store=tmp_path / ".backfill" / "sandbox.db") as sandbox:
        found = Counter(json.loads(event["body"])["createdAt"] for event in stored(sandbox))
    assert sum(found.values()) == rows["delivered"]
    assert not found - expected
