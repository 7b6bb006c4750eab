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
        faults = ("--no-dedupe", "--lose-answers", "10%", "--visible-after", str(visible_after))
        with SandboxProcess(*faults) as sandbox:
            one = Trial(root / f"uncertain{trials}{'-'.join(flags)}", sandbox, EVENTS)
            text = one.job.read_text(encoding="utf-8")
            one.job.write_text(text.replace('patience = "1s"', f'patience = "{patience}"'), encoding="utf-8")
            for _ in range(KILLS_A_TRIAL):
                process = one.start(*flags)
                time.sleep(rng.uniform(0.6, 3.0))
                process.kill()
                killed += finish(process).code == -signal.SIGKILL
            said = one.run()
            if said.code not in (0, 3):
                problem = f"the last run ended with {said.code}: {said.err.strip()[-80:]}"
                continue
            tally = one.tally()
            lost, doubled = lost + tally.lost, doubled + tally.doubled
    return Uncertainty(trials, killed, lost, doubled, problem)
