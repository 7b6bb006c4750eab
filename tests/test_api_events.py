"""A job's typed events, from Python: one after the other, with what was left out never lost in silence."""

import re
import tracemalloc
import warnings
from itertools import islice
from pathlib import Path

import pytest

import etl
from etl.sandbox.process import SandboxProcess
from tests.workbench import ROOT, row_of, run_here, write_job


def test_the_events_are_what_a_run_sends(tmp_path: Path) -> None:
    job = write_job(tmp_path, 50)
    reader = etl.events(job)
    typed = list(reader)
    assert {type(event) for event in typed} == {etl.SearchEvent}
    assert (reader.read, reader.yielded, reader.skipped, reader.rejected) == (50, 50, 0, {})
    with SandboxProcess() as sandbox:
        assert run_here(job, sandbox).exit_code == 0
        stored = {line["id"]: line for line in sandbox.events()}
    assert {event.id for event in typed} == stored.keys()
    first = typed[0]
    assert (first.searchQuery, first.properties) == ("what is 1?", {"count": 1})
    assert first.createdAt.isoformat() == "2024-01-31T09:30:00+00:00"


def test_a_row_that_becomes_no_event_is_told_or_warned_of(tmp_path: Path) -> None:
    rows = [row_of(1), row_of(2, count="x"), "3,too,few", row_of(4, at="n/a"), row_of(5)]
    job = write_job(tmp_path, rows)
    told: list[etl.RejectedRow] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader = etl.events(job, on_reject=told.append)
        assert [event.searchQuery for event in reader if isinstance(event, etl.SearchEvent)] == [
            "what is 1?",
            "what is 5?",
        ]
    assert [(row.file, row.row, row.line, row.code, row.found) for row in told] == [
        ("log.csv", 2, 3, "unparsable_value", "x"),
        ("log.csv", 3, 4, "malformed_record", None),
        ("log.csv", 4, 5, "unparsable_timestamp", "n/a"),
    ]
    assert told[0].source == {"id": "00002", "at": "2024-01-31T09:30:00Z", "action": "q"} | {
        "query": "what is 2?",
        "count": "x",
    }
    assert told[1].raw == "3,too,few"
    assert reader.read == reader.yielded + reader.skipped + reader.rejected.total() == 5
    with pytest.warns(
        etl.RowsLeftOut,
        match=re.escape("3 of 5 rows became no event: ")
        + r"(\w+ 1(, )?){3}\. See each: events\(job, on_reject=print\)",
    ) as seen:
        assert len(list(etl.events(job))) == 2
    assert seen[0].filename == __file__


def test_what_the_filter_leaves_out_is_counted(tmp_path: Path) -> None:
    job = write_job(tmp_path, 10)
    job.write_text(job.read_text() + "[filter]\nsql = \"query <> 'what is 3?'\"\n")
    reader = etl.events(job)
    assert len(list(reader)) == 9
    assert (reader.read, reader.skipped) == (10, 1)


def test_memory_does_not_grow_with_the_rows_and_reading_may_stop_early(tmp_path: Path) -> None:
    job = write_job(tmp_path, 60_000)
    reader = etl.events(job)
    list(islice(reader, 100))
    tracemalloc.start()
    for _ in islice(reader, 40_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    reader.close()
    assert list(reader) == []


def test_a_file_that_is_gone_is_told_when_the_first_event_is_asked_for(tmp_path: Path) -> None:
    job = write_job(tmp_path, 1)
    (tmp_path / "log.csv").unlink()
    with pytest.raises(etl.InputError):
        next(etl.events(job))


def test_a_receipt_is_a_typed_value(tmp_path: Path) -> None:
    job = write_job(tmp_path, 5)
    outcome = etl.run(job, sandbox=True)
    assert outcome.exit_code == 0
    found = etl.receipt(job, sandbox=True)
    assert isinstance(found, etl.Receipt)
    assert (found.load, found.books.delivered, found.verification) == (1, 5, None)
    assert etl.receipt(job, load=1, sandbox=True) == found
    with pytest.raises(
        etl.JobError, match="Expected load 7 of docs whose files are kept, found loads 1 to 1"
    ):
        etl.receipt(job, load=7, sandbox=True)


def test_the_examples_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    [example] = [
        text for text in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "on_reject" in text
    ]
    (tmp_path / "jobs").symlink_to(ROOT / "jobs")
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(example, names)
    assert names["by_day"]
    assert names["left_out"]
