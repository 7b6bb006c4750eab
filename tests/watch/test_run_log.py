import io
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from etl.values.books import Books
from etl.watch.run_log import RunLog
from etl.watch.sinks import LogFile, logger_sink, old_logs, stream_sink
from tests.watch.runs import SECRET_CELL, outcome_of

BOOKS = Books(read=10, delivered=3, rejected=2, pending=5)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tell_all(log: RunLog) -> None:
    log.run_started(12, "https://api.example.org/tenant-token/")
    log.staged(4, BOOKS, files=2, seconds=0.5)
    log.sending(4, BOOKS, rate_per_second=20.0)
    log.settled(4, BOOKS, seconds=2.0, statuses={200: 3, 503: 1, 0: 2})
    log.rejected({"malformed_record": 2})
    log.stopped("outage")
    log.finished(outcome_of(5, state="incomplete", message=f"Gave up for now: 503: {SECRET_CELL}"))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_leaves_its_own_log_of_what_happened_in_order(tmp_path: Path) -> None:
    with RunLog("search", folder=tmp_path / "logs", wall_clock=lambda: 0.0) as log:
        tell_all(log)
        path = log.path
    assert path == tmp_path / "logs/run-000012.jsonl"
    lines = read_lines(path)
    assert [line["event"] for line in lines] == [
        "run_started",
        "staged",
        "sending",
        "settled",
        "rejected",
        "stopped",
        "finished",
    ]
    assert {line["job"] for line in lines} == {"search"}
    assert {line["run"] for line in lines} == {12}
    assert [line.get("load") for line in lines] == [None, 4, 4, 4, None, None, None]
    assert lines[3]["statuses"] == {"none": 2, "200": 3, "503": 1}
    assert lines[6]["exit_code"] == 5
    assert [line["level"] for line in lines] == ["info", "info", "info", *["warning"] * 3, "error"]


def test_nothing_that_a_server_said_and_no_path_of_the_endpoint_is_logged(tmp_path: Path) -> None:
    stream = io.StringIO()
    with RunLog("search", (stream_sink(stream, "text"),), folder=tmp_path) as log:
        tell_all(log)
        text = log.path.read_text() + stream.getvalue() if log.path else ""
    assert "finished" in text
    assert SECRET_CELL not in text
    assert "tenant-token" not in text


@pytest.mark.parametrize("exit_code", [4, 7, 8])
def test_what_is_wrong_with_files_and_disks_is_logged_word_for_word(exit_code: int) -> None:
    stream = io.StringIO()
    log = RunLog("search", (stream_sink(stream, "json"),))
    log.finished(outcome_of(exit_code, state="failed", message="found it changed - a.csv"))
    assert json.loads(stream.getvalue())["reason"] == "found it changed - a.csv"


def test_logs_are_for_the_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        LogFile(tmp_path / "logs", 1, keep=3).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "logs/run-000001.jsonl").stat().st_mode) == 0o600


def test_only_the_newest_logs_are_kept_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for run in range(1, 6):
        LogFile(tmp_path, run, keep=2).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "notes.txt",
        "run-000004.jsonl",
        "run-000005.jsonl",
    ]


def test_the_newest_log_is_the_one_with_the_highest_number() -> None:
    assert old_logs(["run-1000000.jsonl", "run-999999.jsonl", "run-x.jsonl"], keep=1) == ["run-999999.jsonl"]
    assert old_logs(["run-000001.jsonl"], keep=1) == []


def test_progress_is_logged_at_most_once_a_minute() -> None:
    stream, clock = io.StringIO(), Clock()
    log = RunLog("search", (stream_sink(stream, "json"),), clock=clock)
    log.sending(1, BOOKS, rate_per_second=None)
    for _ in range(600):
        clock.now += 0.25
        log.progressed(1, BOOKS, per_second=4.0)
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["sending", "progress", "progress"]


def test_a_folder_that_can_not_be_written_is_said_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder goes")
    stream = io.StringIO()
    with RunLog("search", (stream_sink(stream, "json"),), folder=tmp_path / "logs") as log:
        tell_all(log)
        assert log.path is None
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events[:3] == ["run_started", "no_log_file", "staged"]


def test_a_stream_that_fails_is_dropped_and_the_others_go_on() -> None:
    broken, stream = io.StringIO(), io.StringIO()
    broken.close()
    log = RunLog("search", (stream_sink(broken, "json"), stream_sink(stream, "json")))
    tell_all(log)
    assert len(stream.getvalue().splitlines()) == 7


def test_a_disk_that_is_full_stops_nothing() -> None:
    full, stream = Path("/dev/full").open("w"), io.StringIO()  # noqa: SIM115 - to close it fails, too
    tell_all(RunLog("search", (stream_sink(full, "json"), stream_sink(stream, "json"))))
    assert len(stream.getvalue().splitlines()) == 7
    with pytest.raises(OSError, match="No space left"):
        full.close()


def test_a_bug_in_the_run_is_the_last_line_of_its_log(tmp_path: Path) -> None:
    def crash() -> None:
        with RunLog("search", folder=tmp_path) as log:
            log.run_started(1, "http://127.0.0.1")
            raise ZeroDivisionError(SECRET_CELL)

    with pytest.raises(ZeroDivisionError):
        crash()
    last = read_lines(tmp_path / "run-000001.jsonl")[-1]
    assert (last["event"], last["level"], last["cause"]) == ("crashed", "error", "ZeroDivisionError")
    assert SECRET_CELL not in (tmp_path / "run-000001.jsonl").read_text()


def test_a_program_that_runs_jobs_gets_the_lines_through_pythons_own_logging() -> None:
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger = logging.Logger("test")
    logger.addHandler(Keep())
    tell_all(RunLog("search", (logger_sink(logger),)))
    assert [record.levelno for record in records[-2:]] == [logging.WARNING, logging.ERROR]
    assert records[1].__dict__["backfill"]["rows"]["read"] == 10
