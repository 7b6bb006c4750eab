"""Kills runs into a destination that keeps doubles and loses answers, for `make soak`: nothing may be there twice."""

import random
import signal
import time
from pathlib import Path
from typing import NamedTuple

from etl.sandbox.process import SandboxProcess
from tests.faults.trial import Trial
from tests.workbench import finish

__all__ = ["Uncertainty", "try_uncertain"]

EVENTS = 20_000
KILLS_A_TRIAL = 10
_FAULTS = ("--no-dedupe", "--lose-answers", "10%", "--latency-ms", "5:20")
# Visible after so many seconds, and the patience that goes with it.
_DESTINATIONS = ((0, "4s"), (5, "15s"))


class Uncertainty(NamedTuple):
    """What the trials came to: events lost, stored twice, and what else went wrong."""

    trials: int
    kills: int
    lost: int
    doubled: int
    problem: str


def try_uncertain(root: Path, kills: int, *flags: str) -> Uncertainty:
    """Kill runs with `flags` at random until there were `kills`, ten a trial, then finish each trial and count what is
    there.
    """
    rng, problem = random.Random(34), ""
    trials = killed = lost = doubled = 0
    while killed < kills and not problem:
        visible_after, patience = _DESTINATIONS[trials % len(_DESTINATIONS)]
        trials += 1
        faults = (*_FAULTS, "--visible-after", str(visible_after))
        with SandboxProcess(*faults) as sandbox:
            one = Trial(root / f"uncertain{trials}{'-'.join(flags)}", sandbox, EVENTS)
            text = one.job.read_text(encoding="utf-8")
            one.job.write_text(text.replace('patience = "1s"', f'patience = "{patience}"'), encoding="utf-8")
            killed += sum(_kill_somewhere(one, rng, *flags) for _ in range(KILLS_A_TRIAL))
            said = one.run()
            if said.code not in (0, 3):
                problem = f"the last run ended with {said.code}: {said.err.strip()[-80:]}"
                continue
            tally = one.tally()
            lost, doubled = lost + tally.lost, doubled + tally.doubled
    return Uncertainty(trials, killed, lost, doubled, problem)


def _kill_somewhere(one: Trial, rng: random.Random, *flags: str) -> bool:
    """Run until some events more were sent, or while it asks for those of before; return whether it was killed."""
    process = one.start(*flags)
    wanted = one.sandbox.stats()["attempts"] + rng.randint(0, 2 * EVENTS // KILLS_A_TRIAL)
    most_at = time.monotonic() + rng.uniform(2.0, 8.0)
    while process.poll() is None and one.sandbox.stats()["attempts"] < wanted and time.monotonic() < most_at:
        time.sleep(0.01)
    process.kill()
    return finish(process).code == -signal.SIGKILL
