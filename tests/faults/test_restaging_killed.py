"""Killed while a half sent load is staged again under a mended mapping, the same command goes on, and no row goes
twice.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.trial import Trial, trial
from tests.workbench import finish

SENT = 500


def mend(one: Trial) -> None:
    """Let every event that is sent from here on carry another property, and so another id."""
    text = one.job.read_text(encoding="utf-8")
    one.job.write_text(text.replace("[upload]", 'mended = { value = "yes" }\n[upload]'), encoding="utf-8")


def check_all(one: Trial) -> None:
    """Each row was delivered once; the first ones as they were, the others mended; the books balance."""
    stored = one.stored()
    mended = [json.loads(event["body"])["properties"].get("mended") for event in stored.values()]
    assert len(stored) == one.events - one.events // 100
    assert (mended.count(None), mended.count("yes")) == (SENT, len(stored) - SENT)
    assert one.is_complete()


def kill_when(one: Trial, is_time: Callable[[], bool]) -> bool:
    """Run the command and kill it once `is_time`; return whether it came to that."""
    process = one.start("--accept-new-mapping")
    while process.poll() is None and not is_time():
        time.sleep(0.0005)
    process.kill()
    return finish(process).code == -9


@pytest.mark.parametrize("moment", ["staging", "staged", "recorded", "sending"])
def test_it_is_killed_and_goes_on(tmp_path: Path, moment: str) -> None:
    with trial(tmp_path, events=8_000 if moment == "staging" else 3000) as one:
        assert finish(one.start("--limit", str(SENT)), 120).code == 0
        mend(one)
        loads = one.place / "loads"
        moments: dict[str, Callable[[], bool]] = {
            "staging": (loads / ".staging-000002").exists,
            "staged": (loads / "000002").exists,
            "recorded": lambda: (loads / "000001" / "ids-00000.parquet").exists(),
            "sending": lambda: one.sandbox.stats()["attempts"] > SENT + 100,
        }
        assert kill_when(one, moments[moment])
        said = finish(one.start("--accept-new-mapping"), 120)
        assert said.code == 3, said
        check_all(one)
