"""A dry run tells what a run would do, row for row, and what is in its way."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.errors import InputError
from etl.job.load import load_job
from etl.report.progress import SilentProgress
from etl.sandbox.process import SandboxProcess
from etl.validation.event_counts import EventTally, is_changed_hour
from etl.validation.survey import DryOptions, validate_job
from etl.values.findings import Finding, Validation
from tests.workbench import ROOT, call, row_of, run_here, write_job, write_rows

NOW = time.time()


def validate(job: Path, **options: Any) -> Validation:
    return validate_job(load_job(job), DryOptions(**options), SilentProgress(), wall_clock=lambda: NOW)


def set_id(job: Path, spec: str) -> Path:
    job.write_text(job.read_text().replace('id = { columns = ["id"] }', f"id = {spec}"))
    return job


def find(found: Validation, code: str) -> Finding:
    return next(finding for finding in found.findings if finding.code == code)


def codes(found: Validation) -> dict[str, int]:
    return {finding.code: finding.rows for finding in found.findings}


@pytest.mark.parametrize("name", ["chat-messages", "conversations", "docs-search", "widget-events"])
def test_the_sample_jobs_come_to_the_books_that_a_run_ends_with(name: str) -> None:
    expected = json.loads((ROOT / "sample_data" / "expected.json").read_text())[name]
    outcome = validate(ROOT / "jobs" / f"{name}.toml").outcome
    books = outcome.books
    assert (books.read, books.pending, books.rejected) == (
        expected["read"],
        expected["delivered"],
        expected["rejected"],
    )
    assert (books.duplicate, books.skipped) == (expected["duplicate"], expected["skipped"])
    assert outcome.rejects == expected["rejects"]
    assert books.balances


def test_the_forecast_is_what_a_run_then_stores(tmp_path: Path) -> None:
    rows = [
        row_of(n, at=f"2024-0{n % 3 + 1}-{n % 28 + 1:02d}T0{n % 9}:30:00Z", count=n) for n in range(1, 200)
    ]
    job = write_job(tmp_path, [*rows, rows[3], rows[7], row_of(900, at="never"), row_of(901, action="?")])
    forecast = validate(job).forecast
    assert forecast is not None
    with SandboxProcess() as sandbox:
        assert run_here(job, sandbox).books.delivered == forecast.events == 199
        stored = [line["event"] for line in sandbox.events()]
    days = Counter(event["createdAt"][:10] for event in stored)
    assert {day.day: day.events for day in forecast.days} == days
    times = [datetime.fromisoformat(event["createdAt"]) for event in stored]
    assert (forecast.first_at, forecast.last_at) == (min(times), max(times))
    hours = Counter(time.weekday() * 24 + time.hour for time in times)
    assert list(forecast.hours) == [hours.get(hour, 0) for hour in range(168)]
    assert sum(count for _, count in forecast.bodies.buckets) == 199


def test_rejects_are_grouped_by_cause_with_examples_and_the_line_that_decides(tmp_path: Path) -> None:
    bad = [row_of(n, action="zap") for n in range(10, 15)] + [row_of(20, count="many")]
    job = write_job(tmp_path, [row_of(1), *bad, "2,too,short"])
    found = validate(job)
    assert [(f.code, f.rows) for f in found.findings] == [
        ("unmapped_value", 5),
        ("malformed_record", 1),
        ("unparsable_value", 1),
    ]
    unmapped = find(found, "unmapped_value")
    assert [(example.file, example.row) for example in unmapped.examples] == [
        ("log.csv", 2),
        ("log.csv", 3),
        ("log.csv", 4),
    ]
    line = job.read_text().splitlines()[(unmapped.job_line or 0) - 1]
    assert line.startswith("type = ")
    assert "`zap` ×5" in unmapped.what
    assert unmapped.share == pytest.approx(5 / 8)
    assert find(found, "unparsable_value").fix.endswith('leave out cast = "int"')
    assert find(found, "malformed_record").examples[0].line == 9


def test_more_rejects_than_the_job_allows_is_exit_10(tmp_path: Path) -> None:
    bad = [row_of(n, action="zap") for n in range(2)]
    assert validate(write_job(tmp_path, [row_of(5), *bad], max_rejects="2")).outcome.exit_code == 3
    over = validate(write_job(tmp_path, [row_of(5), *bad], max_rejects="1")).outcome
    assert (over.exit_code, over.state) == (10, "aborted")
    assert "Expected at most 1 rejects, found 2 of 3 rows" in over.message


def test_events_that_share_an_id_but_differ_are_a_collision(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2), row_of(1, count=7), row_of(2)])
    collision = find(validate(job), "id_collision")
    assert (collision.level, collision.rows) == ("warning", 2)
    assert collision.examples[0].text == "another event with the id of row 1"
    assert collision.examples[1].text == "repeats row 2"


@pytest.mark.parametrize(
    ("setting", "level", "code", "what"),
    [
        ("report", "warning", "id_collision", "1 of them: those wait for `retry --corrections`"),
        ("send", "warning", "id_collision", "1 of them: the last of each id is sent"),
        ("reject", "error", "conflict", '1 of them: on_correction = "reject"'),
    ],
)
def test_what_becomes_of_them_is_what_a_run_makes_of_them(
    tmp_path: Path, setting: str, level: str, code: str, what: str
) -> None:
    job = write_job(
        tmp_path,
        [row_of(1), row_of(2), row_of(1, count=7), row_of(2)],
        source=f'on_correction = "{setting}"',
    )
    found = validate(job)
    assert find(found, code).level == level
    assert find(found, code).what.endswith(what)
    with SandboxProcess() as sandbox:
        ran = run_here(job, sandbox)
    dry = found.outcome
    assert dry.books.pending == ran.books.delivered
    assert (dry.books.rejected, dry.books.duplicate) == (ran.books.rejected, ran.books.duplicate)
    assert (dry.exit_code, dry.rejects) == (ran.exit_code, ran.rejects)


def test_repeats_by_content_are_a_note_and_do_not_fail(tmp_path: Path) -> None:
    found = validate(set_id(write_job(tmp_path, [row_of(1), row_of(2), row_of(1)]), "{}"))
    assert found.outcome.exit_code == 0
    assert find(found, "duplicate").level == "note"
    assert found.outcome.books.duplicate == 1


def test_numbered_repeats_are_kept_within_a_file_and_collapse_across_files(tmp_path: Path) -> None:
    job = set_id(write_job(tmp_path, paths="*.csv"), '{ duplicates = "number" }')
    write_rows(tmp_path / "a.csv", [row_of(1), row_of(1), row_of(1), row_of(2)])
    write_rows(tmp_path / "b.csv", [row_of(1), row_of(1), row_of(3)])
    outcome = validate(job).outcome
    with SandboxProcess() as sandbox:
        ran = run_here(job, sandbox)
    assert (outcome.books.pending, outcome.books.duplicate) == (5, 2)
    assert (ran.books.delivered, ran.books.duplicate) == (5, 2)


def test_duplicates_are_found_across_parts_of_many_rows(tmp_path: Path) -> None:
    rows = [row_of(n) for n in range(150_000)]
    found = validate(write_job(tmp_path, [*rows, rows[0], rows[149_999]]))
    assert found.outcome.books.duplicate == 2
    assert found.forecast is not None
    assert found.forecast.events == sum(kind.events for kind in found.forecast.kinds) == 150_000


def test_dates_at_midnight_are_noticed_in_the_jobs_own_zone(tmp_path: Path) -> None:
    rows = [row_of(n, at=f"2024-01-{n % 28 + 1:02d}T05:00:00Z", count=n) for n in range(60)]
    job = write_job(tmp_path, rows)
    assert "midnight_times" not in codes(validate(job))
    text = job.read_text().replace('{ column = "at" }', '{ column = "at", timezone = "America/New_York" }')
    job.write_text(text)
    assert codes(validate(job))["midnight_times"] == 60


def test_a_zone_that_is_called_like_a_clock_and_knows_no_summer_is_noticed(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(n, at="2024-07-01T05:00:00") for n in range(3)])
    text = job.read_text()
    job.write_text(text.replace('{ column = "at" }', '{ column = "at", timezone = "EST" }'))
    (finding,) = [found for found in validate(job).findings if found.code == "fixed_offset_zone"]
    assert (finding.level, finding.rows) == ("warning", 3)
    assert finding.what == "`EST` is 5 hours behind UTC all year: it knows no summer time"
    assert finding.fix == (
        'name the place whose clock it is: timezone = "America/New_York"; without summer time: '
        '"America/Panama"'
    )
    job.write_text(text.replace('{ column = "at" }', '{ column = "at", timezone = "America/New_York" }'))
    assert "fixed_offset_zone" not in codes(validate(job))


def test_personal_data_is_noticed_by_property(tmp_path: Path) -> None:
    rows = [
        f"{n:05d},2024-01-31T09:30:00Z,q,mail who{n}@example.com or call +1 415 555 0100,{n}"
        for n in range(9)
    ]
    rows.append("00099,2024-01-31T09:30:00Z,q,pay with 4111 1111 1111 1111,1")
    rows.append("00100,2024-01-31T09:30:00Z,q,order 4111 1111 1111 1112,1")
    found = [
        finding for finding in validate(write_job(tmp_path, rows)).findings if finding.code == "personal_data"
    ]
    assert [(finding.field, finding.rows) for finding in found] == [
        ("searchQuery", 9),
        ("searchQuery", 9),
        ("searchQuery", 1),
    ]
    assert "card number" in found[2].what


def test_the_largest_body_names_its_fattest_field(tmp_path: Path) -> None:
    found = validate(write_job(tmp_path, [row_of(1), f"2,2024-01-31T09:30:00Z,q,{'x' * 5000},1"]))
    assert found.forecast is not None
    largest = found.forecast.bodies.largest[0]
    assert (largest.row, largest.fattest, largest.fattest_bytes) == (2, "searchQuery", 5002)
    assert found.forecast.bodies.largest_bytes == largest.body_bytes


def test_a_sample_reads_no_more_than_it_must(tmp_path: Path) -> None:
    found = validate(write_job(tmp_path, 200_000), sample=10)
    assert 10 <= found.outcome.books.read < 200_000


def test_a_file_with_a_header_alone_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Expected rows, found none"):
        validate(write_job(tmp_path, 0))


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    job = write_job(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    validate(job)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_endpoint_is_never_asked_and_no_key_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INKEEPANALYTICS_API_INTEGRATION_KEY", raising=False)
    with SandboxProcess() as sandbox:
        said = call("validate", write_job(tmp_path, upload=f'endpoint = "{sandbox.url}"'))
        assert sandbox.stats()["attempts"] == 0
    assert said.code == 0


def test_ids_that_would_change_from_what_was_delivered_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxProcess() as sandbox:
        monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
        job = write_job(tmp_path, upload=f'endpoint = "{sandbox.url}"')
        assert call("run", job).code == 0
        assert "changed_ids" not in codes(validate(job))
        job.write_text(job.read_text().replace('columns = ["id"]', 'columns = ["id", "at"]'))
        changed = find(validate(job), "changed_ids")
    assert changed.level == "warning"
    assert "10 would get another id" in changed.what


def test_rejects_are_written_with_their_original_columns(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zap"), "3,short"])
    for suffix in ("jsonl", "csv", "parquet"):
        validate(job, rejects_out=tmp_path / f"out.{suffix}")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(line["row"], line["code"]) for line in lines] == [(2, "unmapped_value"), (3, "malformed_record")]
    assert lines[0]["source"]["action"] == "zap"
    assert "add them to the map" in lines[0]["fix"]
    assert lines[1]["raw"] == "3,short"
    assert pl.read_parquet(tmp_path / "out.parquet")["code"].to_list() == [
        "unmapped_value",
        "malformed_record",
    ]
    assert "zap" in (tmp_path / "out.csv").read_text("utf-8-sig")


def test_taking_events_out_again_leaves_no_trace_but_the_extremes() -> None:
    facts = pl.DataFrame(
        {
            "created_at": [0, 3_600_000_000],
            "type": ["a", "b"],
            "entity_type": ["message"] * 2,
            "size": [100, 300],
        },
        schema_overrides={"size": pl.UInt32},
    )
    tally = EventTally()
    tally.add(facts)
    tally.remove(facts[1:])
    assert (tally.events, tally.total_bytes, dict(tally.kinds)) == (
        1,
        100,
        {("message", "a"): 1, ("message", "b"): 0},
    )
    assert list(tally.days_in_order()) == [("1970-01-01", "message", "a", 1)]
    assert tally.buckets[128] == 1


def test_the_hour_that_comes_twice_is_known() -> None:
    before = int(datetime(2023, 11, 5, 7, tzinfo=UTC).timestamp()) // 3600
    changed = [
        hour - before for hour in range(before - 24, before + 48) if is_changed_hour("America/New_York", hour)
    ]
    assert changed == [-2, -1]


def test_an_id_of_messages_that_many_rows_share_is_warned_about(tmp_path: Path) -> None:
    rows = "".join(f"{n},2024-01-01T10:{n // 60 % 60:02d}:{n % 60:02d}Z,room{n % 7}\n" for n in range(539))
    (tmp_path / "log.csv").write_text("n,at,room\n" + rows)
    job = tmp_path / "j.toml"
    job.write_text(
        'name = "j"\n[source]\npaths = ["log.csv"]\n[event]\ntype = { value = "user_message_submitted" }\n'
        'entityType = { value = "message" }\nmessageId = "room"\ncreatedAt = "at"\n[event.properties]\nn = "n"\n'
    )
    found = find(validate(job), "shared_message_id")
    assert found.what == (
        "`messageId` has 7 values in the 539 bodies looked at: a message has an id of its own"
    )
    assert (found.level, found.rows, found.job_line) == ("warning", 539, 7)
