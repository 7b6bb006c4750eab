"""Hints that would have a run stand still: told while it waits, and an outage where it would be for too long."""

import json
import time
from pathlib import Path

import pytest

from etl.send.account import SendProgress
from etl.upload.audience import _note
from tests.send.serving import serving
from tests.send.sink import Reply, Request
from tests.workbench import call, finish, start, write_job


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "CANARY-c0ffee")


STALLING = {
    "one in 31 years": (
        {"RateLimit-Limit": "1;w=999999999"},
        "the server allows one event in 999,999,999 s (`RateLimit-Limit: 1;w=999999999`), longer than max_wait, 3600 s",
    ),
    "one a day": (
        {"RateLimit-Policy": '"daily";q=1;w=86400'},
        (
            'the server allows one event in 86,400 s (`RateLimit-Policy: "daily";q=1;w=86400`), longer than max_wait, '
            "3600 "
            "s"
        ),
    ),
    "a far reset": (
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "999999"},
        "the server asks to wait 999,999 s (`X-RateLimit-Reset: 999999`), longer than max_wait, 3600 s",
    ),
    "later today": (
        {"Retry-After": "3601"},
        "the server asks to wait 3,601 s (`Retry-After: 3601`), longer than max_wait, 3600 s",
    ),
}


@pytest.mark.parametrize("how", STALLING)
def test_a_hint_that_asks_for_too_long_ends_the_run_with_the_header_quoted(tmp_path: Path, how: str) -> None:
    headers, said_so = STALLING[how]
    job = write_job(tmp_path, 50)
    with serving(lambda request: Reply(headers=headers, body=request.body)) as sink:
        said = call("run", "--quiet", "--json", "--endpoint", sink.url, job)
    assert said.code == 5, said
    assert json.loads(said.out)["message"] == f"Gave up for now: {said_so} - POST {sink.url}/events"


def test_how_long_is_too_long_the_job_says(tmp_path: Path) -> None:
    job = write_job(tmp_path, 50, upload='max_wait = "2s"')
    with serving(lambda request: Reply(headers={"Retry-After": "3"}, body=request.body)) as sink:
        said = call("run", "--quiet", "--json", "--endpoint", sink.url, job)
    assert said.code == 5
    assert "asks to wait 3 s (`Retry-After: 3`), longer than max_wait, 2 s" in json.loads(said.out)["message"]


def test_a_wait_that_is_kept_stands_in_the_log_and_the_progress(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        return Reply(headers={"Retry-After": "3599"}, body=request.body)

    with serving(answer) as sink:
        process = start(
            "run",
            "--log-format",
            "json",
            "--endpoint",
            sink.url,
            write_job(tmp_path, 50),
            key="CANARY-c0ffee",
        )
        deadline = time.monotonic() + 30
        logs = tmp_path / ".backfill"
        while time.monotonic() < deadline and not any(
            "waiting" in path.read_text() for path in logs.rglob("logs/*")
        ):
            time.sleep(0.1)
        process.terminate()
        said = finish(process)
    assert said.code == 143
    line = next(line for line in said.err.splitlines() if '"waiting"' in line)
    found = json.loads(line)
    assert (found["asked_by"], found["seconds"] > 3590) == ("Retry-After", True)


def test_the_progress_says_what_is_waited_for() -> None:
    now = SendProgress(state="paused", wait_seconds=3599.2, asked="Retry-After: 3599")
    assert _note(now) == "the server asks to wait 3,599 s: Retry-After: 3599"
