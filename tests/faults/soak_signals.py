"""How soon a signal is heeded, by the clock: while a load is staged, and the second one while answers are outstanding.

Each returns how many trials there were, how many of them hit, and the first fault found.
"""

import random
import signal
import subprocess
import time
from pathlib import Path

from etl.interrupt import SIGNALS
from tests.faults.trial import trial
from tests.workbench import finish

MOST_SECONDS_TO_STOP_STAGING, MOST_SECONDS_AFTER_THE_SECOND = 5.0, 1.0

Tried = tuple[int, int, str]


def try_signals_while_staging(root: Path) -> Tried:
    """Signal a run while it stages: it ends within five seconds, and nothing is half done."""
    rng, hits, problem = random.Random(5), 0, ""
    for number in SIGNALS:
        with trial(root / f"staging{number}", events=120_000) as one:
            process = one.start()
            while process.poll() is None and not list(one.folder.glob(".backfill/*/loads/.staging-*")):
                time.sleep(0.002)
            time.sleep(rng.uniform(0.0, 0.3))
            took = stop(process, number)
            hits += process.returncode == 128 + number
            if took > MOST_SECONDS_TO_STOP_STAGING:
                problem = problem or f"{number.name}: took {took:.1f} s"
            if one.sandbox.stats()["attempts"] and not list(one.place.glob("loads/0*")):
                problem = problem or "sent what was not staged"
    return len(SIGNALS), hits, problem


def try_second_signals(root: Path) -> Tried:
    """Signal twice a run that waits for answers which come in minutes: it ends within a second of the second."""
    hits, problem = 0, ""
    for number in SIGNALS:
        with trial(root / f"second{number}", "--latency-ms", "600000", events=300) as one:
            process = one.start()
            while process.poll() is None and not one.sandbox.stats()["attempts"]:
                time.sleep(0.01)
            process.send_signal(number)
            time.sleep(0.3)
            took = stop(process, number)
            hits += process.returncode == 128 + number
            if took > MOST_SECONDS_AFTER_THE_SECOND:
                problem = problem or f"{number.name}: took {took:.1f} s"
    return len(SIGNALS), hits, problem


def stop(process: subprocess.Popen[str], number: signal.Signals) -> float:
    """Send the signal, and return after how many seconds the process was gone."""
    process.send_signal(number)
    at = time.monotonic()
    finish(process)
    return time.monotonic() - at
