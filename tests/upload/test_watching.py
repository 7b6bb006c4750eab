"""What a run tells to whoever isn't there, all of it together."""

import io
import json
from pathlib import Path

from etl.errors import StateError
from etl.job.load import load_job
from etl.ledger.store import Ledger
from etl.sandbox.process import SandboxProcess
from etl.upload.watching import JobWatch, history_of, metrics_of
from etl.values.books import Books
from etl.values.outcome import Outcome
from etl.watch.sinks import stream_sink
from tests.watch.runs import outcome_of, receiving
from tests.workbench import place_of, row_of, run_here, write_job

NOTIFY = '[notify]\nwebhook_env = "HOOK"\nheartbeat_env = "BEAT"\n[state]\nkeep_logs = 2'


def test_a_run_is_in_its_log_its_notice_and_its_heartbeat(tmp_path: Path) -> None:
    job = load_job(write_job(tmp_path, 3, top=NOTIFY))
    stream = io.StringIO()
    with receiving() as hook, receiving() as beat:
        environ = {"HOOK": hook.url, "BEAT": f"{beat.url}/ping"}
        with JobWatch(
            job, tmp_path, environ, (stream_sink(stream, "json"),), wall_clock=lambda: 5.0
        ) as watch:
            with Ledger.open(tmp_path / "docs", job="docs", endpoint="sandbox") as ledger:
                watch.begin(
                    ledger.start_run(None, started_at=5.0).number,
                    "https://api.example.org",
                    history_of(ledger),
                )
            watch.watcher.staged(1, Books(read=10, pending=10), files=1, seconds=0.1)
            watch.end(outcome_of(5, state="incomplete", job="docs"), staged_at=5.0)
        assert beat.paths == ["/ping/start", "/ping/fail"]
        [notice] = hook.requests
    assert json.loads(notice.body)["text"].startswith("backfill docs: incomplete, exit 5")
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["run_started", "staged", "rejected", "finished"]
    assert (tmp_path / "logs/run-000001.jsonl").read_text() == stream.getvalue()


def test_a_run_that_never_got_a_number_is_told_too(tmp_path: Path) -> None:
    job = load_job(write_job(tmp_path, 3, top=NOTIFY))
    error = StateError("Expected room to write, found the disk full - /state", "Free some")
    with receiving() as hook, receiving() as beat:
        environ = {"HOOK": hook.url, "BEAT": beat.url}
        with JobWatch(job, tmp_path, environ, wall_clock=lambda: 5.0) as watch:
            watch.end(Outcome("docs", "failed", error.exit_code, message=error.problem, fix=error.fix))
        assert "found the disk full - /state" in json.loads(hook.requests[0].body)["text"]
        assert beat.paths == ["/fail"]
    assert not (tmp_path / "logs").exists()


def test_a_notice_that_fails_is_a_line_of_the_log_without_the_address(tmp_path: Path) -> None:
    job = load_job(write_job(tmp_path, 3, top=NOTIFY))
    with receiving(500) as hook:
        environ = {"HOOK": f"{hook.url}/S3CR3T"}
        with JobWatch(job, tmp_path, environ, wall_clock=lambda: 5.0) as watch:
            with Ledger.open(tmp_path / "docs", job="docs", endpoint="sandbox") as ledger:
                watch.begin(1, "https://api.example.org", history_of(ledger))
            watch.end(outcome_of(5, state="incomplete"))
    text = (tmp_path / "logs/run-000001.jsonl").read_text()
    reasons = [
        line.get("reason") for line in map(json.loads, text.splitlines()) if line["event"] == "notice_failed"
    ]
    assert reasons == [
        "heartbeat (BEAT): is not set",
        "webhook (HOOK): status 500",
        "heartbeat (BEAT): is not set",
    ]
    assert "S3CR3T" not in text


def test_what_the_ledger_knows_of_the_past_and_the_metrics(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2), row_of(3)])
    folder = place_of(job).folder
    assert run_here(job, sandbox, limit=1).books.pending == 2
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        [load], [run] = ledger.loads(), ledger.runs()
        history = history_of(ledger)
        assert (history.last_new_at, history.last_run_at) == (load.staged_at, run.ended_at)
        entry = metrics_of(ledger, outcome_of(0), started_at=1.0, ended_at=2.0)
        assert (entry.succeeded_at, entry.job_pending) == (None, 2)
    assert run_here(job, sandbox).exit_code == 0
    with Ledger.open(folder, job="docs", endpoint="sandbox") as ledger:
        entry = metrics_of(ledger, outcome_of(0), started_at=1.0, ended_at=2.0)
        assert (entry.succeeded_at, entry.job_pending) == (ledger.runs()[-1].ended_at, 0)


def test_a_job_that_never_ran_has_no_past(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "docs", job="docs", endpoint="sandbox") as ledger:
        history = history_of(ledger)
        assert (history.last_new_at, history.last_run_at) == (None, None)
