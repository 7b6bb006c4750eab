"""Events whose answer was lost, or that were on their way when a run was killed: asked for, not sent twice."""

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from etl.ledger.store import Ledger
from tests.faults.trial import Trial, trial
from tests.workbench import Said, call, finish

KEEPS_DOUBLES = ("--no-dedupe", "--lose-answers", "10%")


def with_patience(one: Trial, patience: str) -> Trial:
    text = one.job.read_text(encoding="utf-8")
    one.job.write_text(text.replace('patience = "1s"', f'patience = "{patience}"'), encoding="utf-8")
    return one


def told(said: Said) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads(said.out)["uncertain"]
    return counts


def test_a_destination_that_keeps_doubles_holds_each_event_once_after_kills_and_lost_answers(
    tmp_path: Path,
) -> None:
    rng = random.Random(34)
    with trial(
        tmp_path / "kept", *KEEPS_DOUBLES, "--visible-after", "1", "--latency-ms", "2", events=3000
    ) as one:
        with_patience(one, "3s")
        kills = 0
        for _ in range(2):
            process = one.start()
            time.sleep(rng.uniform(1.2, 2.2))
            process.kill()
            kills += finish(process).code == -signal.SIGKILL
        said = one.run()
        assert said.code == 3, said
        tally = one.tally()
        assert (tally.lost, tally.doubled, tally.resent) == (0, 0, 0)
        assert kills
        with Ledger.open_existing(one.place) as ledger:
            # And what was answered, but not yet on disk when the run was killed.
            assert ledger.proofs.count_found(1) >= one.sandbox.stats()["by_fault"]["answer-lost"]


def test_what_was_lost_and_not_stored_is_sent_again_after_the_patience(tmp_path: Path) -> None:
    with trial(tmp_path / "reset", "--no-dedupe", "--reset", "5%", events=300) as one:
        said = with_patience(one, "1s").run()
        assert said.code == 3, said
        counts = told(said)
        assert counts["sent_again"] == one.sandbox.stats()["by_fault"]["reset"] > 0
        assert counts["found_there"] == 0
        assert (one.tally().lost, one.tally().doubled) == (0, 0)


def test_a_run_says_that_it_asks_and_what_it_found(tmp_path: Path) -> None:
    with trial(tmp_path / "said", *KEEPS_DOUBLES, events=200) as one:
        said = finish(one.start("--limit", "100"))
        one.run()
        counts = told(said)
        assert counts["found_there"] > 0
        assert counts["sent_again"] == counts["doubled"] == counts["altered"] == 0
        assert counts["reads"] is True
        assert one.tally().resent == 0


def test_a_key_that_only_writes_sends_again_as_ever_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trial(tmp_path / "blind", "--refuse-queries", "--lose-answers", "10%", events=200) as one:
        monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", one.sandbox.api_key)
        said = call("run", "--quiet", "--endpoint", one.sandbox.url, one.job)
        assert said.code == 3, said
        assert (
            "  the key can't read: status 403: uncertain events are sent again, unasked: "
            "a destination that keeps doubles may hold some of them twice\n"
        ) in said.out
        assert one.tally().lost == 0


def test_a_key_that_reads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trial(tmp_path / "reads", *KEEPS_DOUBLES, events=200) as one:
        monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", one.sandbox.api_key)
        said = call("run", "--quiet", "--endpoint", one.sandbox.url, one.job)
        assert said.code == 3, said
        lost = one.sandbox.stats()["by_fault"]["answer-lost"]
        assert f"  uncertain: {lost} found there, 0 sent again\n" in said.out
        assert "  the key reads: uncertain events are asked for before they are sent again\n" in said.out


def test_a_run_that_must_ask_sends_nothing_with_a_key_that_cannot_read(tmp_path: Path) -> None:
    with trial(tmp_path / "must", "--refuse-queries", events=100) as one:
        said = finish(one.start("--on-uncertain", "ask"))
        assert said.code == 6, said
        outcome = json.loads(said.out)
        assert outcome["message"] == (
            'Expected a key that can read, as on_uncertain = "ask" wants, found: the key can\'t read: status 403'
        )
        assert outcome["fix"] == (
            "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY), or let uncertain events be sent again: "
            'on_uncertain = "resend" under [upload], or --on-uncertain resend; nothing was sent'
        )
        assert one.sandbox.stats()["attempts"] == 0


def test_sending_again_at_once_can_be_asked_for(tmp_path: Path) -> None:
    with trial(tmp_path / "resend", *KEEPS_DOUBLES, events=300) as one:
        said = finish(one.start("--on-uncertain", "resend"))
        assert said.code == 3, said
        assert told(said) == {
            "found_there": 0,
            "sent_again": 0,
            "pending": 0,
            "doubled": 0,
            "altered": 0,
            "reads": None,
        }
        assert json.loads(said.out)["resent"] > 0


def test_an_interrupt_while_events_are_held_leaves_them_pending_and_the_next_run_asks(tmp_path: Path) -> None:
    with trial(tmp_path / "held", *KEEPS_DOUBLES, "--visible-after", "6", events=300) as one:
        with_patience(one, "12s")
        process = one.start()
        while one.sandbox.stats()["attempts"] < one.events - one.events // 100:
            time.sleep(0.05)
        time.sleep(0.5)  # all is sent, and what was lost is waited for
        process.send_signal(signal.SIGINT)
        said = finish(process)
        assert said.code == 130, said
        held = json.loads(said.out)["rows"]["pending"]
        assert held == told(said)["pending"] == one.sandbox.stats()["by_fault"]["answer-lost"]
        said = one.run()
        assert said.code == 3, said
        assert told(said)["found_there"] == held
        assert one.tally().resent == 0
