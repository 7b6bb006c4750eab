"""What the sandbox says that it did is what `backfill verify` finds: no event more, no event less."""

import csv
import hashlib
import json
import os
import re
import signal
import time
from pathlib import Path

import jsonschema
import pytest

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, delivered, finish, row_of, start, write_job, write_rows

FAST = ("--patience", "0", "--rate", "max")
WORDS = {"forgotten": "missing", "doubled": "doubled", "altered": "altered"}


def verify(job: Path, sandbox: SandboxProcess, *options: str | Path) -> Said:
    return call("verify", "--endpoint", sandbox.url, *FAST, *options, job)


def did(sandbox: SandboxProcess) -> dict[str, str]:
    """What the sandbox says that it did to which event, in the words of verifying."""
    return {line["id"]: WORDS[line["fault"]] for line in sandbox.attempts() if line["fault"] in WORDS}


def told(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return {row["id"]: row["finding"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("stringify", [False, True])
@pytest.mark.parametrize("keep", ["", "keep = true"])
def test_exactly_the_events_that_the_sandbox_spoilt_are_named(
    tmp_path: Path, stringify: bool, keep: str
) -> None:
    faults = ["--forget", "3%", "--alter", "3%", "--double", "3%", "--page-rows", "70"]
    more = ["--stringify"] if stringify else []
    with delivered(tmp_path, *faults, *more, top=keep) as (job, sandbox):
        found = verify(job, sandbox, "-o", tmp_path / "differences.csv")
        spoilt = did(sandbox)
        assert found.code == 9, found.err
        assert told(tmp_path / "differences.csv") == spoilt
        assert set(spoilt.values()) == {"missing", "doubled", "altered"}
        counts = {word: list(spoilt.values()).count(word) for word in WORDS.values()}
        said = json.loads(verify(job, sandbox, "--json").out)
        assert {word: said[word] for word in counts} == counts
        assert (said["asked"], said["confirmed"], said["unknown"]) == (300, 300 - len(spoilt), 0)


def test_what_is_as_it_was_sent_is_confirmed_and_said_so(tmp_path: Path) -> None:
    with delivered(tmp_path) as (job, sandbox):
        found = verify(job, sandbox)
        assert (found.code, found.err) == (0, "")
        *lines, effort = found.out.splitlines()
        assert lines == [
            "docs: all 300 delivered events are at the destination, once each and as they were sent",
            "  confirmed  300  there once, and as sent",
            "  missing      0",
            "  doubled      0",
            "  altered      0",
            "  unknown      0",
            "  others       0  of the same types, from 2024-01-31 to 2024-01-31, that this job did not send",
        ]
        assert re.fullmatch(r"  each was asked for by its id: 1 query in \d\.\d s", effort)


def test_the_altered_field_is_named_with_what_was_sent_and_what_is_there(tmp_path: Path) -> None:
    with delivered(tmp_path, "--alter", "100%", rows=40) as (job, sandbox):
        assert verify(job, sandbox, "-o", tmp_path / "d.jsonl").code == 9
        lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
        at = {line["field"]: line for line in lines}
        assert at.keys() == {"createdAt", "type", "properties.count"}
        assert (at["properties.count"]["expected"], at["properties.count"]["found"]) == (
            "1",
            '"altered by the sandbox"',
        )
        assert at["type"]["found"] == '"search_query_submitted_altered"'
        assert {line["file"] for line in lines} == {"log.csv"}
        assert sorted(line["row"] for line in lines) == list(range(1, 41))


def test_where_the_source_is_gone_an_altered_event_is_unknown_and_never_confirmed(tmp_path: Path) -> None:
    with delivered(tmp_path, "--alter", "100%", rows=10) as (job, sandbox):
        (tmp_path / "log.csv").unlink()
        found = verify(job, sandbox, "--json")
        said = json.loads(found.out)
        assert (found.code, said["unknown"], said["confirmed"]) == (5, 10, 0)
        assert said["message"] == (
            "Of 10 of 10 events it can't be told whether they are there as they were sent: it isn't written as it was "
            "sent, and what was sent isn't kept any more: whether it differs can't be told"
        )


def test_repair_sends_what_is_missing_again_with_the_same_ids_and_content(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "10%") as (job, sandbox):
        lost = did(sandbox)
        found = verify(job, sandbox, "--repair")
        assert (found.code, found.err) == (0, "")
        assert (
            f"  sent {len(lost)} missing events again, with the same ids: {len(lost)} are there now"
            in found.out.splitlines()
        )
        stored = {line["id"] for line in sandbox.events()}
        assert lost.keys() <= stored
        assert len(stored) == 300
        assert sum(1 for _ in sandbox.attempts()) == 300 + len(lost)
        assert verify(job, sandbox).code == 0


def test_what_cannot_be_had_any_more_is_not_sent_and_is_told(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "10%") as (job, sandbox):
        lost = did(sandbox)
        (tmp_path / "log.csv").unlink()
        found = verify(job, sandbox, "--repair")
        assert found.code == 9
        assert (
            f"  {len(lost)} missing events can't be sent again: neither their parts nor their source give them as they "
            "were sent" in found.out.splitlines()
        )
        assert sum(1 for _ in sandbox.attempts()) == 300


def test_a_key_that_only_writes_says_nothing_of_the_events(tmp_path: Path) -> None:
    with delivered(tmp_path, "--refuse-queries") as (job, sandbox):
        found = verify(job, sandbox)
        assert found.code == 6
        assert found.err.splitlines()[-2:] == [
            (
                "Expected a key that can read, found one that can't (the key can't read: status 403): of the events "
                "nothing can be told"
            ),
            (
                "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY); web, Slack, Discord, Copilot and "
                "MCP keys only write"
            ),
        ]
        said = json.loads(verify(job, sandbox, "--json").out)
        assert (said["missing"], said["confirmed"], said["asked"]) == (0, 0, 0)


def test_a_sample_says_what_it_proves(tmp_path: Path) -> None:
    with delivered(tmp_path) as (job, sandbox):
        found = verify(job, sandbox, "--sample", "100")
        assert found.code == 0
        assert found.out.splitlines()[0] == (
            "docs: all 100 events drawn from 300 delivered ones are at the destination, once each and as they were sent"
        )
        assert "  of 100, none missing: fewer than 3 % are, with 95 % confidence" in found.out


def test_a_job_that_never_ran_has_nothing_to_verify(tmp_path: Path) -> None:
    job = write_job(tmp_path, 3)
    os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = "k"
    try:
        found = call("verify", "--endpoint", "http://127.0.0.1:9", job)
    finally:
        del os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"]
    assert (found.code, found.out) == (0, "docs: no event was delivered yet, so there is nothing to verify\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_it_goes_on_where_it_was(tmp_path: Path, number: signal.Signals) -> None:
    with delivered(tmp_path, "--forget", "1%", "--page-rows", "40", rows=1_200) as (job, sandbox):
        slowly = ("--patience", "0", "--rate", "10/s")
        running = start("verify", "--endpoint", sandbox.url, *slowly, job, key=sandbox.api_key)
        time.sleep(2.5)
        running.send_signal(number)
        assert finish(running).code == (-number if number == signal.SIGKILL else 130)
        said = json.loads(verify(job, sandbox, "--json").out)
        assert said["asked"] == 1_200
        assert said["missing"] == len(did(sandbox))
        assert said["confirmed"] == 1_200 - said["missing"]


def test_a_receipt_says_what_was_delivered_and_how_that_can_be_checked(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "2%") as (job, sandbox):
        flags = ("--endpoint", sandbox.url)
        first = call("receipt", *flags, job, "--ids", tmp_path / "ids.txt")
        assert first.code == 0, first.err
        said = json.loads(first.out)
        jsonschema.validate(said, json.loads(call("schema", "--receipt").out))
        ids = sorted(line["id"] for line in sandbox.attempts())
        assert (tmp_path / "ids.txt").read_text().splitlines() == ids
        assert said["ids_sha256"] == hashlib.sha256((tmp_path / "ids.txt").read_bytes()).hexdigest()
        assert said["books"] == {
            "read": 300,
            "delivered": 300,
            "rejected": 0,
            "duplicate": 0,
            "skipped": 0,
            "pending": 0,
        }
        assert said["events"] == [
            {"day": "2024-01-31", "entity_type": "search", "type": "search_query_submitted", "events": 300}
        ]
        [source] = said["sources"]
        assert source["sha256"] == hashlib.sha256((tmp_path / "log.csv").read_bytes()).hexdigest()
        assert (said["verification"], said["previous_sha256"]) == (None, None)
        assert call("receipt", *flags, job).out == first.out  # nothing new to say: the same receipt
        assert verify(job, sandbox).code == 9
        second = json.loads(call("receipt", *flags, job).out)
        assert second["verification"]["missing"] == len(did(sandbox))
        assert second["previous_sha256"] == hashlib.sha256(first.out.encode()).hexdigest()
        text = call("receipt", *flags, job, "--format", "text").out
        assert "  verified    all 300 events, " in text
        assert f"  before it   {second['previous_sha256']}" in text


def test_there_is_no_receipt_of_a_load_that_never_was(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=3) as (job, sandbox):
        found = call("receipt", "--endpoint", sandbox.url, "--load", "7", job)
        assert (found.code, found.err) == (
            2,
            (
                f"Expected load 7 of docs whose files are kept, found loads 1 to 1 - {job}\nSee them: backfill loads "
                f"{job} --endpoint {sandbox.url}\n"
            ),
        )


def test_a_sample_that_was_cut_short_is_no_part_of_a_verification_of_all(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=600) as (job, sandbox):
        slowly = ("--patience", "0", "--rate", "2/s", "--sample", "599")
        running = start("verify", "--endpoint", sandbox.url, *slowly, job, key=sandbox.api_key)
        time.sleep(1.2)
        running.kill()
        finish(running)
        said = json.loads(verify(job, sandbox, "--json").out)
        assert (said["asked"], said["confirmed"], said["loads"][0]["sample"]) == (600, 600, None)


def test_what_was_delivered_since_a_verification_was_cut_short_is_verified_too(tmp_path: Path) -> None:
    with delivered(tmp_path, "--page-rows", "40", rows=400) as (job, sandbox):
        running = start(
            "verify", "--endpoint", sandbox.url, "--patience", "0", "--rate", "4/s", job, key=sandbox.api_key
        )
        time.sleep(2.5)
        running.kill()
        assert finish(running).code == -signal.SIGKILL
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 421)))
        assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 0
        said = json.loads(verify(job, sandbox, "--json").out)
        assert (said["asked"], said["confirmed"], said["others"]) == (420, 420, 0)


def test_what_was_corrected_since_is_asked_for_as_it_was_sent_last(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=20) as (job, sandbox):
        settings = '[source]\nmode = "incremental"\non_change = "restage"\non_correction = "send"'
        job.write_text(job.read_text().replace("[source]", settings))
        rows = [row_of(number, count=99 if number == 4 else 1) for number in range(1, 23)]
        write_rows(tmp_path / "log.csv", rows)
        assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 0
        found = verify(job, sandbox)
        assert (found.code, found.err) == (0, "")
        lines = found.out.splitlines()
        assert lines[0] == (
            "docs: all 22 delivered events are at the destination, once each and as they were sent"
        )
        assert lines[-1] == (
            "  of 1 more, a later load sent a corrected row under the same id: what was sent last is what was asked for"
        )
        said = json.loads(verify(job, sandbox, "--json").out)
        counts = ("delivered", "superseded", "confirmed", "others")
        assert [said[word] for word in counts] == [22, 1, 22, 0]
        told = json.loads(call("status", "--json", "--endpoint", sandbox.url, job).out)["verification"]
        assert (told["delivered"], told["share"]) == (22, 1.0)


def test_what_a_retry_of_corrections_sent_is_asked_for_as_it_was_sent_last(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=20) as (job, sandbox):
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        job.write_text(job.read_text().replace('"log.csv"', '"log*.csv"'))
        write_rows(tmp_path / "log-2.csv", [row_of(4, count=99), row_of(21)])
        where = ("--endpoint", sandbox.url)
        assert call("run", "--quiet", *where, job).code == 0
        assert call("retry", "--quiet", *where, "--corrections", job).code == 0
        said = json.loads(verify(job, sandbox, "--json").out)
        counts = ("delivered", "superseded", "confirmed", "others", "exit_code")
        assert [said[word] for word in counts] == [21, 1, 21, 0, 0]
