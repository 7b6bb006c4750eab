"""Signals, kills and two runs at once, with real processes."""

import json
import random
import signal
import time
from pathlib import Path

import pytest

from etl.interrupt import SIGNALS
from tests.faults.trial import MOST_RESENT, Trial, trial
from tests.workbench import call, finish


def wait_until_stored(one: Trial, count: int) -> None:
    deadline = time.monotonic() + 30
    while one.sandbox.stats()["stored"] < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_at_random_moments_it_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(4)
    with trial(tmp_path / "kill", "--latency-ms", "1:4", events=3000) as one:
        kills = 0
        for _ in range(2):
            process = one.start()
            time.sleep(rng.uniform(0.3, 1.6))
            process.kill()
            kills += finish(process).code == -signal.SIGKILL
        tally = one.finish_and_check(most_resent=2 * MOST_RESENT)
        assert kills
        assert tally.resent <= kills * MOST_RESENT


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_drains_what_is_in_flight_and_the_rest_is_resumed(
    tmp_path: Path, number: signal.Signals
) -> None:
    with trial(tmp_path / "drain", "--latency-ms", "30", events=900) as one:
        process = one.start()
        wait_until_stored(one, 100)
        process.send_signal(number)
        said = finish(process)
        assert said.code == 128 + number, said
        outcome = json.loads(said.out)
        assert outcome["state"] == "interrupted"
        assert outcome["rows"]["pending"] > 0
        assert len(one.stored()) == outcome["rows"]["delivered"]
        one.finish_and_check(most_resent=0)


def test_a_second_signal_stops_it_before_any_answer_and_it_is_still_resumable(tmp_path: Path) -> None:
    number = signal.SIGTERM
    with trial(tmp_path / "twice", "--latency-ms", "20000", events=300) as one:
        process = one.start()
        deadline = time.monotonic() + 20
        while one.sandbox.stats()["attempts"] < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        time.sleep(0.3)
        assert process.poll() is None, "it waits for what is in flight"
        process.send_signal(number)
        said = finish(process)
        assert said.code == 128 + number
        assert "stopped at once: run the same command again to go on" in said.err


def test_a_signal_while_staging_leaves_nothing_half_done(tmp_path: Path) -> None:
    with trial(tmp_path / "staging", events=60_000) as one:
        process = one.start()
        deadline = time.monotonic() + 20
        while not list(one.folder.glob(".backfill/*/loads/.staging-*")) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        said = finish(process)
        assert said.code == 143, said
        assert one.sandbox.stats()["attempts"] == 0
        assert not list(one.place.glob("loads/0*"))
        status = call("status", one.job, "--endpoint", one.sandbox.url)
        assert status.out.startswith("docs: interrupted; run it again to go on")


def test_of_two_runs_the_second_sends_nothing_and_says_who_holds_the_job(tmp_path: Path) -> None:
    with trial(tmp_path / "two", events=1500) as one:
        process = one.start("--rate", "50/s")
        wait_until_stored(one, 20)
        second = one.run()
        assert process.poll() is None, "the second waits for the first"
        assert second.code == 8
        told = json.loads(second.out)["message"]
        assert f"held by `backfill run {one.job}`, pid {process.pid} on " in told
        live = call("status", one.job, "--endpoint", one.sandbox.url, "--json")
        standing = json.loads(live.out)
        assert (standing["state"], standing["phase"], standing["pid"]) == ("running", "sending", process.pid)
        assert standing["rejects"] == {"unparsable_timestamp": 15}
        assert 0 < standing["percent"] < 100
        process.kill()
        finish(process)
        after = json.loads(call("status", one.job, "--endpoint", one.sandbox.url, "--json").out)
        assert (after["state"], after["pid"]) == ("killed", None)
        one.finish_and_check()


def test_a_stale_lock_file_and_a_stale_status_need_no_hand(tmp_path: Path) -> None:
    with trial(tmp_path / "stale", events=200) as one:
        folder = one.folder / ".backfill" / f"docs@127.0.0.1-{one.sandbox.url.rsplit(':', 1)[1]}"
        folder.mkdir(parents=True)
        (folder / "lock").write_text(
            json.dumps({"pid": 1, "host": "elsewhere", "since": 0, "command": "backfill run"})
        )
        (folder / "status.json").write_text(json.dumps({"state": "running", "pid": 1, "phase": "sending"}))
        assert call("status", one.job, "--endpoint", one.sandbox.url).out.startswith("docs: never run")
        one.finish_and_check()
